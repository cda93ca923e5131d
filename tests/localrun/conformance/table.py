"""The whole table."""

from tests.localrun.conformance import api, runtime, serving, surroundings
from tests.localrun.conformance.case import Case

CASES = [
    found
    for module in (api, runtime, serving, surroundings)
    for found in vars(module).values()
    if isinstance(found, Case)
]
