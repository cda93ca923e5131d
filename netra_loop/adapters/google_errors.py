"""Google's exceptions as results: what could not be looked at, and what to do about it."""

from __future__ import annotations

from netra_loop.core.errors import PreflightError
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import Result

_ADVICE = {
    "Unauthorized": "credentials are missing or expired: `gcloud auth application-default login`",
    "Forbidden": "the account lacks a permission: roles/run.developer, or roles/logging.viewer for logs",
    "NotFound": "it does not exist in this project and region",
    "AlreadyExists": "the name is taken with a different configuration",
    "Aborted": "someone else changed it at the same time",
    "Conflict": "someone else changed it at the same time",
    "FailedPrecondition": "the service refused the change in its present state",
    "BadRequest": "the service refused the request",
    "ResourceExhausted": "a quota is used up; wait, or ask for more",
    "TooManyRequests": "a quota is used up; wait, or ask for more",
    "DeadlineExceeded": "no answer in time",
    "GatewayTimeout": "no answer in time",
    "ServerError": "the API is not available now",
    "RetryError": "the API did not answer after several tries",
    "DefaultCredentialsError": "no credentials found: `gcloud auth application-default login`",
    "TransportError": "Google's sign-in cannot be reached",
    "RefreshError": "the credentials could not be refreshed: `gcloud auth application-default login`",
    "GoogleAuthError": "the credentials are of no use: `gcloud auth application-default login`",
    "ConnectionError": "the API cannot be reached",
    "Timeout": "no answer in time",
}
_PASSING = frozenset(
    {"Conflict", "ServerError", "TooManyRequests", "RetryError", "ConnectionError", "Timeout", "TransportError"}
)
"""What may be over when it is tried again; whether it was carried out all the same has to be looked at first."""


def is_passing(error: Exception) -> bool:
    """Whether what a call met may be over at the next try: a conflict, a lost answer, an API that is not available."""
    return any(cls.__name__ in _PASSING for cls in type(error).__mro__)


def errored(error: Exception, doing: str) -> Result:
    """ERRORED, with what was being done, what the API said and the next step. Any exception of the clients will do."""
    said = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return Result(Outcome.ERRORED, (f"{doing}: {type(error).__name__}: {said[:500]}{_advice(type(error))}",))


def preflight_error(error: Exception, doing: str) -> PreflightError:
    """The same for what is looked at before anything is touched."""
    return PreflightError("; ".join(errored(error, doing).reasons))


def _advice(kind: type[BaseException]) -> str:
    """The advice for the closest class that has one; none for our own bugs."""
    for cls in kind.__mro__:
        if cls.__name__ in _ADVICE:
            return f" ({_ADVICE[cls.__name__]})"
    return ""
