"""Kind `deploy`: make a revision under a name of ours, wait until it is Ready and answers under that name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, RevisionState, ServiceState, Template
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.publish import POLL, TAG_PREFIX, Order, Published, Publisher, is_candidate
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.errors import PreflightError
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Strategy
from netra_loop.core.remediation import changes_of, variables_of
from netra_loop.core.seen import Deployed, Result, Share
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents, read, spelled
from netra_loop.ports import Say

FIRST = "nothing served before, so there was nothing to try it beside"
APPEARS = 15.0  # seconds in which a revision that was made must come into sight


@dataclass(frozen=True, slots=True)
class _Deploy:
    """One deploy under way: everything that a second try must use again. said: the handle of earlier tries."""

    act: Act
    order: Order
    changes: tuple[str, ...]
    strategy: Strategy
    said: Mapping[str, str]
    say: Say

    @property
    def target(self) -> Target:
        return self.order.target

    @property
    def template(self) -> Template:
        return self.order.template


class DeployRunner:
    """Makes candidates at 0 % with a URL of their own; the first revision of a service serves at once."""

    def __init__(self, cloud: CloudRun, publisher: Publisher, folder: SessionFolder) -> None:
        self._cloud = cloud
        self._publisher = publisher
        self._folder = folder

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the revision Ready and identified; FAILED when it is neither; ERRORED when we cannot know."""
        target = session.plan.environment.target(act.subject)
        record = session.record(act.id)
        try:
            image = record.handle.get("image") or await self._publisher.image(target)
            changes = changes_of(session, act.iteration, target.name)
            variables = variables_of(session, act.iteration, target.name) | await self._peers(session, target)
            template = _template(act, target, image, variables)
            order = Order(target, template, act.timeout, self._folder.artifact_folder(act.id, record.attempt))
            strategy = session.plan.strategy(target.name)
            deploy = _Deploy(act, order, tuple(remedy.id for remedy in changes), strategy, record.handle, say)
            say(HandleKnown(act.id, {"image": image, "revision": template.revision}))
            with anyio.fail_after(act.timeout):
                return await self._deploy(deploy)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except PreflightError as error:
            return Result(Outcome.ERRORED, (error.message,))
        except Exception as error:
            return errored(error, f"deploying {target.service}")

    async def _peers(self, session: Session, target: Target) -> dict[str, str | None]:
        """The variables that tell a target where its peers are. Raises PreflightError for one that is nowhere yet."""
        found: dict[str, str | None] = {}
        for peer in target.peers:
            service = session.plan.environment.target(peer.name).service
            state = await to_thread.run_sync(self._cloud.service, service)
            if state is None or not state.url:
                raise PreflightError(
                    f"{target.name} calls {peer.name}, which has no URL yet", f"deploy {peer.name} first"
                )
            found[peer.variable] = state.url
        return found

    async def _deploy(self, deploy: _Deploy) -> Result:
        """Look whether the revision is there already, make it if not, then see what became of it.

        An answer that was lost, an operation that failed, or what gcloud says, means nothing by itself: what counts is
        the revision.
        """
        before = await to_thread.run_sync(self._cloud.service, deploy.target.service)
        revision = await self._revision(deploy)
        adopted = revision is not None
        if revision is not None and revision.key != deploy.template.key:
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"revision {revision.name} exists and is not ours"))
        published = Published()
        if before is not None and "traffic_before" not in deploy.said:
            deploy.say(HandleKnown(deploy.act.id, {"traffic_before": spelled(_without(before, deploy.order.tag))}))
        if not adopted:
            before = await self._publisher.prepare(before)
            published = await self._publisher.publish(
                deploy.order, before, lambda handle: deploy.say(HandleKnown(deploy.act.id, handle))
            )
        result = await self._outcome(deploy, before, published, adopted=adopted)
        return replace(result, evidence=(*result.evidence, *published.evidence))

    async def _outcome(
        self, deploy: _Deploy, before: ServiceState | None, published: Published, *, adopted: bool
    ) -> Result:
        made = await self._appeared(deploy, APPEARS if published.problem is None else 0.0)
        if made is None or made.key != deploy.template.key:
            return await self._nothing_made(deploy, before, published)
        revision, after = await self._settled(deploy)
        if not revision.ready:
            return Result(Outcome.FAILED, (f"revision {revision.name} is not ready: {revision.message}",))
        if (
            not adopted
            and before is not None
            and is_candidate(before)
            and percents(after.effective) != percents(before.effective)
        ):
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"the traffic of {after.name} changed meanwhile"))
        return await self._identified(deploy, revision, before, after, adopted=adopted)

    async def _nothing_made(self, deploy: _Deploy, before: ServiceState | None, published: Published) -> Result:
        """Why there is no revision: somebody else changed the service meanwhile, or what the publisher says."""
        nothing = RuntimeError(f"there is no revision {deploy.template.revision} afterwards")
        result = errored(published.problem or nothing, f"deploying {deploy.target.service}")
        now = await to_thread.run_sync(self._cloud.service, deploy.target.service)
        foreign = (before.etag if before else "") != (now.etag if now else "")
        return replace(result, reasons=(FOREIGN_CHANGE, *result.reasons)) if foreign else result

    async def _appeared(self, deploy: _Deploy, patience: float) -> RevisionState | None:
        """The revision that was made; what is read may lag behind for some seconds."""
        deadline = anyio.current_time() + patience
        while (found := await self._revision(deploy)) is None and anyio.current_time() < deadline:
            await anyio.sleep(POLL)
        return found

    async def _revision(self, deploy: _Deploy) -> RevisionState | None:
        return await to_thread.run_sync(self._cloud.revision, deploy.target.service, deploy.template.revision)

    async def _settled(self, deploy: _Deploy) -> tuple[RevisionState, ServiceState]:
        """The revision once its readiness is decided, with the service once nothing about it is in motion.

        A service that is read from behind shows no traffic or tag for a revision that is ready: it gets some seconds.
        """
        deadline = anyio.current_time() + APPEARS
        while True:
            revision = await self._revision(deploy)
            service = await to_thread.run_sync(self._cloud.service, deploy.target.service)
            if revision and service and revision.ready is not None and not service.reconciling:
                shown = not revision.ready or revision.name in {share.revision for share in service.effective}
                if shown or anyio.current_time() > deadline:
                    return revision, service
            await anyio.sleep(POLL)

    async def _identified(
        self,
        deploy: _Deploy,
        revision: RevisionState,
        before: ServiceState | None,
        after: ServiceState,
        *,
        adopted: bool,
    ) -> Result:
        first = after.serving == revision.name
        url = after.url if first else after.tag_url(deploy.order.tag)
        if not url:
            return Result(Outcome.ERRORED, (f"revision {revision.name} is ready and has no URL",))
        identified = await identify(deploy.target, url, revision.name)
        deployed = Deployed(
            target=deploy.target.name,
            service=deploy.target.service,
            revision=revision.name,
            image_digest=deploy.template.image.partition("@")[2] or revision.image.partition("@")[2],
            url=after.url,
            candidate_url=url,
            created=revision.created,
            strategy=(Strategy.DIRECT if first else deploy.strategy).value,
            identity=identified.how,
            previous_revision="" if first or before is None else before.serving,
            traffic_before=() if first or before is None else _traffic_before(deploy, before),
            traffic_after=after.effective,
            adopted=adopted,
            changes=deploy.changes,
            why=FIRST if first and deploy.strategy is not Strategy.DIRECT else "",
        )
        if not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), deployed)
        return Result(Outcome.PASSED, (), deployed)


def _template(act: Act, target: Target, image: str, variables: Mapping[str, str | None]) -> Template:
    """The revision's name is its key: session, iteration and step (the act's key) and the image decide it."""
    suffix = hashlib.sha256(f"{act.key}\n{image}".encode()).hexdigest()[:10]
    return Template(f"{target.service}-{TAG_PREFIX}{suffix}", image, _resolved(target, variables), act.key)


def _resolved(target: Target, variables: Mapping[str, str | None]) -> dict[str, str]:
    """What the service is given. Raises PreflightError for a variable that our environment lacks."""
    missing = [name for name, value in variables.items() if value is None and name not in os.environ]
    if missing:
        raise PreflightError(f"{target.name} needs {', '.join(missing)} in the environment")
    return {name: os.environ[name] if value is None else value for name, value in variables.items()}


def _traffic_before(deploy: _Deploy, before: ServiceState) -> tuple[Share, ...]:
    """The traffic as it was before the first try touched it."""
    said = deploy.said.get("traffic_before")
    return read(said) if said is not None else _without(before, deploy.order.tag)


def _without(service: ServiceState, tag: str) -> tuple[Share, ...]:
    """The traffic as it was before our own tag joined it."""
    return tuple(share for share in service.effective if share.tag != tag)
