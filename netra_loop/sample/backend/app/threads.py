"""Conversation threads, kept in memory and seen only by their owner."""

from dataclasses import dataclass, field
from uuid import uuid4

from .errors import ApiError


@dataclass(slots=True)
class Thread:
    id: str
    owner: str
    title: str
    messages: list[dict[str, str]] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        return {"id": self.id, "title": self.title, "messages": len(self.messages)}

    def add(self, content: str) -> dict[str, str]:
        message = {"id": uuid4().hex, "author": self.owner, "content": content}
        self.messages.append(message)
        return message


class Threads:
    def __init__(self) -> None:
        self._by_id: dict[str, Thread] = {}

    def create(self, owner: str, title: str) -> Thread:
        thread = Thread(uuid4().hex, owner, title)
        self._by_id[thread.id] = thread
        return thread

    def of(self, owner: str) -> list[Thread]:
        return [thread for thread in self._by_id.values() if thread.owner == owner]

    def find(self, owner: str, thread_id: str) -> Thread:
        """A thread of somebody else is as unknown as one that never was."""
        thread = self._by_id.get(thread_id)
        if thread is None or thread.owner != owner:
            raise ApiError(404, "thread_not_found", f"there is no thread '{thread_id}'")
        return thread
