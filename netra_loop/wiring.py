"""Joins everything: which runner does a kind of act, which view goes where, how a session comes to life."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import netra_loop
from netra_loop.adapters.files import SessionFolder, State
from netra_loop.core import codec
from netra_loop.core.errors import NotRunningError, PreflightError, UsageError
from netra_loop.core.events import Verdict
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.session import Session

if TYPE_CHECKING:
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.embedded import Embedded
    from netra_loop.adapters.locks import Lock
    from netra_loop.adapters.redact import Redactor
    from netra_loop.core.checkup import Checkup
    from netra_loop.ports import Clock, Reader, Runner
    from netra_loop.stream import Stream


class Progress(Enum):
    """How a session is shown. AUTO: live on a terminal, plain elsewhere. VERBOSE: plain with every handle."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSONL = "jsonl"
    VERBOSE = "verbose"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """Where we work: the project, and the folder for everything of ours but the worklogs."""

    project: Path
    state: State
    progress: Progress = Progress.AUTO

    @property
    def worklogs(self) -> Path:
        return self.project / "worklogs"

    def worklog(self, session_id: str) -> Path:
        return self.worklogs / f"{session_id}.md"

    def kids(self, session_id: str) -> Path:
        return self.state.locks / f"kids-{session_id}.lock"


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line asks of a plan; None leaves the plan's own."""

    focus: str = "all"
    environment: str | None = None
    plan_file: Path | None = None
    max_iterations: int | None = None
    budget: float | None = None
    deploys: bool = True
    fail_fast: bool = False
    slots: int | None = None


def read_plan(place: Place, ask: Ask) -> Plan:
    """The plan in focus. Raises PlanError or UsageError; nothing is touched."""
    from netra_loop.adapters.planfile import load_plan

    plan = load_plan(place.project, ask.plan_file, ask.environment)
    budget = replace(
        plan.budget,
        iterations=ask.max_iterations or plan.budget.iterations,
        wall=ask.budget or plan.budget.wall,
    )
    asked = replace(
        plan, budget=budget, deploys=ask.deploys, fail_fast=ask.fail_fast, slots=ask.slots or plan.slots
    ).focused(ask.focus)
    if not asked.selected:
        raise UsageError(f"--focus {ask.focus} leaves nothing to do", "choose more, or leave --no-deploy out")
    return asked


def run_session(place: Place, plan: Plan, command: str, progress: Progress) -> tuple[Session, Path]:
    """A new session from its opening to its verdict, and where its worklog is.

    Raises UsageError, LockedError, PreflightError: then there is no session and nothing was touched.
    """
    from netra_loop.adapters.clock import SystemClock
    from netra_loop.adapters.git import read_git
    from netra_loop.core.events import SessionOpened

    redactor = _redactor()
    _refuse_secrets(plan, redactor)
    place.state.prepare()
    clock = SystemClock()
    with _environment(place, plan, "a new session") as lock:
        api_url, build = _endpoint(place, plan)
        previous = place.state.session_ids()
        folder = place.state.new_session(plan.focus, clock.now())
        lock.name_holder(folder.id)
        opening = SessionOpened(
            folder.id, plan, command, read_git(place.project), previous[-1] if previous else "", netra_loop.__version__
        )
        with _session_lock(place, folder), _stream(place, folder, clock, redactor, progress) as stream:
            stream.emit(opening)
            _keep_plan(folder, plan)
            _drive(stream, _runners(place, folder, plan, api_url, build, redactor), clock)
            return stream.session, place.worklog(folder.id)


def resume_session(place: Place, word: str, command: str, progress: Progress) -> tuple[Session, Path]:
    """Take up a session that died: end what is left of it, then go on where its journal ends.

    One that a signal stopped goes on too; one that came to its own verdict is only told again.
    """
    from netra_loop.adapters.clock import SystemClock
    from netra_loop.adapters.supervise import end_leftovers
    from netra_loop.core.events import SessionResumed

    place.state.prepare()
    folder = place.state.find_session(word)
    redactor = _redactor()
    clock = SystemClock()
    with _session_lock(place, folder):
        end_leftovers(folder, place.kids(folder.id))
        with _stream(place, folder, clock, redactor, progress) as stream:
            if not stream.is_open:
                raise UsageError(f"{folder.id} was never opened", "it died before its first entry; run again")
            plan = stream.session.plan
            if stream.session.verdict is not None and not stream.session.interrupted:
                rebuild_worklog(place, folder.id)
            else:
                with _environment(place, plan, folder.id):
                    api_url, build = _endpoint(place, plan)
                    stream.emit(SessionResumed(command))
                    _drive(stream, _runners(place, folder, plan, api_url, build, redactor), clock)
            return stream.session, place.worklog(folder.id)


