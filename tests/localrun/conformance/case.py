"""A case of the table, and how a check becomes one."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from tests.localrun.conformance.world import World

SPEC = "Knative Serving API specification"
CONTRACT = "Knative runtime contract"
RUN = "Cloud Run container contract"
DOCS = "Cloud Run documentation"

Check = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a document asks. `deviates` is the README's row on it, empty where it holds.

    The check shows what is done here, in either case.
    """

    id: str
    area: str
    asks: str
    source: str
    check: Check
    deviates: str


def case(area: str, source: str, deviates: str = "") -> Callable[[Check], Case]:
    """Make a case of a check: its name is the id, and the first paragraph of its docstring is what is asked."""

    def of(check: Check) -> Case:
        asks = inspect.cleandoc(check.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        return Case(check.__name__.replace("_", "-"), area, asks, source, check, deviates)

    return of
