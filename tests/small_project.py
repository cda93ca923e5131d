"""A whole project in a folder: one small service, one small suite, and the real command line to run on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.adapters.children import wait_until
from tests.forked import Done, done, started

SERVICE = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        known = self.path in ("/", "/health", "/items")
        body = json.dumps({"status": "healthy", "items": [1, 2, 3], "store": os.environ.get("STORE", "connected")})
        body = body if known else json.dumps({"error": "no such path"})
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("X-Revision", os.environ["K_REVISION"])
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *words):
        print(json.dumps({"severity": "INFO", "message": " ".join(map(str, words))}), flush=True)

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

SUITE = """
import json, os, urllib.error, urllib.request
import pytest

def get(path):
    with urllib.request.urlopen(os.environ["BACKEND_URL"] + path, timeout=10) as answer:
        return json.load(answer)

def test_health():
    assert get("/health")["status"] == "healthy"

def test_items():
    assert get("/items")["items"] == [1, 2, 3]

def test_unknown_path():
    with pytest.raises(urllib.error.HTTPError) as refused:
        get("/nowhere")
    assert refused.value.code == 404
"""

PLAN = """
version: 1
name: default
environment: local
budget: {wall: 10m, iterations: 1}
phases:
  - {id: deploy, title: Deploy, steps: [{id: deploy, deploy: all}]}
  - {id: health, title: Health, steps: [{id: health, health: all}]}
  - id: suites
    title: Suites
    steps: [{id: suites, suite: all}]
"""

ENVIRONMENT = """
endpoint: embedded
project: local-project
region: us-central1
deployer: api # what most tests are not about; gcloud takes a second of its own each time
services:
  backend:
    source: backend
    env: {STORE: connected}
    health:
      path: /health
      expect: {/status: healthy}
      consecutive: 2
      interval: 50ms
      deadline: 10s
    dependencies: {store: {pointer: /store, required: false}}
    identity: {path: /health, header: X-Revision}
"""

INDEX = """
priorities: {P1: {tolerance: 0}, P2: {tolerance: <5%}}
suites:
  - id: basics
    title: Basics
    priority: P1
    runner: pytest
    cwd: e2e
    paths: [test_basics.py]
    timeout: 60s
    env: {PYTEST_DISABLE_PLUGIN_AUTOLOAD: 1} # what else is installed here is none of its business
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder; every command is the real one, in a process of its own."""

    path: Path

    def write(self, name: str, text: str) -> Project:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def change(self, name: str, old: str, new: str) -> Project:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        return self.write(name, text.replace(old, new))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "netra_loop", *self._place(*arguments)]

    def _place(self, *arguments: str) -> list[str]:
        return ["--project-dir", str(self.path), *arguments]

    def do(self, *arguments: str, **variables: str) -> Done:
        return done(self._place(*arguments), clean_environment() | variables)

    def start(self, *arguments: str, **variables: str) -> BaseProcess:
        """Begin a command whose output nobody reads."""
        return started(self._place(*arguments), clean_environment() | variables)

    def run(self, *arguments: str, **variables: str) -> Done:
        return self.do("run", "--output", "plain", *arguments, **variables)

    @property
    def sessions(self) -> list[Path]:
        found = (self.path / ".netra-loop" / "sessions").glob("*/journal.db")
        return [path.parent for path in sorted(found, key=lambda p: p.stat().st_ctime_ns)]

    @property
    def told(self) -> bool:
        """Whether the newest session has told anything yet."""
        return bool(self.sessions) and (self.sessions[-1] / "result.json").exists()

    @property
    def result(self) -> dict[str, Any]:
        """The newest session's result.json."""
        document: dict[str, Any] = json.loads((self.sessions[-1] / "result.json").read_text(encoding="utf-8"))
        return document

    @property
    def worklog(self) -> str:
        """The newest session's worklog."""
        return (self.path / "worklogs" / f"{self.sessions[-1].name}.md").read_text(encoding="utf-8")

    @property
    def suite(self) -> dict[str, Any]:
        """The only suite of the newest session's newest iteration."""
        (suite,) = self.result["iterations"][-1]["suites"]
        assert isinstance(suite, dict)
        return suite

    @property
    def serving(self) -> str:
        """The revision that the base URL's answer names."""
        (service,) = self.result["services"]
        with urllib.request.urlopen(service["url"] + "/health", timeout=10) as answer:
            return str(answer.headers["X-Revision"])

    def compile_into(self, folder: Path) -> None:
        """Have suites find and keep their compiled files in a folder that projects share, which saves seconds each.

        Who compiles writes whole files; and `resume`, which removes compiled files, does not follow a link.
        """
        state = self.path / ".netra-loop"
        state.mkdir()
        (state / "pycache").symlink_to(folder)

    def down(self) -> None:
        """End its embedded Cloud Run, if there is one, by a signal: the command for it has much to load first."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            told = json.loads((self.path / ".netra-loop" / "local" / "server.json").read_text(encoding="utf-8"))
            command = Path(f"/proc/{told['pid']}/cmdline")
            if str(self.path.resolve()).encode() in command.read_bytes():  # else the number is somebody else's by now
                os.kill(told["pid"], signal.SIGTERM)
                wait_until(lambda: not command.read_bytes())

    def audit(self) -> list[dict[str, Any]]:
        """What the embedded Cloud Run says was asked of it."""
        path = self.path / ".netra-loop" / "local" / "audit.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]


def clean_environment() -> dict[str, str]:
    """Ours without what a test runner around us left in it; and what is compiled may be kept."""
    not_inherited = ("PYTEST_", "NETRA_LOOP_", "COV_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(not_inherited)} | {"CI": "1"}


@contextmanager
def small_project(path: Path, compiled: Path | None = None) -> Iterator[Project]:
    """Lay the project out; at the end its embedded Cloud Run is down, whatever happened. compiled: `compile_into`."""
    project = Project(path)
    project.write("backend/app.py", SERVICE).write("backend/Procfile", "web: python app.py\n")
    project.write("e2e/test_basics.py", SUITE).write("e2e/pytest.ini", "[pytest]\n")
    project.write("phases/default.yaml", PLAN).write("config/local.yaml", ENVIRONMENT).write(
        "config/suites.yaml", INDEX
    )
    if compiled is not None:
        project.compile_into(compiled)
    try:
        yield project
    finally:
        project.down()
        shutil.rmtree(path, ignore_errors=True)
