"""How the worklog tells what the platform told."""

from __future__ import annotations

from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Diagnosed
from netra_loop.core.signals import Changed, Drift, Requests
from netra_loop.views.signals import signals, signals_of
from tests.stories import Story, usual_plan

LOG = LogsSeen("backend", "revision=backend-2", "from/to", "backend-2", 1234, True)
DRIFT = Drift(
    "backend",
    "backend-1",
    "ultimate-1",
    "backend-2",
    (Changed("memory", "512Mi", "256Mi"), Changed("variable `X`", None, "1")),
    commits=3,
    files=2,
    paths=("app.py", "a`b.py"),
)


def told(*drifts: Drift, requests: tuple[Requests, ...] = ()) -> list[str]:
    story = Story(usual_plan()).begin().start("diagnose")
    story.end("diagnose", Outcome.PASSED, seen=Diagnosed((), (), 0, drifts=drifts, requests=requests))
    return signals(signals_of(story.session))


def test_requests_stand_in_one_table_with_what_was_cut() -> None:
    served = Requests(LOG, {"2xx": 1200, "5xx": 34}, 0.02, 1.5)

    assert told(requests=(served,)) == [
        "",
        "### Requests that the tested revisions served",
        "",
        "| Iteration | Service | Requests | Successful | Client errors | Server errors | Median "
        "| Ninety-fifth percentile |",
        "|---|---|---|---|---|---|---|---|",
        "| 1 | `backend` | 1234, truncated | 1200 | 0 | 34 | 0.02 s | 1.5 s |",
    ]


def test_what_differs_from_the_good_revision_is_told_line_by_line() -> None:
    assert told(DRIFT) == [
        "",
        "### `backend` since it was last proven good",
        "",
        "Iteration 1 tested `backend-2`; `backend-1` was good in `ultimate-1`.",
        "- `memory`: `512Mi` -> `256Mi`",
        "- `` variable `X` ``: (not set) -> `1`",
        "- 3 commits, 2 changed files: `app.py`, ``a`b.py``",
    ]


def test_nothing_is_told_where_nothing_was_looked_at() -> None:
    assert told() == []
