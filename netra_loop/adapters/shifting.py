"""Sets a service's traffic by revision name until it is in effect: the same for every act that shifts traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import is_passing
from netra_loop.adapters.publish import POLL, Tell, wait_for
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.seen import Share
from netra_loop.core.traffic import percents

SHIFT_TIMEOUT = 110.0  # seconds for one change of the traffic until it is in effect
TRIES = 5
PAUSE = 0.2  # seconds before the second try, twice as long before each one that follows

Lines = Callable[[ServiceState], Sequence[Share]]


class ForeignChange(Exception):
    """Somebody else has changed the traffic, so we leave it alone."""


class ServiceGone(Exception):
    """There is no service of that name any more."""


async def set_traffic(cloud: CloudRun, name: str, lines: Lines, tell: Tell) -> ServiceState:
    """The service once these lines are in effect. What is so already is left alone; once begun it is not cut short.

    lines: what the traffic shall be, of the service as it is now. A call that met a conflict, or whose answer was lost,
    is made again after another look: it may have been carried out. Raises what went wrong with the last try.
    """
    pause = PAUSE
    with anyio.fail_after(SHIFT_TIMEOUT, shield=True):
        for left in reversed(range(TRIES)):
            try:
                return await _tried(cloud, name, lines, tell)
            except Exception as error:
                if not left or not is_passing(error):
                    raise
            await anyio.sleep(pause)
            pause *= 2
    raise AssertionError("the last try returns or raises")


async def present(cloud: CloudRun, name: str) -> ServiceState:
    """The service as it is now. Raises ServiceGone."""
    service = await to_thread.run_sync(cloud.service, name)
    if service is None:
        raise ServiceGone(f"service {name} is gone")
    return service


def others_tags(service: ServiceState, *, ours: bool = False) -> list[Share]:
    """Lines that leave the tags of a service where they are; those of ours only if asked for."""
    tagged = (share for share in service.effective if share.tag)
    return [Share(s.revision, 0, s.tag) for s in tagged if ours or not s.tag.startswith(TAG_PREFIX)]


async def _tried(cloud: CloudRun, name: str, lines: Lines, tell: Tell) -> ServiceState:
    now = await present(cloud, name)
    wanted = lines(now)
    if any(_spelled_out(shares) != _spelled_out(wanted) for shares in (now.effective, now.wanted)):
        operation = await to_thread.run_sync(cloud.shift, now, wanted)
        tell({"operation": operation.operation.name})
        await wait_for(cloud, operation)
    while now.reconciling or not _in_effect(now, wanted):
        await anyio.sleep(POLL)
        now = await present(cloud, name)
    return now


def _in_effect(service: ServiceState, wanted: Sequence[Share]) -> bool:
    """Whether all of it is so; a tag that somebody else adds meanwhile is no reason to wait."""
    shares, tags = _spelled_out(service.effective)
    wanted_shares, wanted_tags = _spelled_out(wanted)
    return shares == wanted_shares and wanted_tags.items() <= tags.items()


def _spelled_out(shares: Iterable[Share]) -> tuple[dict[str, int], dict[str, str]]:
    """What each revision gets, and where each tag leads."""
    shares = tuple(shares)
    return percents(shares), {share.tag: share.revision for share in shares if share.tag}
