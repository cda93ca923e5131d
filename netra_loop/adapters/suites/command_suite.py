"""Runner `command`: any runner of any language, judged by exit code, report and what was seen on the network."""

from __future__ import annotations

import contextlib
import math
import shlex
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
from anyio import to_thread

from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.locks import reserved
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.attempt import Attempt
from netra_loop.adapters.suites.environment import suite_environment
from netra_loop.adapters.suites.evidence_stream import News
from netra_loop.adapters.suites.proxy import Passed, recording_proxy
from netra_loop.adapters.suites.reportfile import ReportFile, read
from netra_loop.adapters.suites.reports import Report
from netra_loop.adapters.suites.sockets import Totals, watched
from netra_loop.adapters.suites.telling import Teller
from netra_loop.adapters.supervise import Ended, Supervision
from netra_loop.core.errors import LockedError
from netra_loop.core.events import HandleKnown
from netra_loop.core.plan import Network
from netra_loop.core.problem import Evidence
from netra_loop.core.proof import Facts
from netra_loop.core.seen import SuiteSeen
from netra_loop.ports import Say

STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One run of a command: how it ended, its report if it left one, and what its suite as a whole exchanged."""

    ended: Ended
    report: Report | None
    facts: Facts
    trouble: str = ""
    """Why it could not be started."""
    others: tuple[str, ...] = ()
    """Whom else it asked, as `host:port`."""


class CommandSuites:
    """Runs suites of kind `command`. Two that write to the same file run one after the other, of any session."""

    def __init__(self, project: Path, folder: SessionFolder, locks: Path, redactor: Redactor) -> None:
        self._project = project
        self._folder = folder
        self._locks = locks
        self._redactor = redactor
        self._places: defaultdict[Path, anyio.Lock] = defaultdict(anyio.Lock)

    async def seen(self, attempt: Attempt, say: Say) -> tuple[SuiteSeen, tuple[Evidence, ...]]:
        """How the command ended and what its report says; the tests are told once it has ended."""
        say(HandleKnown(attempt.act.id, {"command": shlex.join(attempt.suite.argv)}))
        output = Output(attempt.folder / "output.txt", self._redactor)
        run = await self.once(attempt, output, say)
        if run.others:
            say(HandleKnown(attempt.act.id, {"asked others": ", ".join(run.others)}))
        Teller(attempt.act.id, _Tests(run), attempt.control, self._redactor.text, say).finish()
        evidence = output.evidence(f"output of {attempt.suite.id}", self._folder)
        return _told(attempt, run), (evidence, *self._kept(attempt, run))

    async def once(self, attempt: Attempt, output: Output, say: Say) -> CommandRun:
        """Run the command once with the attempt's addresses. Cancelled, it is ended, and what it left is read."""
        async with AsyncExitStack() as stack:
            try:
                file = await self._report_file(attempt, stack)
            except (OSError, LockedError) as error:
                output.close()
                return CommandRun(Ended(None, 0, "itself"), None, Facts(), f"no report can be written: {error}")
            return await self._once(attempt, file, output, say)

    async def _report_file(self, attempt: Attempt, stack: AsyncExitStack) -> ReportFile | None:
        """Where the report is to be, nobody else's until the stack ends; None for the standard output."""
        if attempt.suite.report == STANDARD_OUTPUT:
            return None
        path = self._project / attempt.suite.cwd / attempt.suite.report
        await stack.enter_async_context(self._places[path])
        await stack.enter_async_context(reserved(self._locks, path, self._folder.id, attempt.act.timeout))
        return ReportFile(path, self._project, attempt.folder / "began")

    async def _once(self, attempt: Attempt, file: ReportFile | None, output: Output, say: Say) -> CommandRun:
        passed, totals, ended = Passed(), Totals(), Ended(None, 0, "stop")
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            async with recording_proxy() as proxy, _kernel(attempt) as totals:
                passed = proxy.passed
                variables = proxy.variables | suite_environment(attempt, self._folder)
                supervision = self._supervision(attempt, variables, output)
                try:
                    await supervision.run(lambda pid: say(HandleKnown(attempt.act.id, {"pid": str(pid)})))
                finally:
                    ended = supervision.ended
        with anyio.CancelScope(shield=True):
            report = await to_thread.run_sync(_report, file, output)
        others = tuple(dict.fromkeys((*passed.others(attempt.targets), *totals.others)))
        return CommandRun(ended, report, _facts(attempt, passed, totals), others=others)

    def _supervision(self, attempt: Attempt, variables: dict[str, str], output: Output) -> Supervision:
        return Supervision(
            attempt.suite.argv,
            cwd=self._project / attempt.suite.cwd,
            env={**variables, **attempt.variables},
            timeout=attempt.act.timeout,
            output=output,
            kids=self._folder.kids,
            idle=attempt.suite.idle_timeout or math.inf,
        )

    def _kept(self, attempt: Attempt, run: CommandRun) -> tuple[Evidence, ...]:
        """What a reader should know of the report; a report without problems has nothing to quote."""
        missing = run.trouble or "no report was written in this run"
        problems = run.report.problems if run.report else (missing,)
        if not problems:
            return ()
        path = attempt.folder / "report-problems.txt"
        text = self._redactor.text("\n".join(problems))
        write_whole(path, text.encode("utf-8", "replace"), 0o600)
        title = f"report of {attempt.suite.id}"
        return (Evidence(title, text[:4096], self._folder.reference(path), sha256_of(path), len(text) > 4096),)


class _Tests:
    """What a teller tells: every test of the report at once, with what the suite as a whole exchanged."""

    def __init__(self, run: CommandRun) -> None:
        tests = run.report.tests if run.report else ()
        self._results = [replace(test, facts=run.facts) for test in tests]

    def look_at_all(self) -> News:
        return News(collected=[test.id for test in self._results], results=self._results)

    look = look_at_all


def _report(file: ReportFile | None, output: Output) -> Report | None:
    """What was left. Of an output that is not kept whole the report is not whole, wherever the cut fell."""
    report = read(file.data() if file else output.path.read_bytes())
    if report and not file and output.is_cut:
        return replace(report, whole=False, problems=("the output is longer than what is kept", *report.problems))
    return report


@asynccontextmanager
async def _kernel(attempt: Attempt) -> AsyncIterator[Totals]:
    """Kernel facts name no process: they are only asked for a suite that has the network alone."""
    if attempt.suite.network is not Network.ALONE:
        yield Totals()
        return
    async with watched(attempt.targets) as totals:
        yield totals


def _facts(attempt: Attempt, passed: Passed, totals: Totals) -> Facts:
    """What goes through the proxy the kernel sees too, so that the larger number is the sum.

    That others answered speaks against no test: a client that asks them by the proxy may ask its target without it.
    """
    by_instrument = {"kernel": totals.bytes_in, "proxy": passed.came_from(attempt.targets)}
    seen = tuple(name for name, count in by_instrument.items() if count)
    return Facts(suite_bytes_in=max(by_instrument.values()), instruments=seen)


def _told(attempt: Attempt, run: CommandRun) -> SuiteSeen:
    return SuiteSeen(
        suite=attempt.suite.id,
        exit_code=run.ended.exit_code,
        ended_by=run.ended.ended_by,
        began=run.report is not None,
        finished=run.report is not None and run.report.whole,
        leaked=run.ended.leaked,
        revisions={},
        revisions_after={},
        strange=run.report.contradictions if run.report else 0,
    )
