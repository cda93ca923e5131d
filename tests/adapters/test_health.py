"""A health check against servers that answer late, wrong, without end or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import anyio
import pytest

from netra_loop.adapters.health import check_health
from netra_loop.adapters.http import BODY_CAP, USER_AGENT, Unanswered, client, fetch, identify
from netra_loop.adapters.locate import Address
from netra_loop.core.health import Answer
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import DependencyState, HealthSeen, Result
from netra_loop.core.target import Dependency, HealthCheck, Identity, Target
from tests.adapters.servers import Running, answer, answering, dripping, nobody, repeating, silent, zipped

LONG = 20.0  # seconds of a deadline that is not to be reached
SHORT = 0.4  # seconds of a deadline that is

HEALTHY = {"status": "healthy", "store": "connected", "mail": "disabled"}
OK = answer(HEALTHY, X_Revision="backend-2")
BROKEN = answer({"status": "starting"}, "503 Service Unavailable")


def target_of(check: HealthCheck, *dependencies: Dependency, identity: Identity | None = None) -> Target:
    return Target("backend", "backend-service", health=check, dependencies=dependencies, identity=identity)


def look(
    server: Running, *dependencies: Dependency, deadline: float = LONG, consecutive: int = 2, **check: object
) -> Result:
    declared = HealthCheck("/health", consecutive=consecutive, interval=0.005, deadline=deadline, **check)  # type: ignore[arg-type]
    target = target_of(declared, *dependencies, identity=Identity(header="X-Revision"))
    return anyio.run(check_health, target, Address(server.url, "backend-1"))


def seen(result: Result) -> HealthSeen:
    assert isinstance(result.seen, HealthSeen)
    return result.seen


def test_a_healthy_service_passes_with_what_was_measured() -> None:
    with answering(OK) as server:
        result = look(server, consecutive=3, expect={"/status": "healthy"})

    assert (result.outcome, result.reasons) == (Outcome.PASSED, ())
    found = seen(result)
    assert (found.target, found.url, found.samples, found.consecutive) == ("backend", server.url, 3, 3)
    assert found.revision == "backend-2", "the answer names it, and the answer knows"
    assert found.latency_median_s is not None
    assert found.latency_max_s is not None
    assert 0 <= found.latency_median_s <= found.latency_max_s < LONG
    (evidence,) = result.evidence
    assert '"store": "connected"' in evidence.excerpt


def test_the_question_is_asked_as_declared() -> None:
    with answering(OK) as server:
        look(server, consecutive=1)

    (asked,) = server.asked
    assert asked.startswith("GET /health HTTP/1.1\r\n")
    for header in ("accept-encoding: identity\r\n", f"user-agent: {USER_AGENT}\r\n"):
        assert header in asked.lower()


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as proxy, answering(OK) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert look(server).outcome is Outcome.PASSED


def test_a_service_that_starts_slowly_passes_in_the_end() -> None:
    with answering(BROKEN, BROKEN, b"", OK) as server:
        result = look(server)

    assert (result.outcome, seen(result).samples, seen(result).consecutive) == (Outcome.PASSED, 5, 2)


def test_a_row_of_good_answers_begins_anew_after_a_bad_one() -> None:
    with answering(OK, OK, BROKEN, OK, OK, b"", OK) as server:
        result = look(server, consecutive=3)

    assert (result.outcome, seen(result).samples, seen(result).consecutive) == (Outcome.PASSED, 9, 3)


@pytest.mark.parametrize("answers", [(OK, BROKEN), (OK, OK, BROKEN), (OK, b"")], ids=["half", "two in three", "cut"])
def test_a_service_that_flaps_is_never_healthy(answers: tuple[bytes, ...]) -> None:
    with repeating(*answers) as server:
        result = look(server, deadline=SHORT, consecutive=3)

    assert result.outcome is Outcome.FAILED
    assert seen(result).samples > 3
    assert seen(result).consecutive < 3
    assert result.reasons != ()


def test_flapping_is_named_when_the_last_answer_was_good() -> None:
    with answering(OK) as server:
        result = look(server, deadline=SHORT, consecutive=10_000)

    assert result.reasons == ("flapping: healthy, but not often enough in a row",)


Server = Callable[[], AbstractContextManager[Running]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

NO_ANSWER: dict[str, Server] = {
    "nobody listens": nobody,
    "no answer": silent,
    "a head that never ends": lambda: dripping(HEAD, b"X"),
    "headers that never end": lambda: dripping(HEAD, b"X-More: and more\r\n", 0.005),
    "a body that comes byte by byte": lambda: dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"{"),
    "a body without an end": lambda: dripping(HEAD + b"\r\n", b" " * 65536, 0.0),
    "chunks without an end": lambda: dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "a body that is cut": lambda: answering(HEAD + b'Content-Length: 100\r\n\r\n{"status"'),
    "a connection that is closed": lambda: answering(b""),
    "what is no HTTP": lambda: answering(b"220 mail ready\r\n"),
    "binary noise": lambda: answering(bytes(range(256)) * 10),
    "two lengths": lambda: answering(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "a body that is not zipped as it says": lambda: answering(answer({}, Content_Encoding="gzip")),
    "provisional answers without an end": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
}


@pytest.mark.parametrize("start", NO_ANSWER.values(), ids=NO_ANSWER)
def test_a_service_without_a_whole_answer_has_failed_by_the_deadline(start: Server) -> None:
    with start() as server:
        before = time.monotonic()
        result = look(server, Dependency("store", "/store", required=True), deadline=SHORT)
        took = time.monotonic() - before

    assert result.outcome is Outcome.FAILED
    assert len(result.reasons) == 1
    assert took < SHORT + 5.0
    assert seen(result).consecutive == 0
    assert seen(result).latency_median_s is None
    assert seen(result).revision == "backend-1", "nothing else is known"
    assert seen(result).dependencies == (DependencyState("store", "not_checked", required=True),)


UNHEALTHY = {
    "503": (BROKEN, "HTTP 503, 200 was expected"),
    "a redirect": (answer("", "302 Found", Location="/elsewhere"), "HTTP 302, 200 was expected"),
    "no content": (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "HTTP 204, 200 was expected"),
    "a value that is not met": (answer({"status": "degraded"}), '/status is "degraded", "healthy" was expected'),
    "a value that is missing": (answer({"state": "healthy"}), '/status is missing, "healthy" was expected'),
    "a list": (answer([1, 2]), '/status is missing, "healthy" was expected'),
    "a login page": (answer("<html>sign in</html>"), "the body is not JSON"),
    "an empty body": (answer(b""), "the body is not JSON"),
    "half a document": (answer(b'{"status": "healthy"'), "the body is not JSON"),
    "bytes that are no text": (answer(b"\xff\xfe\xfa"), "the body is not JSON"),
}


@pytest.mark.parametrize(("told", "reason"), UNHEALTHY.values(), ids=UNHEALTHY)
def test_an_answer_that_is_not_as_declared_is_told(told: bytes, reason: str) -> None:
    with answering(told) as server:
        result = look(server, deadline=SHORT, expect={"/status": "healthy"})

    assert result.outcome is Outcome.FAILED
    assert reason in result.reasons


def test_a_redirect_is_not_followed() -> None:
    with answering(OK) as other, answering(answer("", "307 Temporary Redirect", Location=other.url)) as server:
        assert look(server, deadline=SHORT).outcome is Outcome.FAILED

    assert other.asked == []


def test_another_status_may_be_the_declared_one() -> None:
    with answering(answer("", "401 Unauthorized")) as server:
        assert look(server, status=401).outcome is Outcome.PASSED


STATES = {
    "connected": (True, "connected", Outcome.PASSED),
    "disabled": (True, "disabled", Outcome.PASSED),
    "degraded": (True, "degraded", Outcome.FAILED),
    "failed": (True, "failed", Outcome.FAILED),
    "a word we do not know": (True, "fine", Outcome.FAILED),
    "no word": (True, None, Outcome.FAILED),
    "failed, but optional": (False, "failed", Outcome.PASSED),
    "not told, but optional": (False, None, Outcome.PASSED),
}


@pytest.mark.parametrize(("required", "state", "outcome"), STATES.values(), ids=STATES)
def test_a_required_dependency_decides_and_an_optional_one_does_not(
    required: bool, state: str | None, outcome: Outcome
) -> None:
    with answering(answer({"store": {"state": state}} if state else {})) as server:
        result = look(
            server, Dependency("store", "/store/state", required), deadline=LONG if outcome is Outcome.PASSED else SHORT
        )

    assert result.outcome is outcome
    (dependency,) = seen(result).dependencies
    told = "not_checked" if state is None else "failed" if state == "fine" else state
    assert dependency == DependencyState("store", told, required)
    if outcome is Outcome.FAILED:
        assert result.reasons == (f"required dependency store is {told}",)


def test_a_large_answer_is_kept_in_part() -> None:
    with answering(answer({"status": "healthy", "padding": "x" * 100_000})) as server:
        (evidence,) = look(server).evidence

    assert (len(evidence.excerpt), evidence.truncated) == (4096, True)


def asked(server: Running, timeout: float = LONG) -> Answer:
    async def ask() -> Answer:
        async with client() as http:
            return await fetch(http, f"{server.url}/", timeout)

    return anyio.run(ask)


def test_a_body_may_be_as_large_as_the_cap_and_no_larger() -> None:
    with answering(answer(b"x" * BODY_CAP), answer(b"x" * (BODY_CAP + 1))) as server:
        assert len(asked(server).body) == BODY_CAP
        with pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"):
            asked(server)


def test_a_body_without_an_end_is_given_up_at_the_cap_not_at_the_deadline() -> None:
    with (
        dripping(HEAD + b"\r\n", b" " * 65536, 0.0) as server,
        pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"),
    ):
        asked(server)


def test_a_body_zipped_though_nobody_asked_is_read() -> None:
    with answering(zipped(b'{"status": "healthy"}')) as server:
        assert asked(server).body == '{"status": "healthy"}'


def test_a_body_that_unzips_to_more_than_the_cap_is_given_up() -> None:
    with (
        answering(zipped(b" " * (50 * BODY_CAP))) as server,
        pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"),
    ):
        asked(server)


def test_an_exchange_that_takes_too_long_says_so() -> None:
    with silent() as server, pytest.raises(Unanswered, match=r"no whole answer in 0\.2 s"):
        asked(server, 0.2)


@pytest.mark.parametrize("url", ["http://[::1", "http://", "ftp://127.0.0.1", "nonsense"])
def test_what_is_no_url_is_unanswered(url: str) -> None:
    with pytest.raises(Unanswered):
        asked(Running(url))


def test_headers_are_told_in_lower_case() -> None:
    with answering(OK) as server:
        assert asked(server).headers["x-revision"] == "backend-2"


def identified(server: Running, identity: Identity | None, revision: str) -> tuple[str, int, bool]:
    target = Target("backend", "backend-service", identity=identity)
    found = anyio.run(identify, target, server.url, revision)
    return found.how, found.answers, found.verified


def test_a_revision_is_identified_by_three_answers_in_a_row() -> None:
    old, new = answer({}, X_Revision="backend-1"), answer({}, X_Revision="backend-2")
    with answering(old, new, new, b"", old, new) as server:
        found = identified(server, Identity(header="x-revision"), "backend-2")

    assert found == ("verified by header x-revision", 3, True)
    assert len(server.asked) == 8


def test_a_revision_is_identified_by_its_body() -> None:
    with answering(answer({"build": {"revision": "backend-2"}})) as server:
        found = identified(server, Identity("/version", pointer="/build/revision"), "backend-2")

    assert found == ("verified by /version /build/revision", 3, True)
    assert server.asked[0].startswith("GET /version ")


def test_a_service_without_a_declared_identity_is_not_asked() -> None:
    with nobody() as server:
        assert identified(server, None, "backend-2") == ("unverified: the service declares no identity", 0, True)
