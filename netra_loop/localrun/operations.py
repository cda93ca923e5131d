"""Long-running operations: work in the background whose outcome a client polls for."""

import asyncio
import traceback
import uuid
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass

from netra_loop.localrun.errors import not_found
from netra_loop.localrun.fields import Document
from netra_loop.localrun.model import Code, Failure, Place, Reason

KEPT = 1000


class Failed(Exception):
    """An operation ended with an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Operation:
    """A google.longrunning.Operation: `kind` is the message type of its metadata and response, such as Service."""

    name: str
    kind: str
    metadata: Document
    work: asyncio.Task[Document]

    def document(self) -> Document:
        document: Document = {"name": self.name, "metadata": self._any(self.metadata), "done": self.work.done()}
        if not self.work.done():
            return document
        failure = _failure(self.work)
        if failure is not None:
            return document | {"error": {"code": failure.code, "message": failure.message}}
        return document | {"metadata": self._any(self.work.result()), "response": self._any(self.work.result())}

    def _any(self, message: Document) -> Document:
        return {"@type": f"type.googleapis.com/google.cloud.run.v2.{self.kind}", **message}


class Operations:
    """The operations of this server's life, the newest KEPT of them."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}

    def begin(
        self, place: Place, kind: str, metadata: Document, work: Coroutine[None, None, Document], name: str = ""
    ) -> Operation:
        """Start work that returns the resource when it is done, and raises Failed when it failed."""
        name = name or new_name(place)
        operation = Operation(name, kind, metadata, asyncio.create_task(work))
        operation.work.add_done_callback(_tell_bugs)
        self._operations[name] = operation
        for old in list(self._operations)[:-KEPT]:
            if self._operations[old].work.done():
                del self._operations[old]
        return operation

    def get(self, name: str) -> Operation:
        if name not in self._operations:
            raise not_found(f"Operation '{name}' does not exist.")
        return self._operations[name]

    async def wait(self, name: str, seconds: float) -> Operation:
        """The operation once it is done, or after some seconds as it is then."""
        operation = self.get(name)
        await asyncio.wait({operation.work}, timeout=seconds)
        return operation

    async def stop(self) -> None:
        """Give up on all that is under way."""
        running = [operation.work for operation in self._operations.values() if not operation.work.done()]
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def new_name(place: Place) -> str:
    """A name that no other operation has."""
    return f"{place.path}/operations/{uuid.uuid4()}"


def _failure(work: asyncio.Task[Document]) -> Failure | None:
    if work.cancelled():
        return Failure(Code.CANCELLED, "The operation was cancelled.", Reason.INTERNAL)
    error = work.exception()
    if error is None or isinstance(error, Failed):
        return error.failure if error else None
    return Failure(Code.INTERNAL, "Internal error, see the server's stderr.", Reason.INTERNAL)


def _tell_bugs(work: asyncio.Task[Document]) -> None:
    error = None if work.cancelled() else work.exception()
    if error is not None and not isinstance(error, Failed):
        traceback.print_exception(error)


def done(result: Document) -> Coroutine[None, None, Document]:
    """Work that has nothing left to do."""

    async def work() -> Document:
        return result

    return work()


async def after(event: Awaitable[object], document: Document) -> Document:
    """Work whose result is known already, and that is done with an event."""
    await event
    return document
