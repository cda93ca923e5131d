"""Where the log entries of services and jobs come in: at once, or late when that fault is armed."""

import asyncio
from dataclasses import dataclass

from netra_loop.localrun.faults import FaultKind, Faults
from netra_loop.localrun.fields import Document
from netra_loop.localrun.logs.store import LogStore


@dataclass(frozen=True, slots=True)
class Intake:
    logs: LogStore
    faults: Faults

    def append(self, entry: Document) -> None:
        """Keep an entry of a service or a job; a late one comes when its time has passed, with the time it was made."""
        fault = self.faults.armed(FaultKind.LATE_LOGS, entry["resource"]["labels"].get("service_name", ""))
        if fault is None:
            self.logs.append(entry)
        else:
            asyncio.get_running_loop().call_later(fault.delay, self.logs.append, entry)
