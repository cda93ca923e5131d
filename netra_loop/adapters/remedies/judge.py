"""Whether a diff may be tried, or a person must look at it first."""

from __future__ import annotations

from netra_loop.adapters.redact import Redactor
from netra_loop.core.diff import changes_in
from netra_loop.core.oracle import PROTECTED, Rules, misplaced
from netra_loop.core.plan import Environment
from netra_loop.core.problem import Remedy
from netra_loop.core.weakening import weakened


def judge(diff: str, remedy: Remedy, environment: Environment) -> tuple[str, ...]:
    """Why a person must look at a diff first; nothing where nobody must.

    What goes back to a commit that was proven good may go back to its limits and health answers too: the tests have
    passed with them.
    """
    target = environment.target(remedy.target)
    paths = [target.health.path, *(each.path for each in target.health.endpoints)] if target.health else []
    rules = Rules((target.source,), (*PROTECTED, *environment.protect), is_secret=_holds_a_secret)
    try:
        changes = changes_in(diff)
    except ValueError as error:
        return (f"the diff cannot be judged: {error}",)
    found = (*misplaced(changes, rules), *(() if remedy.commit else weakened(changes, paths)))
    return tuple(dict.fromkeys(map(str, found)))


def _holds_a_secret(text: str) -> bool:
    """Whether a text has the shape of a token or key."""
    return Redactor().text(text) != text
