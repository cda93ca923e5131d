"""A million exported log entries: mining their patterns against counting the errors with grep, side by side."""

import argparse
import importlib.util
import json
import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from netra_loop.adapters.logexport import mined_export, said

ROUNDS = 3
TEMPLATES = 40
DRAINED = 20_000  # messages; drain3 is too slow for more
ERROR_SHARE = 0.003
_COMMON = ("order", "session", "worker", "upstream", "queue", "payment", "started", "start", "closed", "timed", "out")


def templates(chance: random.Random) -> list[str]:
    """Forty sentences with a number, an id and a duration each."""
    return [
        " ".join(("".join(chance.choices("ghijklmnopqrstuvwxyz", k=6)), *chance.choices(_COMMON, k=6)))
        + " {number} of {id} took {ms:.2f} ms for user-{user}"
        for _ in range(TEMPLATES)
    ]


def lines(count: int) -> Iterator[str]:
    """Entries of a Cloud Run service of about 800 bytes, as an export has them."""
    chance = random.Random(7)
    known = templates(chance)
    filler = " ".join(chance.choices(_COMMON, k=30))
    for number in range(count):
        is_error = chance.random() < ERROR_SHARE
        text = known[chance.randrange(10) if is_error else chance.randrange(10, TEMPLATES)].format(
            number=number, id=f"{chance.getrandbits(48):012x}", ms=chance.random() * 100, user=number % 97
        )
        moment = f"2025-09-14T17:{number // 60 % 60:02}:{number % 60:02}.{number:09}Z"
        labels = {"service_name": "backend", "revision_name": f"backend-0000{number % 3}-abc", "location": "region"}
        entry = {
            "insertId": f"{chance.getrandbits(96):024x}",
            "labels": {"instanceId": f"{chance.getrandbits(256):064x}", "about": filler},
            "logName": "projects/p/logs/run.googleapis.com%2Fstdout", "receiveTimestamp": moment,
            "resource": {"type": "cloud_run_revision", "labels": labels}, "severity": "ERROR" if is_error else "INFO",
            "timestamp": moment, "trace": f"projects/p/traces/{chance.getrandbits(128):032x}",
        }  # fmt: skip
        payload = {"textPayload": text} if number % 2 else {"jsonPayload": {"message": text, "line": number}}
        yield json.dumps(entry | payload, separators=(",", ":")) + "\n"


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def grepped(path: Path) -> None:
    command = ["grep", "-c", '"severity":"ERROR"', str(path)]
    subprocess.run(command, stdout=subprocess.PIPE, check=True)  # into /dev/null it would end at the first match


def mine(path: Path) -> tuple[float, int, int, float]:
    """Seconds, patterns and entries, and the most memory in MiB of the process that did it."""
    begun = time.perf_counter()
    found = mined_export(path)
    took = time.perf_counter() - begun
    return took, len(found.patterns), found.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def drained(path: Path) -> float:
    """Seconds that drain3 takes for one entry, reading it included."""
    from drain3 import TemplateMiner  # type: ignore[import-not-found]

    miner = TemplateMiner()
    with path.open("rb") as file:
        taken = list(islice(file, DRAINED))
    return seconds(lambda: [miner.add_log_message(said(line)[1]) for line in taken]) / len(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entries.jsonl"
        with path.open("w", buffering=1 << 20) as file:
            file.writelines(lines(count))
        say(f"{count} entries of {path.stat().st_size // count} bytes, {TEMPLATES} templates")
        grepped(path)  # now the file is in memory
        counting, mining = [], []
        for _ in range(ROUNDS):
            counting.append(seconds(lambda: grepped(path)))
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                mining.append(pool.apply(mine, (path,)))
        counted = statistics.median(counting)
        took, patterns, entries, memory = statistics.median_low(mining)
        say(f"grep -c: {counted * 1000:.0f} ms")
        say(f"mined: {took * 1000:.0f} ms, {patterns} patterns of {entries} entries, most memory {memory:.0f} MiB")
        say(f"mined / grep -c = {took / counted:.1f} (limit 10), memory limit 150 MiB")
        if importlib.util.find_spec("drain3"):
            say(f"drain3: {drained(path) * count / counted:.0f} times grep -c")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
