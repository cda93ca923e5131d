"""Our conformance table: what the documents of Knative and Cloud Run ask, and whether the embedded one does it."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.api", f"{__name__}.runtime", f"{__name__}.world")
