"""Kind `deploy`: make a revision under a name of ours, wait until it is Ready and answers under that name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState, Template
from netra_loop.adapters.content import content_of
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.making import Maker, Making
from netra_loop.adapters.prechecks import Prechecks, missing_variables
from netra_loop.adapters.publish import Order, Publisher
from netra_loop.adapters.remedies.code import Sources
from netra_loop.core.errors import PreflightError
from netra_loop.core.events import Act, Git, HandleKnown
from netra_loop.core.names import TAG_PREFIX, tag_of
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Plan
from netra_loop.core.redeploy import COMMIT_LABEL, Serving, Wanted, commit_of, labels_of, needed, told_unchanged
from netra_loop.core.remediation import changes_of, resources_of, variables_of
from netra_loop.core.seen import Deployed, Result
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.ports import Say

UNCHANGED = "unchanged"


class DeployRunner:
    """Decides whether a revision is needed, looks at what is to be deployed, and has it made."""

    def __init__(
        self,
        cloud: CloudRun,
        publisher: Publisher,
        prechecks: Prechecks,
        sources: Sources,
        project: Path,
        folder: SessionFolder,
    ) -> None:
        self._cloud = cloud
        self._publisher = publisher
        self._maker = Maker(cloud, publisher)
        self._prechecks = prechecks
        self._sources = sources
        self._project = project
        self._folder = folder

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the revision Ready and identified; FAILED when it is neither; ERRORED when we cannot know."""
        target = session.plan.environment.target(act.subject)
        try:
            with anyio.fail_after(act.timeout):
                target, git = await to_thread.run_sync(self._sources.of, session, act.iteration, target)
                variables = variables_of(session, act.iteration, target.name)
                wanted = await wanted_of(self._cloud, self._project, session.plan, target, variables, git)
                wanted = replace(wanted, resources=resources_of(session, act.iteration, target.name))
                return await self._wanted(act, session, target, wanted, say)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except PreflightError as error:
            return Result(Outcome.ERRORED, (error.message,))
        except Exception as error:
            return errored(error, f"deploying {target.service}")

    async def _wanted(self, act: Act, session: Session, target: Target, wanted: Wanted, say: Say) -> Result:
        """Nothing, where that is what serves; else a revision, once nothing speaks against it."""
        record = session.record(act.id)
        step = next(step for step in session.plan.steps if step.id == act.step)
        changes = tuple(remedy.id for remedy in changes_of(session, act.iteration, target.name))
        before = await to_thread.run_sync(self._cloud.service, target.service)
        if before is not None and "image" not in record.handle:
            serving = await self._serving(target, before)
            if serving and not needed(wanted, serving, changes, always=step.redeploy or session.plan.redeploys):
                return await self._unchanged(target, before, serving, wanted)
        artifacts = self._folder.artifact_folder(act.id, record.attempt)
        checked = await self._prechecks.look(session, target, step.before, wanted.env, artifacts)
        findings = [*checked.findings, *missing_variables(target, {*wanted.env, *(before.variables if before else ())})]
        if findings:
            return Result(Outcome.FAILED, (*findings, "nothing was deployed"))
        image = record.handle.get("image") or await self._publisher.image(target)
        template = _template(act, target, image, wanted, session.id)
        order = Order(target, template, act.timeout, artifacts)
        strategy = session.plan.strategy(target.name)
        making = Making(act, order, changes, strategy, wanted, tuple(checked.told), record.handle, say)
        say(HandleKnown(act.id, {"image": image, "revision": template.revision}))
        return await self._maker.make(making)

    async def _serving(self, target: Target, service: ServiceState) -> Serving | None:
        """The one revision that gets all traffic, as far as its labels and name tell what it is."""
        found = (
            await to_thread.run_sync(self._cloud.revision, target.service, service.serving) if service.serving else None
        )
        if found is None:
            return None
        ours = found.name.startswith(f"{target.service}-{TAG_PREFIX}") and bool(found.key)
        return Serving(found.name, ours, found.ready is True, found.labels, found.image, found.created)

    async def _unchanged(self, target: Target, service: ServiceState, serving: Serving, wanted: Wanted) -> Result:
        identified = await identify(target, await self._cloud.address(target, service))
        deployed = Deployed(
            target=target.name,
            service=target.service,
            revision=serving.revision,
            image_digest=serving.image.partition("@")[2],
            url=service.url,
            candidate_url=service.url,
            created=serving.created,
            strategy=UNCHANGED,
            identity=identified.how,
            traffic_before=service.effective,
            traffic_after=service.effective,
            why=told_unchanged(wanted, serving),
            commit=serving.labels.get(COMMIT_LABEL, ""),
            settings=wanted.settings,
        )
        if not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), deployed)
        return Result(Outcome.PASSED, (), deployed)


async def wanted_of(
    cloud: CloudRun, project: Path, plan: Plan, target: Target, variables: Mapping[str, str | None], git: Git | None
) -> Wanted:
    """What would be deployed of a target. Raises PreflightError for a variable or a peer that is missing."""
    env = _resolved(target, dict(variables) | await _peers(cloud, plan, target))
    return Wanted(await to_thread.run_sync(content_of, target, project), env, commit_of(git))


async def _peers(cloud: CloudRun, plan: Plan, target: Target) -> dict[str, str | None]:
    """The variables that tell a target where its peers are. Raises PreflightError for one that is nowhere yet."""
    found: dict[str, str | None] = {}
    for peer in target.peers:
        state = await to_thread.run_sync(cloud.service, plan.environment.target(peer.name).service)
        if state is None or not state.url:
            raise PreflightError(f"{target.name} calls {peer.name}, which has no URL yet", f"deploy {peer.name} first")
        found[peer.variable] = state.url
    return found


def _template(act: Act, target: Target, image: str, wanted: Wanted, session_id: str) -> Template:
    """The revision's name is its key: session, iteration and step (the act's key) and the image decide it."""
    tag = tag_of(f"{act.key}\n{image}")
    labels = labels_of(wanted, session_id, act.key)
    return Template(f"{target.service}-{tag}", image, wanted.env, labels, wanted.resources)


def _resolved(target: Target, variables: Mapping[str, str | None]) -> dict[str, str]:
    """What the service is given. Raises PreflightError for a variable that our environment lacks."""
    missing = [name for name, value in variables.items() if value is None and name not in os.environ]
    if missing:
        raise PreflightError(f"{target.name} needs {', '.join(missing)} in the environment")
    return {name: os.environ[name] if value is None else value for name, value in variables.items()}
