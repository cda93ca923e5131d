"""Runs one of the sample's suites as a process of its own and reads what it reports."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from .environment import bare_environment

E2E = Path(__file__).parents[2] / "netra_loop" / "sample" / "e2e"
P1 = "p1_critical/test_priority1_critical.py"
EVENTS = "websocket_events/test_websocket_events.py"
LIMIT_S = 60


def outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def outcomes(report: Path) -> Iterator[tuple[str, str]]:
    """Each test's name and how it ended, in the order of running."""
    for case in ElementTree.parse(report).iter("testcase"):
        yield case.attrib["name"], outcome(case)


def run_suite(suite: str, folder: Path, url: str, user: str = "leased-user") -> dict[str, str]:
    """How each test of the suite ended against the service at `url`; `folder` receives the report."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", suite, f"--junitxml={report}", "--tb=no", "-q"]
    addresses = {"BACKEND_URL": url, "BACKEND_WS_URL": url.replace("http://", "ws://", 1)}
    env = bare_environment(**addresses, NETRA_LOOP_USER=user)
    subprocess.run(command, cwd=E2E, env=env, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
    return dict(outcomes(report))
