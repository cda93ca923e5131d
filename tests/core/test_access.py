"""A closed door is nothing that a service's health says; which answers are one, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from netra_loop.core.access import denied
from netra_loop.core.health import Answer
from netra_loop.core.target import Access, AccessKind

IAM = Access(AccessKind.IAM)


IAP = {"x-goog-iap-generated-response": "true"}


def answer(status: int, location: str = "", headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    return Answer(status, {**({"location": location} if location else {}), **headers}, "")


DOORS = {
    "401": (answer(401), 200, "not let in: HTTP 401 ("),
    "403": (answer(403), 200, "not let in: HTTP 403 ("),
    "a login of Google's": (
        answer(302, "https://accounts.google.com/o/oauth2/v2/auth?client_id=1"),
        200,
        "not let in: HTTP 302 leads to a login at accounts.google.com (",
    ),
    "a login of its own": (answer(307, "/login?next=/health"), 200, "not let in: HTTP 307 leads to a login at a page"),
    "a single sign-on": (answer(303, "https://corp.example/sso/start"), 200, "not let in: HTTP 303 leads to a login"),
    "declared": (answer(401), 401, ""),
    "a good answer": (answer(200), 200, ""),
    "a broken service": (answer(503), 200, ""),
    "a redirect to elsewhere": (answer(301, "https://www.example/health"), 200, ""),
    "a redirect to nowhere": (answer(302), 200, ""),
    "a page about logins": (answer(302, "/docs/login-help"), 200, "not let in"),
    "a blog": (answer(302, "/blog/in"), 200, ""),
    "IAP's 401": (answer(401, headers=IAP), 200, "not let in by IAP: HTTP 401 (give the account roles/iap."),
    "IAP's login": (
        answer(302, "https://accounts.google.com/o/oauth2/v2/auth", IAP),
        200,
        "not let in by IAP: HTTP 302 leads to a login at accounts.google.com (give the account",
    ),
    "IAP's login elsewhere": (
        answer(302, "https://people.example/welcome", IAP),
        200,
        "not let in by IAP: HTTP 302 leads to a login at people.example (",
    ),
    "what IAP let through": (answer(302, "/welcome", {"x-goog-iap-generated-response": "false"}), 200, ""),
}


@pytest.mark.parametrize(("told", "expected", "said"), DOORS.values(), ids=DOORS)
def test_which_answers_are_a_closed_door(told: Answer, expected: int, said: str) -> None:
    found = denied(Access(AccessKind.IAP) if told.headers.keys() & IAP.keys() else IAM, expected, told)
    assert found.startswith(said) if said else found == ""


@pytest.mark.parametrize("kind", AccessKind)
def test_each_kind_of_access_says_what_to_do(kind: AccessKind) -> None:
    others = {denied(Access(other), 200, answer(403)) for other in AccessKind if other is not kind}
    assert denied(Access(kind), 200, answer(403)) not in others


@pytest.mark.parametrize("kind", AccessKind)
def test_where_iap_answers_what_to_do_is_said_of_iap(kind: AccessKind) -> None:
    assert "iap" in denied(Access(kind), 200, answer(403, headers=IAP)).partition("(")[2]
