"""Credentials that expire in the middle of a session: it waits for a person, for a while, and says what to do."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from google.api_core.exceptions import Unauthorized
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from netra_loop.adapters.calls import RENEW, Calls
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.credentials import PresentCredentials
from netra_loop.adapters.google_errors import errored
from netra_loop.core.environment import Environment
from netra_loop.core.outcome import Outcome
from tests.localrun.cloud import Cloud

DEMO = Environment("local", "embedded", "demo", "europe-west1", ())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    server = Cloud(tmp_path_factory.mktemp("cloud"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def expired(cloud: Cloud) -> Iterator[Cloud]:
    """Every call is refused until the fault is cleared."""
    body = {"kind": "expired-token", "times": 1_000_000}
    assert cloud.http.post("/_local/faults", json=body, headers=cloud.token).status_code == 200
    yield cloud
    renew(cloud)


def renew(cloud: Cloud) -> None:
    cloud.http.delete("/_local/faults", headers=cloud.token)


class Terminal:
    """Where a person reads what is said, and does it."""

    def __init__(self, cloud: Cloud) -> None:
        self.said = ""
        self._cloud = cloud

    def write(self, text: str) -> None:
        self.said += text
        renew(self._cloud)

    def flush(self) -> None:
        """Nothing is kept back."""


def test_g3_a_session_goes_on_once_a_person_has_renewed_the_credentials(
    expired: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(expired)
    monkeypatch.setattr(sys, "stderr", terminal)

    assert CloudRun(DEMO, expired.url, Calls(60, look_again=0.01)).service("nobody") is None
    assert terminal.said == f"credentials are refused (InvalidOperation); waiting 60 s for `{RENEW}`\n"


def test_g3_nobody_renews_them_and_the_error_says_the_exact_command(
    expired: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GoogleAuthError) as raised:
        CloudRun(DEMO, expired.url, Calls(0.05, look_again=0.01)).service("nobody")

    result = errored(raised.value, "deploying backend")
    assert result.outcome is Outcome.ERRORED
    assert f"`{RENEW}`" in result.reasons[0]
    assert capsys.readouterr().err.count(RENEW) == 1


def test_g3_a_look_of_its_own_does_not_wait(expired: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GoogleAuthError):
        CloudRun(DEMO, expired.url).service("nobody")
    assert capsys.readouterr().err == ""


def test_g3_a_session_that_is_stopped_does_not_wait_on(capsys: pytest.CaptureFixture[str]) -> None:
    calls = threading.Event()

    def refused() -> None:
        calls.set()
        raise Unauthorized("expired")  # type: ignore[no-untyped-call]

    async def stopped() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(to_thread.run_sync, Calls(3600, look_again=0.01), refused)
            await to_thread.run_sync(calls.wait)
            tasks.cancel_scope.cancel()

    anyio.run(stopped)
    assert RENEW in capsys.readouterr().err


def test_g3_credentials_are_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"type": "nonsense"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    credentials = PresentCredentials()
    with pytest.raises(DefaultCredentialsError, match="nonsense"):
        credentials.refresh(None)
    file.write_text(json.dumps({"type": "other"}))
    with pytest.raises(DefaultCredentialsError, match="other"):
        credentials.refresh(None)
