"""Long-running operations: work in the background whose outcome a client polls for, also after a restart."""

import asyncio
import traceback
import uuid
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, replace

from netra_loop.localrun.errors import failed_precondition, not_found
from netra_loop.localrun.fields import Document
from netra_loop.localrun.services.model import Code, Failure, Place, Reason
from netra_loop.localrun.state.record import from_document, to_document
from netra_loop.localrun.state.store import Store

KEPT = 1000
KIND = "operation"  # in the store

Work = Coroutine[None, None, Document]


class Failed(Exception):
    """An operation ended with an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Operation:
    """A google.longrunning.Operation: `kind` is the message type of its metadata and response, such as Service.

    `order` is what its work needs to be done again after a restart, None for work that only awaits the end of
    processes. Neither response nor failure: it is under way.
    """

    name: str
    kind: str
    metadata: Document
    order: Document | None = None
    response: Document | None = None
    failure: Failure | None = None

    @property
    def done(self) -> bool:
        return self.response is not None or self.failure is not None

    def document(self) -> Document:
        document: Document = {"name": self.name, "metadata": self._any(self.metadata), "done": self.done}
        if self.failure is not None:
            return document | {"error": {"code": self.failure.code, "message": self.failure.message}}
        if self.response is not None:
            return document | {"metadata": self._any(self.response), "response": self._any(self.response)}
        return document

    def _any(self, message: Document) -> Document:
        return {"@type": f"type.googleapis.com/google.cloud.run.v2.{self.kind}", **message}


class Operations:
    """The newest KEPT operations, and all that are under way. One that a stop interrupts goes on after the restart."""

    def __init__(self, store: Store) -> None:
        """Begins with what the store has. Raises ValueError when that is not ours to read."""
        self._store = store
        self._operations = {key: from_document(Operation, value) for key, value in store.all(KIND).items()}
        self._work: dict[str, asyncio.Task[None]] = {}

    def begin(
        self, place: Place, kind: str, metadata: Document, work: Work, order: Document | None = None
    ) -> Operation:
        """Start work that returns the resource when it is done, and raises Failed when it failed."""
        operation = Operation(f"{place.path}/operations/{uuid.uuid4()}", kind, metadata, order)
        with self._store.together():
            self._put(operation)
            for old in list(self._operations)[:-KEPT]:
                if self._operations[old].done:
                    del self._operations[old]
                    self._store.remove(KIND, old)
        self.go_on(operation, work)
        return operation

    def go_on(self, operation: Operation, work: Work) -> None:
        """Do the work of an operation that is under way."""
        task = asyncio.create_task(self._carry_out(operation, work))
        self._work[operation.name] = task
        task.add_done_callback(lambda _: self._work.pop(operation.name))

    def under_way(self, *kinds: str) -> list[Operation]:
        return [one for one in self._operations.values() if not one.done and one.kind in kinds]

    def all(self, place: str) -> list[Operation]:
        """Those of a place, such as projects/p/locations/l, in the order in which they began."""
        return [operation for name, operation in self._operations.items() if name.startswith(f"{place}/")]

    def remove(self, name: str) -> None:
        """Forget an operation once it is done. Raises NOT_FOUND, and FAILED_PRECONDITION while it is not."""
        if not self.get(name).done:
            raise failed_precondition(f"Operation '{name}' is not done.")
        del self._operations[name]
        self._store.remove(KIND, name)

    def get(self, name: str) -> Operation:
        if name not in self._operations:
            raise not_found(f"Operation '{name}' does not exist.")
        return self._operations[name]

    async def wait(self, name: str, seconds: float) -> Operation:
        """The operation once it is done, or after some seconds as it is then."""
        self.get(name)
        if name in self._work:
            await asyncio.wait({self._work[name]}, timeout=seconds)
        return self.get(name)

    async def stop(self) -> None:
        """Interrupt all that is under way."""
        running = list(self._work.values())
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _carry_out(self, operation: Operation, work: Work) -> None:
        try:
            self._put(replace(operation, response=await work))
        except Failed as error:
            self._put(replace(operation, failure=error.failure))
        except Exception:
            traceback.print_exc()
            failure = Failure(Code.INTERNAL, "Internal error, see the server's stderr.", Reason.INTERNAL)
            self._put(replace(operation, failure=failure))

    def _put(self, operation: Operation) -> None:
        self._store.put(KIND, operation.name, to_document(operation))
        self._operations[operation.name] = operation


def done(result: Document) -> Work:
    """Work that has nothing left to do."""

    async def work() -> Document:
        return result

    return work()


async def after(event: Awaitable[object], document: Document) -> Document:
    """Work whose result is known already, and that is done with an event."""
    await event
    return document
