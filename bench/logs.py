"""A million log entries: filling, a query by its index against the same one by looking at every entry, and memory."""

import argparse
import asyncio
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from netra_loop.localrun.logs.file import LogFile
from netra_loop.localrun.logs.filter import compile_filter
from netra_loop.localrun.logs.index import row
from netra_loop.localrun.logs.match import Filter
from netra_loop.localrun.logs.store import LogStore

BATCH = 10_000
SEVERITIES = ["INFO"] * 97 + ["WARNING"] * 2 + ["ERROR"]
QUERY = (
    'resource.labels.service_name="service-7" resource.labels.revision_name="service-7-00002" severity>=ERROR'
    ' timestamp>="{since}"'
)
STREAMED = 'jsonPayload.message=~"order [0-9]+ was refused$"'


def entries(count: int, begin: datetime) -> Iterator[dict[str, Any]]:
    """Entries of ten services with three revisions each, a few milliseconds apart."""
    for number in range(count):
        service, severity = f"service-{number % 10}", SEVERITIES[number // 10 % 100]
        labels = {"service_name": service, "revision_name": f"{service}-0000{number // 1000 % 3}", "project_id": "p"}
        moment = (begin + timedelta(milliseconds=2 * number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield {
            "insertId": f"{number:020x}", "logName": "projects/p/logs/run.googleapis.com%2Fstdout",
            "resource": {"type": "cloud_run_revision", "labels": labels}, "timestamp": moment,
            "receiveTimestamp": moment, "severity": severity, "labels": {"instanceId": "0" * 64},
            "trace": f"projects/p/traces/{number // 5:032x}",
            "jsonPayload": {"message": f"order {number} was accepted", "user": {"id": number % 97}},
        }  # fmt: skip


def fill(path: Path, count: int, begin: datetime) -> float:
    """Seconds to fill the file."""
    file = LogFile(path)
    started = time.perf_counter()
    pending = (row(entry) for entry in entries(count, begin))
    while batch := list(itertools.islice(pending, BATCH)):
        file.add(batch, 0, 2**50)
    file.close()
    return time.perf_counter() - started


async def timed(work: Callable[[], Coroutine[Any, Any, int]]) -> tuple[float, float, int]:
    """Seconds a reading took, the longest the event loop was held meanwhile, and how many entries came."""
    held = 0.0

    async def beat() -> None:
        nonlocal held
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            held = max(held, time.perf_counter() - before - 0.001)

    beating = asyncio.create_task(beat())
    started = time.perf_counter()
    found = await work()
    seconds = time.perf_counter() - started
    beating.cancel()
    return seconds, held, found


async def measure(path: Path, begin: datetime, count: int) -> None:
    store = LogStore(path, volume=2**50)
    since = begin + timedelta(milliseconds=count)
    by_index = compile_filter(QUERY.format(since=since.isoformat()))
    streamed = compile_filter(STREAMED)

    async def first_page(wanted: Filter) -> int:
        return len((await store.page(wanted, True, 1000, "")).entries)

    results = {
        "by index": await timed(lambda: first_page(by_index)),
        "by scan": await timed(lambda: first_page(Filter(by_index.matches))),
        "a regular expression that nothing matches": await timed(lambda: first_page(streamed)),
        "the newest thousand": await timed(lambda: first_page(compile_filter(""))),
    }
    for name, (seconds, held, found) in results.items():
        say(f"{name}: {seconds * 1000:.1f} ms, {found} entries, event loop held {held * 1000:.1f} ms at most")
    say(f"scan / index = {results['by scan'][0] / results['by index'][0]:.0f}")
    store.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    count = parser.parse_args().entries
    begin = datetime.now(UTC) - timedelta(milliseconds=2 * count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logs.sqlite"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = fill(path, count, begin)
        say(f"filled {count} entries in {seconds:.1f} s, {count / seconds:.0f} a second")
        text = sum(len(json.dumps(entry)) for entry in entries(1000, begin)) * count / 1000
        say(f"file / JSON = {path.stat().st_size / text:.2f}, of {text / 2**20:.0f} MiB JSON")
        asyncio.run(measure(path, begin, count))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        say(f"most memory: {after / 1024:.0f} MiB, {before / 1024:.0f} before")


if __name__ == "__main__":
    main()
