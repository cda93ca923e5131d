"""How a revision is made: an order, who carries it out, and the way through the Admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState, Template
from netra_loop.core.errors import PreflightError
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import Share
from netra_loop.core.target import Target

POLL = 0.2  # seconds between two looks at an operation

Tell = Callable[[Mapping[str, str]], object]


@dataclass(frozen=True, slots=True)
class Order:
    """A revision to be made. timeout: the seconds that are left for it; artifacts: where what is said is kept."""

    target: Target
    template: Template
    timeout: float
    artifacts: Path

    @property
    def tag(self) -> str:
        """The tag of the candidate: the revision's name without that of its service."""
        return self.template.revision.removeprefix(f"{self.target.service}-")


@dataclass(frozen=True, slots=True)
class Published:
    """What the one who made it has to say. It proves nothing: what counts is the revision that is there then."""

    evidence: tuple[Evidence, ...] = ()
    problem: Exception | None = None


class Publisher(Protocol):
    async def image(self, target: Target) -> str:
        """The image to deploy, pinned by digest where it is built here; empty when `publish` has it built."""

    async def prepare(self, before: ServiceState | None) -> ServiceState | None:
        """The service as the revision will find it: what would be in the way of a new one is taken away."""

    async def publish(self, order: Order, before: ServiceState | None, tell: Tell) -> Published:
        """Make the revision: a candidate at 0 % with a tag beside what serves, else with all traffic.

        Tells the command and the strategy before it begins.
        """


def is_candidate(before: ServiceState | None) -> bool:
    """Whether there is something that serves, beside which a revision can be tried."""
    return before is not None and any(share.percent for share in before.effective)


class ApiPublisher:
    """Through the Admin API alone; a source folder is an image first, which only the embedded Cloud Run can make."""

    def __init__(self, cloud: CloudRun, build: Callable[[str, Path], str] | None, project: Path) -> None:
        """build: makes an image of a source folder and returns its reference, pinned by digest."""
        self._cloud = cloud
        self._build = build
        self._project = project

    async def image(self, target: Target) -> str:
        if target.image:
            return target.image
        if self._build is None:
            raise PreflightError(
                f"{target.name}: the API takes images only", "give an image, or let gcloud build its source folder"
            )
        return await to_thread.run_sync(self._build, target.service, self._project / target.source)

    async def prepare(self, before: ServiceState | None) -> ServiceState | None:
        return before

    async def publish(self, order: Order, before: ServiceState | None, tell: Tell) -> Published:
        try:
            operation = await self._begin(order, before, tell)
            tell({"operation": operation.operation.name})
            await wait_for(self._cloud, operation)
        except TimeoutError:
            raise
        except Exception as error:
            return Published(problem=error)
        return Published()

    async def _begin(self, order: Order, before: ServiceState | None, tell: Tell) -> Any:
        """The one call that makes the revision."""
        parent, name, revision = self._cloud.parent, order.target.service, order.template.revision
        if before is None:
            command = f"POST v2/{parent}/services?serviceId={name} revision {revision} 100 %"
            tell({"command": command, "strategy": "direct"})
            return await to_thread.run_sync(self._cloud.create, name, order.template)
        serves = is_candidate(before)
        traffic = [*pinned(before), Share(revision, 0, order.tag)] if serves else [Share(revision, 100)]
        how = f"0 % tag {order.tag}" if serves else "100 %"
        command = f"PATCH v2/{parent}/services/{name}?updateMask=template,traffic revision {revision} {how}"
        tell({"command": command, "strategy": "candidate" if serves else "direct"})
        return await to_thread.run_sync(self._cloud.add_revision, before, order.template, traffic)


def pinned(service: ServiceState) -> list[Share]:
    """What serves now, by name, so that a new revision gets nothing by itself; leftover tags of ours are dropped."""
    kept = [share for share in service.effective if share.percent or not share.tag.startswith(TAG_PREFIX)]
    return [Share(s.revision, s.percent, "" if s.tag.startswith(TAG_PREFIX) else s.tag) for s in kept]


async def wait_for(cloud: CloudRun, operation: Any) -> None:
    """Until an operation is over. Raises what the API says went wrong with it."""
    while not await to_thread.run_sync(cloud.finished, operation):
        await anyio.sleep(POLL)
