"""The agents: small real work with the latency of a large one."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import ApiError


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    name: str
    tool: str
    work: Callable[[str], str]
    slow: bool = False


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
        Agent("report", "Report", "make_headline", make_headline, slow=True),
    )
}


def find_agent(agent_id: str) -> Agent:
    if agent_id not in AGENTS:
        raise ApiError(404, "agent_not_found", f"there is no agent '{agent_id}'; known: {', '.join(AGENTS)}")
    return AGENTS[agent_id]
