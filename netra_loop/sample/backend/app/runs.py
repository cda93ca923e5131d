"""How agents run: five events in a fixed order, or `agent_failed` in place of what the limit cut off."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from .agents import Agent
from .logs import Log
from .metrics import Metrics
from .settings import Settings

Event = dict[str, object]
Tell = Callable[[Event], Awaitable[None]]


class Run:
    """One run of one agent for one user."""

    def __init__(self, agent: Agent, prompt: str, user: str, tell: Tell) -> None:
        self.names = {"run_id": uuid4().hex, "agent": agent.id}
        self.agent = agent
        self.user = user
        self.silent = False
        self._prompt = prompt
        self._tell = tell
        self._started = time.perf_counter()

    @property
    def duration_s(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._started

    async def work(self, latency: float) -> str:
        """Do what was asked, told step by step unless the run is silent by then."""
        tool = self.agent.tool
        await self.tell("agent_started")
        await self.tell("agent_thinking")
        await asyncio.sleep(latency / 2)
        await self.tell("tool_executing", tool=tool)
        await asyncio.sleep(latency / 2)
        result = self.agent.work(self._prompt)
        await self.tell("tool_completed", tool=tool, result=result)
        return result

    async def end(self, type_: str, **fields: object) -> None:
        """Tell the last event of the run."""
        await self.tell(type_, **fields, duration_ms=round(self.duration_s * 1000, 3))
        self.silent = True

    async def tell(self, type_: str, **fields: object) -> None:
        if not self.silent:
            await self._tell({"type": type_, **self.names, **fields})


class Runs:
    """All runs of this instance.

    A run belongs to no connection: a model call that has begun cannot be called back, so work that exceeds the limit,
    or whose caller has left, goes on to its end. It ends earlier only with the process.
    """

    def __init__(self, settings: Settings, log: Log, metrics: Metrics) -> None:
        self._settings = settings
        self._log = log
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself would let a task be collected while it runs

    def start(self, run: Run) -> None:
        """Begin a run in the background. What is told of its end has been recorded before."""
        task = asyncio.create_task(self._follow(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, run: Run) -> None:
        settings = self._settings
        work = asyncio.create_task(run.work(settings.report_latency if run.agent.slow else settings.agent_latency))
        await asyncio.wait({work}, timeout=settings.agent_timeout)
        in_time = work.done()
        if not in_time:
            await self._give_up(run)
        result = await work
        self._record_finish(run, in_time)
        if in_time:
            self._metrics.agent_runs_completed += 1
            await run.end("agent_completed", result=result)

    async def _give_up(self, run: Run) -> None:
        limit = self._settings.agent_timeout
        self._metrics.agent_runs_failed += 1
        self._log.write("ERROR", "agent timed out", **run.names, user=run.user, limit_s=limit)
        await run.end("agent_failed", reason="timeout", timeout_s=limit)

    def _record_finish(self, run: Run, in_time: bool) -> None:
        times = {"duration_s": round(run.duration_s, 3), "limit_s": self._settings.agent_timeout}
        self._log.write("INFO", "agent finished", **run.names, user=run.user, **times, in_time=in_time)
