"""Our conformance table: what the documents of Knative and Cloud Run ask, and whether the embedded one does it."""

import pytest

CHECKS = ("api", "runtime", "serving", "surroundings", "world")

pytest.register_assert_rewrite(*(f"{__name__}.{room}" for room in CHECKS))
