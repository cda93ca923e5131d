"""The account of this suite: a login as the user it was given, which goes before that of websocket-events."""

import ssl
from collections.abc import Iterator

import pytest

from ..client import log_in, open_http
from ..meeting import Meeting, present_as


@pytest.fixture(scope="session", autouse=True)
def meeting() -> Iterator[Meeting]:
    """Opened before the first test, so that a peer that starts at the same time sees us early."""
    with present_as("p1-critical") as opened:
        yield opened


@pytest.fixture(scope="session")
def account_token(meeting: Meeting, tls: ssl.SSLContext, account: str) -> str:
    with open_http(tls) as http:
        return meeting.log_in_before("websocket-events", lambda: log_in(http, account))
