"""Whether a diff may be tried, or a person must look at it first."""

from __future__ import annotations

from posixpath import normpath

from netra_loop.adapters.redact import Redactor
from netra_loop.core.diff import changes_in
from netra_loop.core.oracle import PROTECTED, Rules, kept_for_tests, misplaced
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Remedy
from netra_loop.core.weakening import weakened


def judge(diff: str, remedy: Remedy, plan: Plan) -> tuple[str, ...]:
    """Why a person must look at a diff first; nothing where nobody must.

    What goes back to a commit that was proven good is the user's own code, and the tests have passed with it: of that
    only the place is judged.
    """
    environment = plan.environment
    target = environment.target(remedy.target)
    paths = [target.health.path, *(each.path for each in target.health.endpoints)] if target.health else []
    checker = environment.compliance.argv if environment.compliance else ()
    protected = (*PROTECTED, *environment.protect, *map(normpath, checker), *kept_for_tests(plan.suites, target.source))
    rules = Rules((target.source,), protected, is_secret=_holds_a_secret)
    try:
        changes = changes_in(diff)
    except ValueError as error:
        return (f"the diff cannot be judged: {error}",)
    found = (*misplaced(changes, rules), *(() if remedy.commit else weakened(changes, paths)))
    return tuple(dict.fromkeys(map(str, found)))


def _holds_a_secret(text: str) -> bool:
    """Whether a text has the shape of a token or key."""
    return Redactor().text(text) != text
