"""Faults on demand: what Cloud Run does on a bad day, armed by a test and used up by the calls that meet it."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from netra_loop.localrun.errors import ApiError, invalid
from netra_loop.localrun.fields import Document, Fields

DEFAULT_DELAY = 5.0  # seconds
LONGEST_DELAY = 3600.0
MOST_TIMES = 1_000_000


class FaultKind(Enum):
    """What goes wrong.

    Stale reads and late logs go on until they are cleared, pinned traffic happens at once; all others are used up by
    the calls that meet them, a stale instance by the shift of traffic after which it goes on to answer.
    """

    UNAVAILABLE = "unavailable"
    TOO_MANY_REQUESTS = "too-many-requests"
    CONFLICT = "conflict"
    EXPIRED_TOKEN = "expired-token"
    DROPPED_ANSWER = "dropped-answer"
    STALE_READS = "stale-reads"
    FOREIGN_WRITER = "foreign-writer"
    SLOW_OPERATION = "slow-operation"
    STUCK_OPERATION = "stuck-operation"
    LATE_READY = "late-ready"
    NEVER_READY = "never-ready"
    PINNED_TRAFFIC = "pinned-traffic"
    STALE_INSTANCE = "stale-instance"
    LATE_LOGS = "late-logs"


REFUSALS = {
    FaultKind.UNAVAILABLE: (503, "UNAVAILABLE", "The service is currently unavailable."),
    FaultKind.TOO_MANY_REQUESTS: (429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Write requests'."),
    FaultKind.CONFLICT: (409, "ABORTED", "Conflict: the resource was changed by somebody else."),
    FaultKind.EXPIRED_TOKEN: (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential.",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """service: the one it is about, empty for all; delay: seconds, where time is what goes wrong; left: times."""

    kind: FaultKind
    service: str
    delay: float
    left: int

    def document(self) -> Document:
        return {"kind": self.kind.value, "service": self.service or None, "delay": self.delay, "left": self.left}


class Faults:
    """The faults that are armed. One of each kind and service: a later one takes the place of an earlier one."""

    def __init__(self) -> None:
        self._cleared = asyncio.Event()
        self._armed: dict[tuple[FaultKind, str], Fault] = {}
        self._answers: dict[str, tuple[float, Document]] = {}

    def arm(self, fault: Fault) -> None:
        self._armed[fault.kind, fault.service] = fault

    def clear(self) -> None:
        """Nothing goes wrong any more; what waits for a stuck operation goes on."""
        self._armed.clear()
        self._answers.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def all(self) -> list[Fault]:
        return list(self._armed.values())

    def armed(self, kind: FaultKind, service: str) -> Fault | None:
        """The fault of a kind that a service would meet; it is not used up."""
        return self._armed.get((kind, service)) or self._armed.get((kind, ""))

    def meet(self, kind: FaultKind, service: str) -> Fault | None:
        """The fault of a kind that a service meets now, which uses it up once; None when all is well."""
        fault = self.armed(kind, service)
        if fault is None:
            return None
        if fault.left > 1:
            self.arm(replace(fault, left=fault.left - 1))
        else:
            del self._armed[fault.kind, fault.service]
        return fault

    def refuse(self, service: str, *, changes: bool) -> None:
        """Raise the error that a call about a service meets, if it meets one; nothing has happened then.

        Only a call that changes something can be in conflict with another.
        """
        for kind, (code, status, message) in REFUSALS.items():
            if (changes or kind is not FaultKind.CONFLICT) and self.meet(kind, service):
                raise ApiError(code, status, message)

    async def hold(self, service: str, work: Coroutine[None, None, Document]) -> Document:
        """The result of an operation's work, which is slow or stuck if its service meets that; cleared, it goes on."""
        slow = self.meet(FaultKind.SLOW_OPERATION, service)
        stuck = self.meet(FaultKind.STUCK_OPERATION, service)
        cleared = self._cleared
        try:
            return await work
        finally:
            if slow or stuck:
                with suppress(TimeoutError):
                    await asyncio.wait_for(cleared.wait(), slow.delay if slow and not stuck else None)

    def stale(self, service: str, path: str, document: Document) -> Document:
        """The answer to a read: the one that was given at this path before, for as long as reads lag behind."""
        fault = self.armed(FaultKind.STALE_READS, service)
        now = time.monotonic()
        if fault is None:
            return document
        since, answer = self._answers.setdefault(path, (now, document))
        if now - since > fault.delay:
            self._answers[path] = (now, document)
            return document
        return answer


def read_fault(body: Document) -> Fault:
    """A fault as it was asked for. Raises INVALID_ARGUMENT."""
    fields = Fields(body)
    fields.expect_only(("kind", "service", "delay", "times"))
    kinds = {kind.value: kind for kind in FaultKind}
    kind = kinds.get(fields.text("kind"))
    if kind is None:
        raise invalid(f"kind: '{fields.text('kind')}' is no fault; known are {', '.join(kinds)}")
    delay, times = fields.seconds("delay", DEFAULT_DELAY), fields.number("times", 1)
    if delay > LONGEST_DELAY:
        raise fields.wrong("delay", f"must be at most {LONGEST_DELAY:g} seconds")
    if not 0 < times <= MOST_TIMES:
        raise fields.wrong("times", f"must be between 1 and {MOST_TIMES}")
    return Fault(kind, fields.text("service"), delay, times)
