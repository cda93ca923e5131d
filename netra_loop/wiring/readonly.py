"""That a session which is to change nothing has changed nothing: looked at before, and again after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netra_loop.core.errors import InternalError
from netra_loop.core.plan import Plan
from netra_loop.wiring.place import Place


@contextmanager
def untouched(place: Place, plan: Plan, url: str) -> Iterator[None]:
    """Around a read-only session; raises InternalError where commit, files or services are others than before.

    url: the API's, empty for Google's.
    """
    before = _state(place, plan, url) if plan.read_only else {}
    yield
    after = _state(place, plan, url) if plan.read_only else {}
    changed = [name for name, state in before.items() if after[name] != state]
    if changed:
        hint = (
            "somebody else may have done it; if nobody did, it is a bug of ours: the session's journal tells what ran"
        )
        raise InternalError(f"a read-only session found these changed at its end: {', '.join(changed)}", hint)


def _state(place: Place, plan: Plan, url: str) -> dict[str, str]:
    """Digests of the project's files, of its commit, and of each service."""
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.content import digest_of
    from netra_loop.adapters.git import read_git

    git = read_git(place.project)
    cloud = CloudRun(plan.environment, url)
    services = {f"service {each.service}": repr(cloud.service(each.service)) for each in plan.environment.targets}
    files = digest_of(place.project)
    return {"the commit": repr((git.sha, git.branch) if git else None), "the project's files": files} | services
