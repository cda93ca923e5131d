"""Whatever Google's clients raise becomes a result with a name and, where a person can act, advice."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import google.api_core.exceptions
import google.auth.exceptions
import pytest
import requests.exceptions

from netra_loop.adapters.google_errors import errored
from netra_loop.core.outcome import Outcome

MODULES: list[ModuleType] = [google.api_core.exceptions, google.auth.exceptions, requests.exceptions]


def raised_by(module: ModuleType) -> Iterator[type[Exception]]:
    """Every exception of the module, no warning."""
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Exception) and not issubclass(each, Warning):
            yield each


def made(kind: type[Exception]) -> Exception:
    """An exception of this class, with whatever it insists on."""
    for arguments in (("it broke",), ("it broke", ValueError("why")), ("it broke", "{", 0)):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise AssertionError(f"{kind} takes something else")


EVERY = {f"{kind.__module__}.{kind.__name__}": kind for module in MODULES for kind in raised_by(module)}


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_every_exception_of_the_clients_is_an_error_with_its_name_and_message(kind: type[Exception]) -> None:
    result = errored(made(kind), "deploying backend")

    assert result.outcome is Outcome.ERRORED
    (reason,) = result.reasons
    assert reason.startswith(f"deploying backend: {kind.__name__}: ")
    assert "it broke" in reason


def test_the_list_of_exceptions_is_not_empty_by_mistake() -> None:
    assert len(EVERY) > 50


LOGIN = "`gcloud auth application-default login`"
STATUSES = {
    400: "refused the request",
    401: LOGIN,
    403: "roles/run.developer",
    404: "does not exist in this project and region",
    409: "someone else changed it",
    429: "a quota is used up",
    500: "not available now",
    502: "not available now",
    503: "not available now",
    504: "no answer in time",
}


@pytest.mark.parametrize(("status", "advice"), STATUSES.items())
def test_an_http_status_of_the_api_has_advice(status: int, advice: str) -> None:
    error = google.api_core.exceptions.from_http_status(status, "it broke")  # type: ignore[no-untyped-call]

    assert advice in errored(error, "asking").reasons[0]


MET = {
    "no credentials": (google.auth.exceptions.DefaultCredentialsError, LOGIN),
    "expired credentials": (google.auth.exceptions.RefreshError, LOGIN),
    "revoked credentials": (google.api_core.exceptions.Unauthenticated, LOGIN),
    "no network for the sign-in": (google.auth.exceptions.TransportError, "cannot be reached"),
    "a missing role": (google.api_core.exceptions.PermissionDenied, "roles/logging.viewer"),
    "a name that is taken": (google.api_core.exceptions.AlreadyExists, "taken with a different configuration"),
    "a change at the same time": (google.api_core.exceptions.Aborted, "someone else changed it"),
    "a change that is not allowed now": (
        google.api_core.exceptions.FailedPrecondition,
        "refused the change in its present state",
    ),
    "a wrong argument": (google.api_core.exceptions.InvalidArgument, "refused the request"),
    "a quota": (google.api_core.exceptions.ResourceExhausted, "a quota is used up"),
    "a deadline": (google.api_core.exceptions.DeadlineExceeded, "no answer in time"),
    "many tries": (google.api_core.exceptions.RetryError, "after several tries"),
    "no network": (requests.exceptions.ConnectionError, "cannot be reached"),
    "no network to the proxy": (requests.exceptions.ProxyError, "cannot be reached"),
    "a certificate": (requests.exceptions.SSLError, "cannot be reached"),
    "a slow connection": (requests.exceptions.ConnectTimeout, "cannot be reached"),
    "a slow answer": (requests.exceptions.ReadTimeout, "no answer in time"),
}


@pytest.mark.parametrize(("kind", "advice"), MET.values(), ids=MET)
def test_what_people_meet_has_advice(kind: type[Exception], advice: str) -> None:
    assert advice in errored(made(kind), "asking").reasons[0]


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), AttributeError("x"), TypeError("x"), ZeroDivisionError("x")], ids=repr
)
def test_a_bug_of_ours_is_named_and_has_no_advice(error: Exception) -> None:
    assert errored(error, "asking").reasons == (f"asking: {type(error).__name__}: {error}",)


def test_an_error_without_a_message_says_its_name() -> None:
    assert errored(ValueError(), "asking").reasons == ("asking: ValueError: ValueError",)


def test_a_long_message_is_cut() -> None:
    assert len(errored(ValueError("x" * 5000), "asking").reasons[0]) == len("asking: ValueError: ") + 500
