"""What the tests of every suite start from.

Everything that talks to the platform is made anew for each test: a test's evidence must be its own, and a failed login
must fail the test that needed it.
"""

import os
import ssl
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from .client import Socket, bearer, log_in, open_http, open_socket


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """Loading certificates takes longer than most tests here, so it is done once."""
    return ssl.create_default_context()


@pytest.fixture(scope="session")
def account() -> str:
    """The test user that this suite was given."""
    return os.environ.get("NETRA_LOOP_USER") or f"e2e-{uuid4().hex[:12]}"


@pytest.fixture
def user(account: str) -> str:
    """A user only this test has: a login of another test, or of another suite, does not end its session."""
    return f"{account}.{uuid4().hex[:12]}"


@pytest.fixture
def http(tls: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A client that is nobody yet."""
    with open_http(tls) as client:
        yield client


@pytest.fixture
def token(http: httpx.Client, user: str) -> str:
    return log_in(http, user)


@pytest.fixture
def api(http: httpx.Client, token: str) -> httpx.Client:
    """A client that is logged in as this test's user."""
    http.headers.update(bearer(token))
    return http


@pytest.fixture
def socket(token: str) -> Iterator[Socket]:
    """An authenticated connection, its greeting not yet read."""
    with open_socket(token) as opened:
        yield opened
