"""Calls to Google's APIs, made again while the API is unavailable or a person renews the credentials."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from anyio import from_thread

T = TypeVar("T")

RETRY_WINDOW = 20.0  # seconds in which a call that found the API unavailable is tried again
RENEWAL_WINDOW = 60.0  # seconds that a session waits for new credentials; less than what a shift of traffic may take
LOOK_AGAIN = 2.0  # seconds between two tries with whatever credentials there are then
RENEW = "gcloud auth application-default login"


class Calls:
    """Makes calls; `patience` is how long credentials that are refused may take to be renewed, in seconds."""

    def __init__(self, patience: float = 0.0, look_again: float = LOOK_AGAIN) -> None:
        self._patience = patience
        self._look_again = look_again

    def __call__(self, call: Callable[[], T]) -> T:
        """What the call returns. Raises what went wrong with its last try."""
        from google.api_core.exceptions import Unauthorized
        from google.auth.exceptions import GoogleAuthError, TransportError

        end: float | None = None  # of the wait, which begins with the first refusal
        while True:
            try:
                return _tried(call)
            except TransportError:
                raise
            except (Unauthorized, GoogleAuthError) as error:
                if not self._patience or (end is not None and time.monotonic() >= end):
                    raise
                if end is None:
                    end = time.monotonic() + self._patience
                    _tell(error, self._patience)
            _pause(self._look_again)


def _tried(call: Callable[[], T]) -> T:
    import stamina
    from google.api_core import exceptions
    from requests.exceptions import ConnectionError as NotReached

    stamina.instrumentation.set_on_retry_hooks([])  # its own words would stand between ours
    passing = (exceptions.ServiceUnavailable, exceptions.TooManyRequests, exceptions.GatewayTimeout, NotReached)
    for attempt in stamina.retry_context(on=passing, attempts=5, timeout=RETRY_WINDOW):
        with attempt:
            return call()
    raise AssertionError("retry_context ends by returning or raising")


def _tell(error: Exception, patience: float) -> None:
    """Say at once what a person has to do: the worklog would be too late."""
    kind = type(error).__name__
    sys.stderr.write(f"credentials are refused ({kind}); waiting {patience:g} s for `{RENEW}`\n")
    sys.stderr.flush()


def _pause(seconds: float) -> None:
    """Wait, but no longer than the act does that we are a thread of."""
    time.sleep(seconds)
    with suppress(RuntimeError):  # no act waits for us
        from_thread.check_cancelled()
