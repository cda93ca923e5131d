"""Probes: when an instance counts as started, when to give up on it, and when it counts as stuck."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from netra_loop.localrun.fields import Document
from netra_loop.localrun.runtime.process import Process

LOOK_AGAIN = 0.02  # seconds between two looks at a port on which nobody listens yet


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, except `attempts`."""

    delay: float
    timeout: float
    period: float
    attempts: int

    @classmethod
    def of(cls, probe: Document) -> "Timing":
        """The timing of a probe of the template."""
        return cls(
            probe["initialDelaySeconds"], probe["timeoutSeconds"], probe["periodSeconds"], probe["failureThreshold"]
        )

    @property
    def deadline(self) -> float:
        """Seconds after the start when the last attempt has timed out."""
        return self.delay + (self.attempts - 1) * self.period + self.timeout


async def succeeds(probe: Coroutine[Any, Any, bool], process: Process) -> bool:
    """Whether a probe succeeds while the process runs; False as soon as that ends."""
    probing = asyncio.create_task(probe)
    ending = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({probing, ending}, return_when=asyncio.FIRST_COMPLETED)
        return probing.done() and probing.result() and process.alive
    finally:
        probing.cancel()
        ending.cancel()


async def started(probe: Document, port: int) -> bool:
    """True as soon as the probe succeeds on a local port, False when its last attempt failed.

    A port on which nobody listens yet is no failed attempt: it is looked at again until the deadline.
    An HTTP probe sends one request a period and fails after `failureThreshold` answers outside 200..399.
    """
    timing = Timing.of(probe)
    end = time.monotonic() + timing.deadline
    await asyncio.sleep(timing.delay)
    if "tcpSocket" in probe:
        return await listens(port, end)
    for _ in range(timing.attempts):
        if not await listens(port, end):
            return False
        sent = time.monotonic()
        if await _answers(probe["httpGet"], port, timing.timeout):
            return True
        await asyncio.sleep(max(0.0, min(sent + timing.period, end) - time.monotonic()))
    return False


async def stuck(probe: Document, port: int) -> None:
    """Return once a liveness probe has failed `failureThreshold` times in a row on a local port."""
    timing = Timing.of(probe)
    await asyncio.sleep(timing.delay)
    failures = 0
    while failures < timing.attempts:
        sent = time.monotonic()
        if "tcpSocket" in probe:
            alive = await _accepts(port, timing.timeout)
        else:
            alive = await _answers(probe["httpGet"], port, timing.timeout)
        failures = 0 if alive else failures + 1
        if failures < timing.attempts:
            await asyncio.sleep(max(0.0, sent + timing.period - time.monotonic()))


def kind(probe: Document) -> str:
    """What Cloud Run's log calls a probe."""
    return "HTTP" if "httpGet" in probe else "TCP"


async def listens(port: int, end: float) -> bool:
    """True as soon as somebody accepts connections on a local port, False when nobody did until `end`.

    Who connects to a port from which the kernel takes those of outgoing connections may be given this very port, and
    then has only met himself.
    """
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            if writer.get_extra_info("sockname") != writer.get_extra_info("peername"):
                return True
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(LOOK_AGAIN)


async def _accepts(port: int, timeout: float) -> bool:
    with suppress(OSError):
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _answers(action: Document, port: int, timeout: float) -> bool:
    headers = "".join(f"{header['name']}: {_one_line(header['value'])}\r\n" for header in action["httpHeaders"])
    request = f"GET {action['path']} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: kube-probe/1.0\r\n{headers}\r\n"
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode("utf-8", "replace"))
            status_line = await reader.readline()
            writer.close()
        return status_line.startswith(b"HTTP/") and 200 <= int(status_line.split()[1]) < 400
    return False


def _one_line(value: str) -> str:
    return " ".join(value.splitlines())
