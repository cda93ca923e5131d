"""Our conformance table: what the documents of Knative and Cloud Run ask, and whether the embedded one does it."""
