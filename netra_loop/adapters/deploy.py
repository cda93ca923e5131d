"""Kind `deploy`: build, make a revision under a name of ours, wait until it is Ready and answers under that name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, RevisionState, ServiceState, Template
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.errors import PreflightError
from netra_loop.core.events import Act, Deployed, HandleKnown, Result, Share
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Target
from netra_loop.core.remediation import changes_of, variables_of
from netra_loop.core.session import Session
from netra_loop.ports import Say

TAG_PREFIX = "ntl-"
POLL = 0.2  # seconds between two looks at an operation


@dataclass(frozen=True, slots=True)
class _Deploy:
    """One deploy under way: everything that a second try must use again."""

    act: Act
    target: Target
    template: Template
    changes: tuple[str, ...]
    say: Say

    @property
    def tag(self) -> str:
        return self.template.revision.removeprefix(f"{self.target.service}-")


class DeployRunner:
    """Makes candidates at 0 % with a URL of their own; the first revision of a service serves at once."""

    def __init__(self, cloud: CloudRun, build: Callable[[str, Path], str] | None, project: Path) -> None:
        """build: makes an image of a source folder and returns its reference, pinned by digest."""
        self._cloud = cloud
        self._build = build
        self._project = project

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the revision Ready and identified; FAILED when it is neither; ERRORED when we cannot know."""
        target = session.plan.environment.target(act.subject)
        try:
            image = session.record(act.id).handle.get("image") or await self._image(target)
            changes = changes_of(session, act.iteration, target.name)
            variables = variables_of(session, act.iteration, target.name)
            template = _template(act, target, image, variables)
            deploy = _Deploy(act, target, template, tuple(remedy.id for remedy in changes), say)
            say(HandleKnown(act.id, {"image": image, "revision": deploy.template.revision}))
            with anyio.fail_after(act.timeout):
                return await self._deploy(deploy)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except PreflightError as error:
            return Result(Outcome.ERRORED, (error.message,))
        except Exception as error:
            return errored(error, f"deploying {target.service}")

    async def _image(self, target: Target) -> str:
        if target.image:
            return target.image
        if self._build is None:
            raise PreflightError(
                f"{target.name}: a source folder is built for the embedded Cloud Run only; give an image"
            )
        return await to_thread.run_sync(self._build, target.service, self._project / target.source)

    async def _deploy(self, deploy: _Deploy) -> Result:
        """Look whether the revision is there already, make it if not, then see what became of it.

        An answer that was lost, or an operation that failed, says nothing by itself: what counts is the revision.
        """
        before = await to_thread.run_sync(self._cloud.service, deploy.target.service)
        revision = await self._revision(deploy)
        adopted = revision is not None
        if revision is not None and revision.key != deploy.template.key:
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"revision {revision.name} exists and is not ours"))
        try:
            if not adopted:
                await self._make(deploy, before)
        except TimeoutError:
            raise
        except Exception as error:
            made = await self._revision(deploy)
            if made is None or made.key != deploy.template.key:
                return errored(error, f"deploying {deploy.target.service}")
        revision, after = await self._settled(deploy)
        if not revision.ready:
            return Result(Outcome.FAILED, (f"revision {revision.name} is not ready: {revision.message}",))
        return await self._identified(deploy, revision, before, after, adopted=adopted)

    async def _revision(self, deploy: _Deploy) -> RevisionState | None:
        return await to_thread.run_sync(self._cloud.revision, deploy.target.service, deploy.template.revision)

    async def _make(self, deploy: _Deploy, before: ServiceState | None) -> None:
        """One call that makes the revision, and the wait for its operation."""
        parent, name, revision = self._cloud.parent, deploy.target.service, deploy.template.revision
        if before is None:
            command = f"POST v2/{parent}/services?serviceId={name} revision {revision} 100 %"
            deploy.say(HandleKnown(deploy.act.id, {"command": command, "strategy": "direct"}))
            operation = await to_thread.run_sync(self._cloud.create, name, deploy.template)
        else:
            serves = any(share.percent for share in before.effective)
            traffic = [*pinned(before), Share(revision, 0, deploy.tag)] if serves else [Share(revision, 100)]
            how = f"0 % tag {deploy.tag}" if serves else "100 %"
            command = f"PATCH v2/{parent}/services/{name}?updateMask=template,traffic revision {revision} {how}"
            strategy = "candidate" if serves else "direct"
            deploy.say(HandleKnown(deploy.act.id, {"command": command, "strategy": strategy}))
            operation = await to_thread.run_sync(self._cloud.add_revision, before, deploy.template, traffic)
        deploy.say(HandleKnown(deploy.act.id, {"operation": operation.operation.name}))
        await wait_for(self._cloud, operation)

    async def _settled(self, deploy: _Deploy) -> tuple[RevisionState, ServiceState]:
        """The revision once its readiness is decided, with the service once nothing about it is in motion."""
        while True:
            revision = await self._revision(deploy)
            service = await to_thread.run_sync(self._cloud.service, deploy.target.service)
            if revision and service and revision.ready is not None and not service.reconciling:
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
        direct = after.serving == revision.name
        url = after.url if direct else after.tag_url(deploy.tag)
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
            strategy="direct" if direct else "candidate",
            identity=identified.how,
            previous_revision="" if direct or before is None else before.serving,
            traffic_before=() if direct or before is None else without(before.effective, deploy.tag),
            traffic_after=after.effective,
            adopted=adopted,
            changes=deploy.changes,
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


def pinned(service: ServiceState) -> list[Share]:
    """What serves now, by name, so that a new revision gets nothing by itself; leftover tags of ours are dropped."""
    kept = [share for share in service.effective if share.percent or not share.tag.startswith(TAG_PREFIX)]
    return [Share(s.revision, s.percent, "" if s.tag.startswith(TAG_PREFIX) else s.tag) for s in kept]


def without(shares: tuple[Share, ...], tag: str) -> tuple[Share, ...]:
    """The traffic as it was before our own tag joined it."""
    return tuple(share for share in shares if share.tag != tag)


async def wait_for(cloud: CloudRun, operation: Any) -> None:
    """Until an operation is over. Raises what the API says went wrong with it."""
    while not await to_thread.run_sync(cloud.finished, operation):
        await anyio.sleep(POLL)
