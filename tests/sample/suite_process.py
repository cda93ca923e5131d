"""Runs suites of the sample as a process of its own and reads what it reports."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from .environment import bare_environment
from .service_process import SAMPLE

SUITES = {
    "p1-critical": 25,
    "websocket-events": 5,
    "agent-pipeline": 6,
    "message-flow": 5,
    "agent-orchestration": 4,
    "response-streaming": 5,
    "failure-recovery": 5,
}
LIMIT_S = 120
PATIENCE_S = "60"  # suites that are started together meet, however slow the machine is


@dataclass(frozen=True)
class Ending:
    """How one test ended: "passed", "failure", "error" or "skipped", and what it said of that."""

    outcome: str
    text: str = ""


Endings = dict[str, Ending]


def ending(case: ElementTree.Element) -> Ending:
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            return Ending(child.tag, "".join(child.itertext()))
    return Ending("passed")


def endings(report: Path) -> Iterator[tuple[str, Ending]]:
    """Each test's name after its suite's, and how it ended, in the order of running."""
    for case in ElementTree.parse(report).iter("testcase"):
        suite = case.attrib["classname"].split(".")[-2].replace("_", "-")
        yield f"{suite}::{case.attrib['name']}", ending(case)


def run_suites(
    suites: Sequence[str], folder: Path, addresses: dict[str, str], user: str, patience_s: str = PATIENCE_S
) -> Endings:
    """How each test of the suites ended against the platform at those addresses; `folder` receives the report."""
    report = folder / f"{suites[0]}.xml"
    folders = [suite.replace("-", "_") for suite in suites]
    command = [sys.executable, "-m", "pytest", *folders, f"--junitxml={report}", "--tb=native", "-q"]
    named = {"NETRA_LOOP_SESSION_ID": folder.name, "NETRA_LOOP_USER": user, "NETRA_LOOP_TIMEOUT_PEER": patience_s}
    env = bare_environment(**addresses, **named, NETRA_LOOP_SUITE=suites[0])
    subprocess.run(command, cwd=SAMPLE / "e2e", env=env, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
    return dict(endings(report))
