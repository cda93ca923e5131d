"""Kind `control`: a suite's tests against nobody and against wrong answers, side by side; no target is met."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import anyio
from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import ServiceState
from netra_loop.adapters.falsetarget import false_targets
from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.suites.attempt import Attempt, host_port
from netra_loop.adapters.suites.control_cache import ControlCache, digest
from netra_loop.adapters.suites.diversion import Diversion
from netra_loop.adapters.suites.rehearsal import Rehearse
from netra_loop.core.control import Rehearsal, is_whole, judge_control, judge_rehearsals, still_passing
from netra_loop.core.environment import Environment
from netra_loop.core.events import Act
from netra_loop.core.plan import Suite, SuiteRunner
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import ControlSeen, Result
from netra_loop.core.session import Session
from netra_loop.ports import Say

_NOBODY = "control"  # the test user where an environment has none; none is leased, for no target is met


class Services(Protocol):
    def service(self, name: str) -> ServiceState | None:
        """The service as it is, None when there is none of that name."""
        ...


class ControlRunner:
    """What it finds is kept: the same tests are not asked twice."""

    def __init__(
        self,
        cloud: Services | None,
        rehearse: Mapping[SuiteRunner, Rehearse],
        project: Path,
        folder: SessionFolder,
        cache: ControlCache,
    ) -> None:
        """cloud: where the real targets are, None when there cannot be any."""
        self._cloud = cloud
        self._rehearse = rehearse
        self._project = project
        self._folder = folder
        self._cache = cache

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED when every test that ran failed both times; by the rules of `core.control`."""
        suite, environment = session.plan.suite(act.subject), session.plan.environment
        key = await to_thread.run_sync(digest, suite, environment, self._project)
        if (known := self._cache.find(suite.id, key)) is not None:
            return Result(*judge_control(known), known, self._told(act, session, known))
        try:
            real = await self._real_targets(session)
        except Exception as error:
            return errored(error, "finding the targets that must not be met")
        rehearsals, outputs = await self._rehearsals(act, session, suite, real)
        seen = ControlSeen(suite.id, key, False, rehearsals["dead"].tests, rehearsals["sabotaged"].noticed)
        if all(map(is_whole, rehearsals.values())):
            self._cache.keep(seen)
        return Result(*judge_rehearsals(seen, rehearsals), seen, (*self._told(act, session, seen), *outputs))

    async def _real_targets(self, session: Session) -> tuple[str, ...]:
        """Every `host:port` at which a target of the environment is known to answer."""
        if self._cloud is None:
            return ()
        services = [target.service for target in session.plan.environment.targets]
        found = [await to_thread.run_sync(self._cloud.service, service) for service in services]
        urls = [url for state in found if state for url in (state.url, *(share.url for share in state.effective))]
        return tuple(dict.fromkeys(host_port(url) for url in urls if url))

    async def _rehearsals(
        self, act: Act, session: Session, suite: Suite, real: Iterable[str]
    ) -> tuple[dict[str, Rehearsal], list[Evidence]]:
        """Side by side, unless the suite holds something that it cannot share with itself."""
        rehearse = self._rehearse[suite.runner]
        found: dict[str, tuple[Rehearsal, Evidence]] = {}
        at_once = anyio.CapacityLimiter(1 if suite.exclusive else 2)

        async def one(name: str, false: str) -> None:
            attempt = self._attempt(act, session, suite, name, Diversion(false, tuple(real)))
            async with at_once:
                found[name] = await rehearse(attempt, session)

        async with false_targets() as targets, anyio.create_task_group() as tasks:
            tasks.start_soon(one, "dead", targets.dead)
            tasks.start_soon(one, "sabotaged", targets.sabotaged)
        told = {name: found[name] for name in sorted(found)}
        return {name: rehearsal for name, (rehearsal, _) in told.items()}, [_output(*each) for each in told.values()]

    def _attempt(self, act: Act, session: Session, suite: Suite, name: str, diversion: Diversion) -> Attempt:
        number = session.record(act.id).attempt
        folder = self._folder.artifact_folder(act.id, number) / name
        folder.mkdir(exist_ok=True)
        return Attempt(
            replace(act, user=_user(session.plan.environment), timeout=act.timeout / 2),
            suite,
            number,
            folder,
            secrets.token_hex(8),
            dict.fromkeys(suite.targets, Address(diversion.url, "")),
            session.plan.environment.timeouts,
            variables=diversion.variables(),
        )

    def _told(self, act: Act, session: Session, seen: ControlSeen) -> tuple[Evidence, ...]:
        """The tests that still pass, one a line."""
        lines = [f"{each.test} passes against: {', '.join(each.against)}" for each in still_passing(seen)]
        if not lines:
            return ()
        path = self._folder.artifact_folder(act.id, session.record(act.id).attempt) / "still-passing.txt"
        write_whole(path, "".join(f"{line}\n" for line in lines).encode(), 0o600)
        excerpt = "\n".join(lines[:50])[:4096]
        title = f"tests of {seen.suite} that still pass"
        return (Evidence(title, excerpt, self._folder.reference(path), sha256_of(path), len(lines) > 50),)


def _output(rehearsal: Rehearsal, output: Evidence) -> Evidence:
    """Tests that fail as they should have nothing to quote."""
    return replace(output, excerpt="") if is_whole(rehearsal) else output


def _user(environment: Environment) -> str:
    return environment.users.pool[0] if environment.users else _NOBODY
