"""Kinds `suite` and `verify`: the targets found before and after, the suite run in between by its own runner."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import anyio
from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.locate import locate
from netra_loop.adapters.locks import lease
from netra_loop.adapters.suites.attempt import Attempt
from netra_loop.adapters.suites.testcode import changed, suite_files
from netra_loop.adapters.suites.witness import Witness
from netra_loop.core.errors import LockedError
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Suite, SuiteRunner
from netra_loop.core.problem import Evidence
from netra_loop.core.remediation import to_verify
from netra_loop.core.results import results_of
from netra_loop.core.seen import Result, SuiteSeen
from netra_loop.core.session import Session, control_of
from netra_loop.core.suites import judge, judge_verification
from netra_loop.ports import Say


class Suites(Protocol):
    """Runs the suites of one runner."""

    async def seen(self, attempt: Attempt, say: Say) -> tuple[SuiteSeen, tuple[Evidence, ...]]:
        """Run it once, telling of its tests; cancelled, it is ended and what was seen is returned all the same."""
        ...


class SuitesRunner:
    """Runs suites, and of a suite only the tests that remedies are to turn green (kind `verify`)."""

    def __init__(
        self,
        cloud: CloudRun,
        suites: Mapping[SuiteRunner, Suites],
        witness: Witness,
        project: Path,
        folder: SessionFolder,
        locks: Path,
    ) -> None:
        self._cloud = cloud
        self._suites = suites
        self._witness = witness
        self._project = project
        self._folder = folder
        self._locks = locks

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """The suite's outcome by the rules of `core.suites`; every finished test is kept however the process ends."""
        environment = session.plan.environment.name
        leased = act.user if act.user and f"user:{act.user}" in act.holds else ""
        try:
            async with lease(self._locks, environment, leased, session.id, act.timeout):
                return await self._run(act, session, say)
        except LockedError as error:
            return Result(Outcome.ERRORED, (error.message,))

    async def _run(self, act: Act, session: Session, say: Say) -> Result:
        suite = session.plan.suite(act.subject)
        try:
            addresses = await self._locate(act, session, suite)
        except Exception as error:
            return errored(error, f"finding the targets of {suite.id}")
        gone = [name for name, address in addresses.items() if address is None]
        if gone:
            return Result(Outcome.ERRORED, (f"not deployed: {', '.join(gone)}",))
        number = session.record(act.id).attempt
        attempt = Attempt(
            act,
            suite,
            number,
            self._folder.artifact_folder(act.id, number),
            secrets.token_hex(8),
            {name: address for name, address in addresses.items() if address},
            session.plan.environment.timeouts,
            to_verify(session, session.iterations[act.iteration - 1])[suite.id] if act.kind is Kind.VERIFY else (),
            control_of(session, suite.id),
        )
        return await self._attempt(attempt, say)

    async def _locate(self, act: Act, session: Session, suite: Suite) -> dict[str, Address | None]:
        environment = session.plan.environment
        return {name: await locate(self._cloud, session, act, environment.target(name)) for name in suite.targets}

    async def _attempt(self, attempt: Attempt, say: Say) -> Result:
        files = await to_thread.run_sync(suite_files, attempt.suite, self._project)
        told, evidence = await self._suites[attempt.suite.runner].seen(attempt, say)
        with anyio.CancelScope(shield=True):
            now = await to_thread.run_sync(suite_files, attempt.suite, self._project)
            session = say(HandleKnown(attempt.act.id, {"ended_by": told.ended_by}))
            after = await self._after(attempt, session)
            record = session.record(attempt.act.id)
            testimony = await self._witness.ask(results_of(session, record), attempt.addresses, record.begun)
            if testimony.trouble:
                session = say(HandleKnown(attempt.act.id, {"request log": testimony.trouble}))
            seen = replace(
                told,
                revisions={name: address.revision for name, address in attempt.addresses.items()},
                revisions_after={name: address.revision for name, address in after.items()},
                changed=changed(files, now),
                moved=tuple(name for name in after if after[name].generation != attempt.addresses[name].generation),
                witness=testimony.log,
                witnessed=testimony.requests,
            )
            outcome, reasons = _outcome(attempt, session, seen)
            return Result(outcome, reasons, seen, evidence)
        raise AssertionError("a shield swallows nothing")

    async def _after(self, attempt: Attempt, session: Session) -> dict[str, Address]:
        """Where the targets are now; what cannot be looked at is not known, and not known is never the same."""
        unknown = Address("", "")
        try:
            addresses = await self._locate(attempt.act, session, attempt.suite)
        except Exception:
            return dict.fromkeys(attempt.addresses, unknown)
        return {name: address or unknown for name, address in addresses.items()}


def _outcome(attempt: Attempt, session: Session, seen: SuiteSeen) -> tuple[Outcome, tuple[str, ...]]:
    record = session.record(attempt.act.id)
    tests = results_of(session, record)
    if attempt.only:
        return judge_verification(attempt.suite.runner, attempt.only, seen, tests)
    step = next(step for step in session.plan.steps if step.id == attempt.act.step)
    duration, last = (session.at - record.begun).total_seconds(), session.last_collected.get(attempt.suite.id)
    return judge(attempt.suite, step.gate, seen, tests, duration, last)