def read_session(place: Place, word: str) -> Session:
    """A session as its journal tells it, whoever is writing it now."""
    from netra_loop.adapters.journal import JournalFile
    from netra_loop.core.session import replay

    folder = place.state.find_session(word)
    session = replay(JournalFile(folder.journal).entries())
    if session is None:
        raise UsageError(f"{folder.id} was never opened", "it died before its first entry; run again")
    return session


def rebuild_worklog(place: Place, word: str) -> Path:
    """Write a session's worklog and result anew from its journal; what stood there and differed is kept as .edited."""
    from netra_loop.adapters.files import write_whole

    session = read_session(place, word)
    path = place.worklog(session.id)
    text = _worklog_text(session).encode("utf-8", "replace")
    if path.exists() and path.read_bytes() != text:
        path.replace(path.with_suffix(".md.edited"))
    write_whole(path, text)
    write_whole(place.state.session(session.id).result, _result_text(session).encode())
    return path


def _worklog_text(session: Session) -> str:
    from netra_loop.views.result import result_of
    from netra_loop.views.worklog import worklog

    return worklog(result_of(session))


def _result_text(session: Session) -> str:
    from netra_loop.views.result import result_text

    return result_text(session)


REPORTS: dict[str, Callable[[Session], str]] = {"md": _worklog_text, "json": _result_text}


def check_health(place: Place, plan: Plan, services: Sequence[str]) -> Checkup:
    """One look at these services, all of the environment for none. Raises UsageError for one that is not declared."""
    import anyio

    from netra_loop.adapters.checkup import check_up
    from netra_loop.core.checkup import Checkup

    known = {target.name: target for target in plan.environment.targets}
    unknown = [name for name in services if name not in known]
    if unknown:
        raise UsageError(f"no such service: {', '.join(unknown)}", f"known are: {', '.join(known)}")
    targets = [known[name] for name in services] or list(known.values())
    return Checkup(plan.environment.name, anyio.run(check_up, _cloud(place, plan), targets))


def embedded_server(place: Place) -> Embedded | None:
    """The project's embedded Cloud Run, None when it does not run."""
    from netra_loop.adapters.embedded import join

    return join(place.state.local)


def running_embedded(place: Place) -> Embedded:
    """The project's embedded Cloud Run. Raises NotRunningError when it does not run."""
    server = embedded_server(place)
    if server is None:
        raise NotRunningError("the embedded Cloud Run does not run", "`local up` starts it, `run` deploys to it")
    return server


def embedded_log_lines(place: Place, plan: Plan, service: str, limit: int) -> list[str]:
    """The newest log entries of the embedded Cloud Run, the oldest of them first; of one service if named."""
    from netra_loop.adapters.cloudlogs import CloudLogs

    logs = CloudLogs(plan.environment, running_embedded(place).url)
    query = f'resource.labels.service_name="{service}"' if service else ""
    return [str(line) for line in reversed(logs.entries(query, limit, newest_first=True))]


def start_embedded(place: Place) -> Embedded:
    """Start or join it. Raises PreflightError."""
    from netra_loop.adapters.embedded import ensure_up

    place.state.prepare()
    return ensure_up(place.state.local)


def stop_embedded(place: Place) -> bool:
    """End it and wait until it is gone; False when it did not run. Raises PreflightError when it does not end."""
    from netra_loop.adapters.embedded import wait_down

    server = embedded_server(place)
    if server is None:
        return False
    server.down()
    if not wait_down(place.state.local):
        raise PreflightError("the embedded Cloud Run does not end", f"end process {server.pid}")
    return True


def _cloud(place: Place, plan: Plan) -> CloudRun:
    """The plan's Cloud Run, without starting anything. Raises PreflightError when the embedded one does not run."""
    from netra_loop.adapters.cloudrun import CloudRun

    if plan.environment.endpoint != "embedded":
        return CloudRun(plan.environment)
    return CloudRun(plan.environment, running_embedded(place).url)


def _endpoint(place: Place, plan: Plan) -> tuple[str, Callable[[str, Path], str] | None]:
    """The API's URL and who builds images; the embedded Cloud Run is started if need be."""
    from netra_loop.adapters.embedded import ensure_up

    if plan.environment.endpoint != "embedded":
        return "", None
    server = ensure_up(place.state.local)
    return server.url, server.build


@contextmanager
def _environment(place: Place, plan: Plan, session_id: str) -> Iterator[Lock]:
    """Alone in the environment, for a plan that deploys."""
    from netra_loop.adapters.locks import environment_lock

    deploys = any(step.kind is Kind.DEPLOY and step.id in plan.selected for step in plan.steps)
    lock = environment_lock(place.state.locks, plan.environment.project, plan.environment.region, plan.environment.name)
    if deploys:
        lock.acquire(f"environment {plan.environment.name}", session_id)
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def _session_lock(place: Place, folder: SessionFolder) -> Iterator[None]:
    from netra_loop.adapters.locks import Lock

    lock = Lock(place.state.locks / f"session-{folder.id}.lock")
    lock.acquire(f"session {folder.id}", folder.id)
    try:
        yield
    finally:
        lock.release()


