"""When an answer says that we were not let in, which is nothing that it says of the service's health. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from netra_loop.core.health import Answer
from netra_loop.core.target import Access, AccessKind

_REDIRECTS = (301, 302, 303, 307, 308)
_LOGIN_HOSTS = ("accounts.google.com", "iap.googleapis.com")
_LOGIN_PATHS = ("login", "signin", "sign-in", "oauth", "sso")
_FROM_IAP = "x-goog-iap-generated-response"  # "true" in what IAP itself answers, says Google's page on its headers
_FIXES = {
    AccessKind.NONE: "declare how it lets us in with 'auth: iam', or let everybody invoke it",
    AccessKind.IAM: "give the account roles/run.invoker on the service; the audience is the service's own URL",
    AccessKind.IAP: "give the account roles/iap.httpsResourceAccessor, and allow its client in the IAP settings",
    AccessKind.COMMAND: "the token that the command prints is not taken",
}
_UNDECLARED_IAP = "IAP stands before it: declare 'auth: {kind: iap, audience: ...}'"


def denied(access: Access, expected: int, answer: Answer) -> str:
    """Why this answer is a closed door, and what to do; empty for any other. expected: the declared status."""
    if answer.status == expected:
        return ""
    by, fix = "", _FIXES[access.kind]
    if answer.headers.get(_FROM_IAP) == "true":
        by, fix = " by IAP", _FIXES[AccessKind.IAP] if access.kind is not AccessKind.NONE else _UNDECLARED_IAP
    if answer.status in (401, 403):
        return f"not let in{by}: HTTP {answer.status} ({fix})"
    location = answer.headers.get("location", "")
    if answer.status in _REDIRECTS and (by or _is_login(location)):
        host = urlsplit(location).hostname or "a page of its own"
        return f"not let in{by}: HTTP {answer.status} leads to a login at {host} ({fix})"
    return ""


def _is_login(location: str) -> bool:
    place = urlsplit(location)
    words = place.path.lower().replace("_", "-").split("/")
    return (place.hostname or "") in _LOGIN_HOSTS or any(word.startswith(_LOGIN_PATHS) for word in words)
