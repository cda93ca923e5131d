"""The agents and how one of them runs: small real work with the latency of a large one."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import anyio

from .errors import ApiError

Event = dict[str, object]
Send = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    name: str
    tool: str
    work: Callable[[str], str]


def count_words(text: str) -> str:
    return f"{len(text.split())} words"


def longest_word(text: str) -> str:
    return max(text.split(), key=len)


def make_headline(text: str) -> str:
    return text.strip().title()


AGENTS = {
    agent.id: agent
    for agent in (
        Agent("triage", "Triage", "count_words", count_words),
        Agent("data", "Data", "longest_word", longest_word),
        Agent("report", "Report", "make_headline", make_headline),
    )
}


def find_agent(agent_id: str) -> Agent:
    if agent_id not in AGENTS:
        raise ApiError(404, "agent_not_found", f"there is no agent '{agent_id}'; known: {', '.join(AGENTS)}")
    return AGENTS[agent_id]


class Run:
    """One run of one agent: five events in a fixed order, or `agent_failed` in place of what the timeout cut off."""

    def __init__(self, agent: Agent, prompt: str, send: Send) -> None:
        self._id = uuid4().hex
        self._agent = agent
        self._prompt = prompt
        self._send = send
        self._started = time.perf_counter()

    async def perform(self, latency: float, timeout: float) -> Event:
        """Sends the events of the work and returns the last one unsent, to be recorded before anybody hears of it."""
        try:
            with anyio.fail_after(timeout):
                result = await self._work(latency)
        except TimeoutError:
            return self._ending("agent_failed", reason="timeout", timeout_s=timeout)
        return self._ending("agent_completed", result=result)

    async def _work(self, latency: float) -> str:
        tool = self._agent.tool
        await self._send(self._event("agent_started"))
        await self._send(self._event("agent_thinking"))
        await anyio.sleep(latency / 2)
        await self._send(self._event("tool_executing", tool=tool))
        await anyio.sleep(latency / 2)
        result = self._agent.work(self._prompt)
        await self._send(self._event("tool_completed", tool=tool, result=result))
        return result

    def _event(self, type_: str, **fields: object) -> Event:
        return {"type": type_, "run_id": self._id, "agent": self._agent.id, **fields}

    def _ending(self, type_: str, **fields: object) -> Event:
        return self._event(type_, **fields, duration_ms=round((time.perf_counter() - self._started) * 1000, 3))
