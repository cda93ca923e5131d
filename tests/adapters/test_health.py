"""A health check against servers that answer late, wrong, without end or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from netra_loop.adapters.address import Address
from netra_loop.adapters.health import check_health
from netra_loop.adapters.http import BODY_CAP, USER_AGENT, Unanswered, client, fetch, identify
from netra_loop.adapters.reach import Refused
from netra_loop.core.health import Answer
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import DependencyState, HealthSeen, Result
from netra_loop.core.target import Dependency, Endpoint, HealthCheck, Identity, Target
from tests.adapters.servers import Running, answer, answering, dripping, nobody, repeating, silent, zipped

LONG = 20.0  # seconds of a deadline that is not to be reached
SHORT = 0.4  # seconds of a deadline that is

LOCAL = Target("backend", "backend-service", local=True)
HEALTHY = {"status": "healthy", "store": "connected", "mail": "disabled"}
OK = answer(HEALTHY, X_Revision="backend-2")
BROKEN = answer({"status": "starting"}, "503 Service Unavailable")


def target_of(check: HealthCheck, *dependencies: Dependency, identity: Identity | None = None) -> Target:
    return Target("backend", "backend-service", health=check, dependencies=dependencies, identity=identity, local=True)


def look(
    server: Running,
    *dependencies: Dependency,
    deadline: float = LONG,
    consecutive: int = 2,
    revision: str = "",
    **check: object,
) -> Result:
    declared = HealthCheck("/health", consecutive=consecutive, interval=0.005, deadline=deadline, **check)  # type: ignore[arg-type]
    target = target_of(declared, *dependencies, identity=Identity(header="X-Revision"))
    return anyio.run(check_health, target, Address(server.url, revision))


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
    body, answers = result.evidence
    assert '"store": "connected"' in body.excerpt
    assert [line.partition(" s: ")[2].partition(" in ")[0] for line in answers.excerpt.splitlines()] == ["HTTP 200"] * 3


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
    assert (seen(result).answered, seen(result).bad) == (4, 0), (
        "a bad answer is a whole one, also before the first good"
    )


def test_a_row_of_good_answers_begins_anew_after_a_bad_one() -> None:
    with answering(OK, OK, BROKEN, OK, OK, b"", OK) as server:
        result = look(server, consecutive=3)

    assert (result.outcome, seen(result).samples, seen(result).consecutive) == (Outcome.PASSED, 9, 3)


@pytest.mark.parametrize("answers", [(OK, BROKEN), (OK, OK, BROKEN), (OK, b"")], ids=["half", "two in three", "cut"])
def test_h1_a_service_that_flaps_is_never_healthy(answers: tuple[bytes, ...]) -> None:
    with repeating(*answers) as server:
        result = look(server, deadline=20.0, consecutive=3)

    assert result.outcome is Outcome.FAILED
    assert seen(result).bad == 4, "three bad answers after the first good one are forgiven"
    assert seen(result).consecutive == 0
    assert result.reasons[0].startswith("flapping: 4 of ")
    assert "answers since the first good one were bad" in result.reasons[0]
    assert len(result.reasons) > 1, "and what was wrong with the last of them"


def test_h1_how_many_bad_answers_are_forgiven_is_declared() -> None:
    with answering(OK, BROKEN, OK) as server:
        assert look(server, failures=0).reasons[0] == "flapping: 1 of 2 answers since the first good one were bad"
    with answering(BROKEN, BROKEN, OK) as server:
        assert look(server, failures=0).outcome is Outcome.PASSED, "before the first good one it starts"


def test_h1_good_answers_must_cover_the_declared_time() -> None:
    with answering(OK) as server:
        result = look(server, spread=0.2)

    assert result.outcome is Outcome.PASSED
    first, last = (line.partition(" s: ")[0] for line in (result.evidence[1].excerpt.splitlines()[k] for k in (0, -1)))
    assert float(last) - float(first) > 0.18
    assert seen(result).samples > 2


def test_answers_that_take_too_long_are_not_healthy_however_many() -> None:
    with answering(OK) as server:
        (reason,) = look(server, max_p95=0.000001).reasons
        assert look(server, max_p95=LONG).outcome is Outcome.PASSED

    assert reason.startswith("95 of 100 answers took up to 0.")
    assert reason.endswith(" s, 1e-06 s are allowed")


def test_everything_that_is_declared_beside_the_health_path_must_answer() -> None:
    deep = Endpoint("/deep", expect={"/status": "healthy"}, content_type="application/json")
    with answering(OK) as server:
        assert look(server, endpoints=(deep, Endpoint("/page"))).outcome is Outcome.PASSED
        assert {line.split()[1] for line in server.asked} == {"/health", "/deep", "/page"}
        missing = look(server, deadline=SHORT, endpoints=(Endpoint("/gone", 404),))
        typed = look(server, deadline=SHORT, endpoints=(Endpoint("/page", content_type="text/html"),))

    assert missing.reasons == ("/gone: HTTP 200, 404 was expected",)
    assert typed.reasons == ("/page: its type is application/json, text/html was expected",)


def test_h8_an_answer_of_another_revision_is_no_health_of_this_one() -> None:
    with answering(OK) as server:
        result = look(server, deadline=SHORT, revision="backend-1")
        assert look(server, revision="backend-2").outcome is Outcome.PASSED

    assert result.reasons == ("backend-2 answered, not backend-1",)


def test_h8_a_good_status_with_a_failed_dependency_is_not_healthy() -> None:
    with answering(answer({"status": "healthy", "redis": "failed"})) as server:
        result = look(server, Dependency("redis", "/redis", required=True), deadline=SHORT)

    assert result.reasons == ("required dependency redis is failed",)


def test_h8_a_page_where_a_document_was_declared_is_not_healthy() -> None:
    with answering(answer("<html>sign in</html>", Content_Type="text/html; charset=utf-8")) as server:
        (reason,) = look(server, deadline=SHORT, content_type="application/json").reasons

    assert reason == "its type is text/html, application/json was expected"


@pytest.mark.parametrize(("seconds", "expected"), [(-95, -95), (0, 0), (3600, 3600)])
def test_how_far_its_clock_is_off_is_told(seconds: int, expected: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    with answering(answer(HEALTHY, Date=date)) as server:
        skew = seen(look(server)).clock_skew_s

    assert skew is not None
    assert abs(skew - expected) <= 2, "it is told to the second, and asking takes time"


def test_who_tells_no_time_has_no_clock() -> None:
    with answering(answer(HEALTHY, Date="yesterday")) as server:
        assert seen(look(server)).clock_skew_s is None


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
def test_h2_a_service_without_a_whole_answer_has_failed_by_the_deadline(start: Server) -> None:
    with start() as server:
        before = time.monotonic()
        result = look(server, Dependency("store", "/store", required=True), deadline=SHORT, revision="backend-1")
        took = time.monotonic() - before

    assert result.outcome is Outcome.FAILED
    assert len(result.reasons) == 1
    assert took < SHORT + 5.0
    assert seen(result).consecutive == 0
    assert (seen(result).latency_median_s, seen(result).answered) == (None, 0)
    assert seen(result).revision == "backend-1", "nothing else is known"
    assert seen(result).dependencies == (DependencyState("store", "not_checked", required=True),)


UNHEALTHY = {
    "503": (BROKEN, "HTTP 503, 200 was expected"),
    "a redirect": (
        answer("", "302 Found", Location="/elsewhere"),
        "HTTP 302, 200 was expected (it leads to /elsewhere)",
    ),
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
def test_h8_an_answer_that_is_not_as_declared_is_told(told: bytes, reason: str) -> None:
    with answering(told) as server:
        result = look(server, deadline=SHORT, expect={"/status": "healthy"})

    assert result.outcome is Outcome.FAILED
    assert reason in result.reasons


def test_h4_a_redirect_is_not_followed() -> None:
    with answering(OK) as other, answering(answer("", "307 Temporary Redirect", Location=other.url)) as server:
        result = look(server, deadline=SHORT)

    assert other.asked == []
    assert result.reasons == (f"HTTP 307, 200 was expected (it leads to {other.url})",)


def test_h4_a_redirect_to_a_declared_host_is_followed_and_to_no_other() -> None:
    with answering(OK) as other, answering(OK) as stranger:
        declared = (other.url.removeprefix("http://"),)
        with answering(answer("", "302 Found", Location=f"{other.url}/there")) as server:
            assert look(server, redirects=declared).outcome is Outcome.PASSED
        with answering(answer("", "302 Found", Location=f"{stranger.url}/there")) as server:
            assert look(server, redirects=declared, deadline=SHORT).outcome is Outcome.FAILED

    assert {line.split()[1] for line in other.asked} == {"/there"}
    assert stranger.asked == []


def test_h4_redirects_in_a_ring_end() -> None:
    with answering(answer("", "302 Found", Location="/health")) as server:
        result = look(server, redirects=(server.url.removeprefix("http://"),), deadline=SHORT, consecutive=1)

    assert result.reasons == ("HTTP 302, 200 was expected (it leads to /health)",)


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
        evidence, _ = look(server).evidence

    assert (len(evidence.excerpt), evidence.truncated) == (4096, True)


def asked(server: Running, timeout: float = LONG) -> Answer:
    async def ask() -> Answer:
        async with client(LOCAL) as http:
            return await fetch(http, f"{server.url}/", timeout)

    return anyio.run(ask)


def test_a_body_may_be_as_large_as_the_cap_and_no_larger() -> None:
    with answering(answer(b"x" * BODY_CAP), answer(b"x" * (BODY_CAP + 1))) as server:
        assert len(asked(server).body) == BODY_CAP
        with pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"):
            asked(server)


def test_h3_a_body_without_an_end_is_given_up_at_the_cap_not_at_the_deadline() -> None:
    with (
        dripping(HEAD + b"\r\n", b" " * 65536, 0.0) as server,
        pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"),
    ):
        asked(server)


def test_a_body_zipped_though_nobody_asked_is_read() -> None:
    with answering(zipped(b'{"status": "healthy"}')) as server:
        assert asked(server).body == '{"status": "healthy"}'


def test_h3_a_body_that_unzips_to_more_than_the_cap_is_given_up() -> None:
    with (
        answering(zipped(b" " * (50 * BODY_CAP))) as server,
        pytest.raises(Unanswered, match=f"the body is larger than {BODY_CAP} bytes"),
    ):
        asked(server)


def test_h3_a_body_in_an_encoding_that_nobody_asked_for_is_refused() -> None:
    with (
        answering(answer({}, Content_Encoding="br")) as server,
        pytest.raises(Unanswered, match="the body is encoded as 'br', which nobody asked for"),
    ):
        asked(server)


def test_an_exchange_that_takes_too_long_says_so() -> None:
    with silent() as server, pytest.raises(Unanswered, match=r"no whole answer in 0\.2 s"):
        asked(server, 0.2)


@pytest.mark.parametrize("url", ["http://[::1", "http://", "ftp://127.0.0.1", "nonsense"])
def test_what_is_no_url_of_a_target_is_not_asked(url: str) -> None:
    with pytest.raises((Unanswered, Refused)):
        asked(Running(url))


def test_headers_are_told_in_lower_case() -> None:
    with answering(OK) as server:
        assert asked(server).headers["x-revision"] == "backend-2"


def identified(server: Running, identity: Identity | None, revision: str) -> tuple[str, int, bool]:
    target = Target("backend", "backend-service", identity=identity, local=True)
    found = anyio.run(identify, target, Address(server.url, revision))
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
