"""What watching costs: `python -m bench.overhead` runs the same tests under plain pytest and under pytest watched.

The tests ask a server on loopback that waits 20 to 200 ms, over connections that stay open. It prints the CPU time
added per test at the median of the pairs, which is to stay below 3 % of the mean time of a test.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import NamedTuple

PLUGIN_FOLDER = Path(__file__).parents[1] / "netra_loop" / "evidence"
SHORTEST, LONGEST = 0.020, 0.200  # seconds
MOST_OF_A_TEST = 0.03
TESTS_IN_A_FILE = 50

TEST = """
def test_{number}():
    answer = client.get("/{seconds:.3f}")
    assert answer.status_code == 200
    assert answer.json() == {{"waited": {seconds:.3f}}}
"""
PRELUDE = 'import os\nimport httpx\n\nclient = httpx.Client(base_url=os.environ["API_URL"])\n'


class Cost(NamedTuple):
    """Seconds of one run: of CPU, all processes and both modes together, and of time."""

    cpu: float
    wall: float


class _Waiting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        seconds = float(self.path.strip("/"))
        time.sleep(seconds)
        body = json.dumps({"waited": seconds}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=466)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _server() as address:
        project = Path(folder) / "project"
        mean = _write_tests(project, arguments.tests)
        for environment in _environments(address, folder):  # the first run of either compiles
            _run(project, environment, arguments.tests)
        pairs = [_pair(project, address, folder, arguments.tests) for _ in range(arguments.pairs)]
    _print(pairs, arguments.tests, mean)


def _write_tests(project: Path, count: int) -> float:
    """Write the tests; the mean of the times they wait, in seconds."""
    project.mkdir()
    chance = random.Random(466)
    waits = [chance.uniform(SHORTEST, LONGEST) for _ in range(count)]
    for first in range(0, count, TESTS_IN_A_FILE):
        tests = [
            TEST.format(number=number, seconds=seconds)
            for number, seconds in enumerate(waits[first : first + TESTS_IN_A_FILE])
        ]
        (project / f"test_{first:04}.py").write_text(PRELUDE + "".join(tests))
    return sum(waits) / count


def _environments(address: str, folder: str) -> list[dict[str, str]]:
    """Of the plain run, then of the watched one: each has its own compiled files, for these differ."""
    common = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NETRA_LOOP_"))}
    common |= {"API_URL": f"http://{address}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    common.pop("PYTHONDONTWRITEBYTECODE", None)
    watched = {
        "PYTHONPATH": str(PLUGIN_FOLDER),
        "PYTHONPYCACHEPREFIX": f"{folder}/watched",
        "NETRA_LOOP_EVIDENCE_STREAM": f"{folder}/stream.jsonl",
        "NETRA_LOOP_EVIDENCE_TARGETS": json.dumps([address]),
        "NETRA_LOOP_EVIDENCE_ALONE": "1",
    }
    return [{**common, "PYTHONPYCACHEPREFIX": f"{folder}/plain"}, {**common, **watched}]


def _pair(project: Path, address: str, folder: str, tests: int) -> tuple[Cost, Cost]:
    plain, watched = _environments(address, folder)
    return _run(project, plain, tests), _run(project, watched, tests)


def _run(project: Path, environment: dict[str, str], tests: int) -> Cost:
    plugin = ["-p", "netra_loop_evidence", "-o", "enable_assertion_pass_hook=true"]
    watched = "NETRA_LOOP_EVIDENCE_STREAM" in environment
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", f"{project}/junit.xml"]
    before, began = _cpu_of_children(), time.monotonic()
    done = subprocess.run(
        command + (plugin if watched else []), cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    cost = Cost(_cpu_of_children() - before, time.monotonic() - began)
    if f"{tests} passed" not in done.stdout:
        raise SystemExit(done.stdout)
    return cost


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(pairs: list[tuple[Cost, Cost]], tests: int, mean: float) -> None:
    added = median((watched.cpu - plain.cpu) / tests for plain, watched in pairs)
    wall = median(watched.wall / plain.wall for plain, watched in pairs)
    plain_cpu = median(plain.cpu / tests for plain, _ in pairs)
    sys.stdout.write(
        f"plain    {plain_cpu * 1000:6.2f} ms CPU a test, {mean * 1000:.0f} ms of waiting in the mean\n"
        f"watched  {added * 1000:+6.2f} ms CPU a test, median of {len(pairs)} pairs\n"
        f"share    {added / mean:6.2%} of a test (to stay below {MOST_OF_A_TEST:.0%})\n"
        f"wall     {wall:6.3f} times as long\n"
    )


@contextmanager
def _server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Waiting) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main()
