"""A revision is made under a name of ours, until it is Ready and answers under that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, RevisionState, ServiceState, Template
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.publish import POLL, Order, Published, Publisher, is_candidate
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.promotion import Strategy
from netra_loop.core.redeploy import Wanted
from netra_loop.core.resources import refusals, unmet
from netra_loop.core.seen import Deployed, Result, Share
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents, read, spelled
from netra_loop.ports import Say

FIRST = "nothing served before, so there was nothing to try it beside"
APPEARS = 15.0  # seconds in which a revision that was made must come into sight


@dataclass(frozen=True, slots=True)
class Making:
    """One deploy under way: everything that a second try must use again. said: the handle of earlier tries."""

    act: Act
    order: Order
    changes: tuple[str, ...]
    strategy: Strategy
    wanted: Wanted
    checked: tuple[str, ...]
    said: Mapping[str, str]
    say: Say

    @property
    def target(self) -> Target:
        return self.order.target

    @property
    def template(self) -> Template:
        return self.order.template


class Maker:
    """Makes candidates at 0 % with a URL of their own; the first revision of a service serves at once."""

    def __init__(self, cloud: CloudRun, publisher: Publisher) -> None:
        self._cloud = cloud
        self._publisher = publisher

    async def make(self, making: Making) -> Result:
        """Look whether the revision is there already, make it if not, then see what became of it.

        An answer that was lost, an operation that failed, or what gcloud says, means nothing by itself: what counts is
        the revision.
        """
        before = await to_thread.run_sync(self._cloud.service, making.target.service)
        revision = await self._revision(making)
        adopted = revision is not None
        if revision is not None and revision.key != making.template.key:
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"revision {revision.name} exists and is not ours"))
        if not adopted and (refused := refusals(making.template.settings, before.settings if before else {})):
            return Result(Outcome.FAILED, (*refused, "nothing was deployed"))
        published = Published()
        if before is not None and "traffic_before" not in making.said:
            making.say(HandleKnown(making.act.id, {"traffic_before": spelled(_without(before, making.order.tag))}))
        if not adopted:
            before = await self._publisher.prepare(before)
            published = await self._publisher.publish(
                making.order, before, lambda handle: making.say(HandleKnown(making.act.id, handle))
            )
        result = await self._outcome(making, before, published, adopted=adopted)
        return replace(result, evidence=(*result.evidence, *published.evidence))

    async def _outcome(
        self, making: Making, before: ServiceState | None, published: Published, *, adopted: bool
    ) -> Result:
        made = await self._appeared(making, APPEARS if published.problem is None else 0.0)
        if made is None or made.key != making.template.key:
            return await self._nothing_made(making, before, published)
        revision, after = await self._settled(making)
        if not revision.ready:
            return Result(Outcome.FAILED, (f"revision {revision.name} is not ready: {revision.message}",))
        if (
            not adopted
            and before is not None
            and is_candidate(before)
            and percents(after.effective) != percents(before.effective)
        ):
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"the traffic of {after.name} changed meanwhile"))
        return await self._identified(making, revision, before, after, adopted=adopted)

    async def _nothing_made(self, making: Making, before: ServiceState | None, published: Published) -> Result:
        """Why there is no revision: somebody else changed the service meanwhile, or what the publisher says."""
        nothing = RuntimeError(f"there is no revision {making.template.revision} afterwards")
        result = errored(published.problem or nothing, f"deploying {making.target.service}")
        now = await to_thread.run_sync(self._cloud.service, making.target.service)
        foreign = (before.etag if before else "") != (now.etag if now else "")
        return replace(result, reasons=(FOREIGN_CHANGE, *result.reasons)) if foreign else result

    async def _appeared(self, making: Making, patience: float) -> RevisionState | None:
        """The revision that was made; what is read may lag behind for some seconds."""
        deadline = anyio.current_time() + patience
        while (found := await self._revision(making)) is None and anyio.current_time() < deadline:
            await anyio.sleep(POLL)
        return found

    async def _revision(self, making: Making) -> RevisionState | None:
        return await to_thread.run_sync(self._cloud.revision, making.target.service, making.template.revision)

    async def _settled(self, making: Making) -> tuple[RevisionState, ServiceState]:
        """The revision once its readiness is decided, with the service once nothing about it is in motion.

        A service that is read from behind shows no traffic or tag for a revision that is ready: it gets some seconds.
        """
        deadline = anyio.current_time() + APPEARS
        while True:
            revision = await self._revision(making)
            service = await to_thread.run_sync(self._cloud.service, making.target.service)
            if revision and service and revision.ready is not None and not service.reconciling:
                shown = not revision.ready or revision.name in {share.revision for share in service.effective}
                if shown or anyio.current_time() > deadline:
                    return revision, service
            await anyio.sleep(POLL)

    async def _identified(
        self,
        making: Making,
        revision: RevisionState,
        before: ServiceState | None,
        after: ServiceState,
        *,
        adopted: bool,
    ) -> Result:
        first = after.serving == revision.name
        url = after.url if first else after.tag_url(making.order.tag)
        if not url:
            return Result(Outcome.ERRORED, (f"revision {revision.name} is ready and has no URL",))
        identified = await identify(making.target, await self._cloud.address(making.target, after, url, revision.name))
        deployed = Deployed(
            target=making.target.name,
            service=making.target.service,
            revision=revision.name,
            image_digest=making.template.image.partition("@")[2] or revision.image.partition("@")[2],
            url=after.url,
            candidate_url=url,
            created=revision.created,
            strategy=(Strategy.DIRECT if first else making.strategy).value,
            identity=identified.how,
            previous_revision="" if first or before is None else before.serving,
            traffic_before=() if first or before is None else _traffic_before(making, before),
            traffic_after=after.effective,
            adopted=adopted,
            changes=making.changes,
            pinned=before is not None and before.pinned,
            commit=making.wanted.commit,
            settings=making.wanted.settings,
            checked=making.checked,
            why=FIRST if first and making.strategy is not Strategy.DIRECT else "",
        )
        wrong = unmet(making.template.settings, revision.settings)
        if wrong or not identified.verified:
            unknown = () if identified.verified else (f"identity: {identified.how}",)
            return Result(Outcome.FAILED, (*wrong, *unknown), deployed)
        return Result(Outcome.PASSED, (), deployed)


def _traffic_before(making: Making, before: ServiceState) -> tuple[Share, ...]:
    """The traffic as it was before the first try touched it."""
    said = making.said.get("traffic_before")
    return read(said) if said is not None else _without(before, making.order.tag)


def _without(service: ServiceState, tag: str) -> tuple[Share, ...]:
    """The traffic as it was before our own tag joined it."""
    return tuple(share for share in service.effective if share.tag != tag)