def _redactor() -> Redactor:
    from netra_loop.adapters.redact import Redactor, secrets_in

    return Redactor(secrets_in(os.environ))


def _refuse_secrets(plan: Plan, redactor: Redactor) -> None:
    """A secret in a plan could only be kept masked, and a masked plan does something else when it is resumed."""
    found: list[str] = []

    def note(text: str) -> str:
        masked = redactor.text(text)
        found.extend([masked] if masked != text else [])
        return masked

    codec.masked(plan, note)
    if found:
        hint = "leave the variable without a value: it is taken from the environment then"
        raise UsageError(f"the plan or its configuration holds a secret: {', '.join(found)}", hint)


@contextmanager
def _stream(
    place: Place, folder: SessionFolder, clock: Clock, redactor: Redactor, progress: Progress
) -> Iterator[Stream]:
    from netra_loop.adapters.journal import SqliteJournal
    from netra_loop.stream import Stream

    journal = SqliteJournal(folder.journal)
    try:
        stream = Stream(journal, clock, redactor.text, _readers(place, folder, progress))
        try:
            yield stream
        finally:
            stream.close_readers()
    finally:
        journal.close()


def _readers(place: Place, folder: SessionFolder, progress: Progress) -> Sequence[Reader]:
    from netra_loop.adapters.readers import WholeFile

    files = [
        WholeFile("worklog", place.worklog(folder.id), _worklog_text),
        WholeFile("result", folder.result, _result_text),
    ]
    return [*files, *_shown(progress)]


def _shown(progress: Progress) -> Iterator[Reader]:
    from netra_loop.adapters.readers import Lines, Screen
    from netra_loop.views.plain import json_line, plain_line, verbose_line

    if progress is Progress.AUTO:
        progress = Progress.LIVE if sys.stdout.isatty() and not os.environ.get("CI") else Progress.PLAIN
    match progress:
        case Progress.LIVE:
            from rich.console import Console

            from netra_loop.views.live import draw

            yield Screen(Console(), draw)
        case Progress.PLAIN:
            yield Lines(plain_line)
        case Progress.VERBOSE:
            yield Lines(verbose_line)
        case Progress.JSONL:
            yield Lines(json_line)
        case _:
            return


def _runners(
    place: Place,
    folder: SessionFolder,
    plan: Plan,
    api_url: str,
    build: Callable[[str, Path], str] | None,
    redactor: Redactor,
) -> dict[Kind, Runner]:
    from netra_loop.adapters.cloudlogs import CloudLogs, LogsRunner
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.command import CommandRunner
    from netra_loop.adapters.deploy import DeployRunner
    from netra_loop.adapters.health import HealthRunner
    from netra_loop.adapters.suites.pytest_suite import PytestRunner
    from netra_loop.adapters.traffic import ShiftRunner
    from netra_loop.adapters.websocket import WebSocketRunner

    cloud = CloudRun(plan.environment, api_url)
    kids = place.kids(folder.id)
    return {
        Kind.DEPLOY: DeployRunner(cloud, build, place.project),
        Kind.HEALTH: HealthRunner(cloud),
        Kind.WEBSOCKET: WebSocketRunner(cloud),
        Kind.SUITE: PytestRunner(cloud, place.project, folder, kids, place.state.pycache, redactor),
        Kind.RUN: CommandRunner(place.project, folder, kids, redactor),
        Kind.LOGS: LogsRunner(cloud, CloudLogs(plan.environment, api_url), folder, redactor),
        Kind.PROMOTE: ShiftRunner(cloud),
        Kind.RESTORE: ShiftRunner(cloud),
    }


def _keep_plan(folder: SessionFolder, plan: Plan) -> None:
    """The resolved plan, for people; the journal's own copy is the one that counts."""
    import yaml

    from netra_loop.adapters.files import write_whole

    text = yaml.safe_dump(codec.plain(plan), sort_keys=False, allow_unicode=True)
    write_whole(folder.path / "plan.resolved.yaml", text.encode())


def _drive(stream: Stream, runners: dict[Kind, Runner], clock: Clock) -> Verdict:
    """Run the loop; signals ask it to stop, a second one kills what runs and ends us."""
    import anyio

    from netra_loop.engine import Engine

    engine = Engine(stream, runners, clock)

    async def main() -> Verdict:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_heed_signals, stream)
            verdict = await engine.run()
            tasks.cancel_scope.cancel()
        return verdict

    return anyio.run(main)


async def _heed_signals(stream: Stream) -> None:
    import anyio

    from netra_loop.core.events import Interrupted

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as received:
        async for number in received:
            if stream.session.interrupted:
                stream.close_readers()
                os._exit(
                    128 + number
                )  # the supervisors see our pipes close and end everything; resume goes on from here
            if stream.session.verdict is None:
                stream.emit(Interrupted(int(number)))
