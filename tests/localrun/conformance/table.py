"""The whole table."""

from tests.localrun.conformance import api, runtime, serving, surroundings

CASES = [*api.CASES, *runtime.CASES, *serving.CASES, *surroundings.CASES]
