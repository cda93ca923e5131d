"""A session comes to life, runs, and is taken up again."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import netra_loop
from netra_loop.core import codec
from netra_loop.core.acts import CHANGING
from netra_loop.core.errors import PreflightError, UsageError
from netra_loop.core.events import Git, Verdict
from netra_loop.core.goodness import Ledger
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.session import Session
from netra_loop.wiring.cloud import ready_endpoint
from netra_loop.wiring.history import remember, remembered
from netra_loop.wiring.ledger import read_ledger
from netra_loop.wiring.place import Place, Progress
from netra_loop.wiring.plans import redactor_of_our_environment, refuse_secrets
from netra_loop.wiring.readonly import untouched
from netra_loop.wiring.reports import before_of, rebuild_worklog, write_views
from netra_loop.wiring.runners import runners
from netra_loop.wiring.selection import last_collected
from netra_loop.wiring.streams import open_stream

if TYPE_CHECKING:
    from netra_loop.adapters.files import SessionFolder
    from netra_loop.adapters.locks import Lock
    from netra_loop.ports import Clock, Runner
    from netra_loop.stream import Stream


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a session is about to open: the plan, the API's URL, the project's commit, the ledger."""

    plan: Plan
    url: str
    git: Git | None
    ledger: Ledger


Settle = Callable[[Known], Plan]
"""The plan as it is to be run, or a LoopError that says why not."""


def as_asked(known: Known) -> Plan:
    return known.plan


def run_session(
    place: Place, plan: Plan, command: str, progress: Progress, settle: Settle = as_asked
) -> tuple[Session, Path]:
    """A new session from its opening to its verdict, and where its worklog is.

    settle: is asked once nobody else can change the environment. Raises UsageError, LockedError, PreflightError: then
    there is no session and nothing was touched.
    """
    from netra_loop.adapters.clock import SystemClock
    from netra_loop.adapters.git import read_git
    from netra_loop.core.events import SessionOpened

    redactor = redactor_of_our_environment()
    refuse_secrets(plan, redactor)
    place.state.prepare()
    clock = SystemClock()
    with _environment(place, plan, "a new session") as lock:
        endpoint = ready_endpoint(place, plan)
        ledger = read_ledger(place, plan.environment) if _changes(plan) else Ledger()
        git = read_git(place.project)
        plan = settle(Known(endpoint.plan, endpoint.url, git, ledger))
        previous = (place.state.session_ids() or [""])[-1]
        past = remembered(place, plan)
        folder = place.state.new_session(plan.focus, clock.now())
        lock.name_holder(folder.id)
        opening = SessionOpened(
            folder.id,
            plan,
            command,
            git,
            previous,
            netra_loop.__version__,
            before_of(place, previous),
            {suite: last.collected for suite, last in last_collected(place, plan).items()},
            ledger.good,
            ledger.quarantined,
            past,
        )
        with _session_lock(folder), open_stream(place, folder, clock, redactor, progress) as stream:
            write_views(place, stream.emit(opening))
            _keep_plan(folder, plan)
            with untouched(place, plan, endpoint.url):
                _drive(stream, runners(place, folder, endpoint, redactor), clock)
            return _told(place, stream.session)


def resume_session(place: Place, word: str, command: str, progress: Progress) -> tuple[Session, Path]:
    """Take up a session that died: end what is left of it, then go on where its journal ends.

    One that a signal stopped goes on too; one that came to its own verdict is only told again.
    """
    from netra_loop.adapters.clock import SystemClock
    from netra_loop.adapters.gcloud import remove_variables
    from netra_loop.adapters.suites.evidence_stream import mask_streams
    from netra_loop.adapters.supervise import end_leftovers
    from netra_loop.core.events import SessionResumed

    folder = place.state.find_session(word)
    redactor = redactor_of_our_environment()
    clock = SystemClock()
    with _session_lock(folder):
        end_leftovers(folder, folder.kids)
        remove_variables(folder.path)
        mask_streams(folder.artifacts, redactor.text)
        shutil.rmtree(place.state.pycache, ignore_errors=True)  # a full disk leaves compiled files that are cut short
        with open_stream(place, folder, clock, redactor, progress) as stream:
            if not stream.is_open:
                raise UsageError(f"{folder.id} was never opened", "it died before its first entry; run again")
            plan = stream.session.plan
            if stream.session.verdict is not None and not stream.session.interrupted:
                rebuild_worklog(place, folder.id)
            else:
                with _environment(place, plan, folder.id):
                    endpoint = ready_endpoint(place, plan)
                    if endpoint.plan != plan:
                        raise PreflightError("what its services depend on listens elsewhere now", "run a new session")
                    stream.emit(SessionResumed(command))
                    with untouched(place, plan, endpoint.url):
                        _drive(stream, runners(place, folder, endpoint, redactor), clock)
            return _told(place, stream.session)


def _told(place: Place, session: Session) -> tuple[Session, Path]:
    """The session and its worklog; a file that could not be written meanwhile is tried once more."""
    if any(reader.reader in ("worklog", "result") for reader in session.unplugged):
        write_views(place, session)
    remember(place, session)
    return session, place.worklog(session.id)


@contextmanager
def _environment(place: Place, plan: Plan, session_id: str) -> Iterator[Lock]:
    """Alone in the environment, for a plan that changes it."""
    from netra_loop.adapters.locks import environment_lock

    lock = environment_lock(place.state.locks, plan.environment.project, plan.environment.region, plan.environment.name)
    if _changes(plan):
        lock.acquire(f"environment {plan.environment.name}", session_id)
    try:
        yield lock
    finally:
        lock.release()


def _changes(plan: Plan) -> bool:
    return any(step.kind in CHANGING and step.id in plan.selected for step in plan.steps)


@contextmanager
def _session_lock(folder: SessionFolder) -> Iterator[None]:
    from netra_loop.adapters.locks import Lock

    lock = Lock(folder.lock)
    lock.acquire(f"session {folder.id}", folder.id)
    try:
        yield
    finally:
        lock.release()


def _keep_plan(folder: SessionFolder, plan: Plan) -> None:
    """The resolved plan, for people; the journal's own copy is the one that counts."""
    import yaml

    from netra_loop.adapters.files import write_whole

    text = yaml.safe_dump(codec.plain(plan), sort_keys=False, allow_unicode=True)
    write_whole(folder.path / "plan.resolved.yaml", text.encode())


def _drive(stream: Stream, runners: dict[Kind, Runner], clock: Clock) -> Verdict:
    """Run the loop; signals ask it to stop, a second one kills what runs and ends us."""
    import anyio

    from netra_loop.engine import Engine, first_of

    engine = Engine(stream, runners, clock)

    async def main() -> Verdict:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_heed_signals, stream)
            verdict = await engine.run()
            tasks.cancel_scope.cancel()
        return verdict

    try:
        return anyio.run(main)
    except BaseExceptionGroup as group:
        raise first_of(group) from None


async def _heed_signals(stream: Stream) -> None:
    import anyio

    from netra_loop.core.events import Interrupted

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as received:
        async for number in received:
            if stream.session.interrupted:
                stream.close_readers()
                os._exit(128 + number)  # our pipes close, so the supervisors end everything; resume goes on from here
            if stream.session.verdict is None:
                stream.emit(Interrupted(int(number)))
