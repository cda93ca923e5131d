"""What a deploy costs beside the service's own start: `python -m bench.deploy` deploys candidates with `deployer: api`.

A small service is deployed again and again: candidate, Ready, identity, health, promote, verified. Beside each session
the service alone is started and asked until it answers. It prints the time of the acts that deploy, less that start,
which is to stay below 3 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from statistics import median

from tests.small_project import Project, small_project

MOST = 3.0  # seconds
DEPLOYING = ("deploy-backend", "health-backend", "promote-backend")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, small_project(Path(folder) / "project") as project:
        _expect_green(project)
        rows = [_measured(project, number) for number in range(arguments.sessions)]
    for acts, start in rows:
        sys.stdout.write(f"deploy, health and promote {acts:.3f} s, the service's start alone {start:.3f} s\n")
    own = median(acts - start for acts, start in rows)
    sys.stdout.write(
        f"own time at the median of {len(rows)}: {own:.3f} s, {own / MOST:.2f} of the {MOST:g} s that it may take\n"
    )


def _measured(project: Project, number: int) -> tuple[float, float]:
    """Seconds of the acts of one session that deploys, and of the service's start without us."""
    project.change("backend/app.py", "\nimport json, os\n", f"\nimport json, os\n# {number}\n")
    _expect_green(project)
    return sum(map(_seconds, _acts(project))), _start_alone(project.path / "backend")


def _expect_green(project: Project) -> None:
    done = project.run()
    if done.code != 0:
        sys.exit(f"{done.out}{done.err}")


def _acts(project: Project) -> list[dict[str, str]]:
    iteration = project.result["iterations"][0]
    acts = [*(step for phase in iteration["phases"] for step in phase["steps"]), *iteration["shifts"]]
    return [act for act in acts if act["id"] in DEPLOYING]


def _seconds(act: dict[str, str]) -> float:
    return (datetime.fromisoformat(act["ended"]) - datetime.fromisoformat(act["started"])).total_seconds()


def _start_alone(source: Path) -> float:
    """Seconds from the start of the service's process to its first answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.perf_counter()
    variables = {**os.environ, "PORT": str(port), "K_REVISION": "alone"}
    command = [shutil.which("python3") or sys.executable, "app.py"]
    process = subprocess.Popen(command, cwd=source, env=variables, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                return time.perf_counter() - began
            except urllib.error.URLError:
                time.sleep(0.005)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
