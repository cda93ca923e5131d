"""Chains of whys as a whole: what they may be made of, and how problems are recognised again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.knowledge import (
    AddressDiffers,
    Cause,
    Claim,
    DependencyDown,
    Derivation,
    FailureText,
    Logged,
    Look,
    RemedyKind,
    SlowWork,
    Treatment,
    UserShared,
)
from netra_loop.core.past import Refuted
from netra_loop.core.problem import Evidence, WhyStatus
from netra_loop.core.target import Dependency
from netra_loop.diagnosis.diagnose import diagnose
from netra_loop.diagnosis.scene import DownDependency, Failure, LogEntry, Scene, SharedUser
from tests.stories import named

SLOW = SlowWork("^done$", "duration_s", "limit_s")
RAISE = Treatment(RemedyKind.SET_ENV, Derivation.P95, "TIMEOUT", 1.25, 4.0)


def failing(*messages: str) -> Scene:
    """Red tests that say this, each with its own time."""
    return Scene(
        tuple(
            Failure(named(f"p1::{number}")[0], says, 10.0 * number, 10.0 * number + 5, ("backend",), Evidence(says))
            for number, says in enumerate(messages)
        )
    )


def cause(*looks: Look, treatment: Treatment | None = None, cause_id: str = "cause") -> Cause:
    return Cause(cause_id, "Cause", tuple(Claim(f"claim {n}", each) for n, each in enumerate(looks)), treatment)


SHARED = (SharedUser("ann", ("p1", "events"), Evidence("both as ann")),)


def signatures(*messages: str) -> list[str]:
    """The signature of what nobody explains, of each message alone."""
    found = [diagnose((), failing(message))[0] for message in messages]
    return [problem.signature for (problem,) in found]


def groups(*messages: str) -> list[list[str]]:
    """The tests of each problem that nobody explains, by the number of their message."""
    problems, _ = diagnose((), failing(*messages))
    return [[name.test for name in problem.tests] for problem in problems]


SAME = {
    "numbers": ("agent 7 failed after 1.5 s", "agent 12 failed after 300 s"),
    "addresses": ("<Socket at 0x7f3a21> closed", "<Socket at 0xAB12cd> closed"),
    "long ids": ("run 4f9ac1d27be0 lost", "run DEADBEEFCAFE lost"),
    "hosts": ("could not reach 127.0.0.1:8000", "could not reach backend-x7.a.run.app"),
    "hosts of URLs": ("GET http://localhost:81/api failed", "GET http://staging.example.org/api failed"),
    "files": ("cannot open /tmp/a-1/state.db", "cannot open /var/lib/state.db"),
    "times": ("gave up at 17:10:27.5", "gave up at 09:00"),
    "what follows the first 500 characters": ("agent failed " + "a-a." * 100_000, "agent failed " + "a-a." * 100_001),
    "what follows the first line": ("agent failed\nat line 7", "agent failed\nin another way altogether"),
    "the type of the error": ("AssertionError: agent failed", "agent failed"),
    "space before it": ("\n   agent failed  ", "agent failed"),
}


@pytest.mark.parametrize("messages", SAME.values(), ids=SAME)
def test_the_same_words_have_the_same_signature_whatever_numbers_and_ids_they_hold(messages: tuple[str, str]) -> None:
    one, other = signatures(*messages)

    assert one == other
    assert groups(*messages) == [["0", "1"]]


OTHER = {
    "another endpoint": ("GET /api/threads failed", "GET /api/messages failed"),
    "another endpoint of a URL": ("GET http://a/api/threads failed", "GET http://a/api/messages failed"),
    "another word": ("agent failed", "agent fell"),
    "another order": ("agent failed twice", "twice agent failed"),
    "more words": ("agent failed", "agent failed again"),
    "another first line": ("agent failed\nand more", "agent fell\nand more"),
    "nothing": ("agent failed", ""),
    "a number where none was": ("agent failed", "agent 7 failed"),
}


@pytest.mark.parametrize("messages", OTHER.values(), ids=OTHER)
def test_other_words_have_another_signature(messages: tuple[str, str]) -> None:
    one, other = signatures(*messages)

    assert one != other
    assert groups(*messages) == [["0"], ["1"]]


@pytest.mark.parametrize(
    "messages",
    [
        ("run 1f0c2a3b-aaaa-4bcd-8eef-0123456789ab lost", "run 9e8d7c6b-12f4-4567-9abc-ba9876543210 lost"),
        ("run-7f3a lost", "run-cafe lost"),
    ],
    ids=["uuid", "short id"],
)
def test_the_same_words_with_another_uuid_or_short_id_have_the_same_signature(messages: tuple[str, str]) -> None:
    one, other = signatures(*messages)

    assert one == other


@pytest.mark.parametrize(
    "messages",
    [
        ("assert {'status': 'failed'} == {'status': 'ok'}", "assert {'role': 'guest'} == {'role': 'ok'}"),
        ("HTTPError: status: 500", "KeyError: port: 8080"),
    ],
    ids=["mappings", "two errors"],
)
def test_two_failures_that_share_only_what_follows_their_last_colon_are_two(messages: tuple[str, str]) -> None:
    one, other = signatures(*messages)

    assert one != other


def test_a_signature_is_sixteen_hexadecimal_digits_and_names_what_nobody_explains() -> None:
    (problem,), _ = diagnose((), failing("agent failed"))

    assert len(problem.signature) == 16
    assert int(problem.signature, 16) >= 0
    assert problem.id == f"unexplained-{problem.signature[:8]}"


def test_a_known_cause_has_the_same_signature_for_the_same_words_whoever_says_them_how_often() -> None:
    known = (cause(FailureText("agent")),)
    alone, often, other = failing("agent 1 failed"), failing("agent 2 failed", "agent 3 failed"), failing("agent fell")
    found = [diagnose(known, scene)[0][0] for scene in (alone, often, other)]

    assert found[0].signature == found[1].signature != found[2].signature


def test_the_same_words_of_two_causes_have_two_signatures() -> None:
    known = (cause(FailureText("agent")), cause(FailureText("agent"), cause_id="another"))
    one, other = diagnose(known, failing("agent failed"))[0]

    assert one.signature != other.signature


def test_a_title_is_no_longer_than_a_line() -> None:
    (problem,), _ = diagnose((), failing("x" * 500))

    assert problem.title == f"Unexplained: {'x' * 120}"


def seen() -> Scene:
    """Everything at once: ended work, slow work, a dependency that is down, users that are shared."""
    dependency = Dependency("store", "/store", False, "127.0.0.1:2", "STORE")
    done = {"duration_s": 2.0, "limit_s": 1.0}
    entries = [LogEntry(1, "backend", 2.0, "INFO", "timed out"), LogEntry(2, "auth", 2.0, "INFO", "timed out")]
    entries += [LogEntry(number, "backend", 90.0, "INFO", "done", done) for number in range(3, 6)]
    (red,) = failing("agent failed").failures
    return Scene(
        (replace(red, targets=("backend", "auth")),),
        tuple(entries),
        down=(DownDependency("backend", dependency, "failed", Evidence("health")),),
        variables={"backend": {"STORE": "127.0.0.1:1", "TIMEOUT": "1"}},
        shared_users=(SharedUser("u1", ("p1", "events"), Evidence("users")),),
        environment="local",
        user_pool=("u1", "u2"),
    )


CHAINS: dict[str, tuple[tuple[Look, ...], Treatment, str]] = {
    "slow work last": ((FailureText("agent"), Logged("timed out"), SLOW), RAISE, "backend TIMEOUT: 1 -> 2.5"),
    "slow work without a log": ((FailureText("agent"), SLOW), RAISE, "backend TIMEOUT: 1 -> 2.5"),
    "users after an address": (
        (FailureText("agent"), DependencyDown(), AddressDiffers(), UserShared()),
        Treatment(RemedyKind.SET_ENV, Derivation.ADDRESS),
        "backend STORE: 127.0.0.1:1 -> 127.0.0.1:2",
    ),
    "users first of several": (
        (FailureText("agent"), UserShared(), Logged("timed out")),
        Treatment(RemedyKind.LEASE_USERS),
        "users.mode: shared -> exclusive",
    ),
}


@pytest.mark.parametrize(("looks", "treatment", "expected"), CHAINS.values(), ids=CHAINS)
def test_a_remedy_follows_from_a_chain(looks: tuple[Look, ...], treatment: Treatment, expected: str) -> None:
    _, (remedy,) = diagnose((cause(*looks, treatment=treatment),), seen())

    assert remedy.change == expected


@pytest.mark.parametrize(
    "last", [Logged("timed out"), DependencyDown(), UserShared()], ids=["log", "dependency", "users"]
)
def test_a_limit_is_raised_also_where_slow_work_is_not_the_last_why(last: Look) -> None:
    _, (remedy,) = diagnose((cause(FailureText("agent"), SLOW, last, treatment=RAISE),), seen())

    assert remedy.change == "backend TIMEOUT: 1 -> 2.5"


def test_an_address_is_set_also_where_a_later_why_finds_something_in_two_services() -> None:
    looks = (FailureText("agent"), DependencyDown(), AddressDiffers(), Logged("timed out"))
    _, (remedy,) = diagnose((cause(*looks, treatment=Treatment(RemedyKind.SET_ENV, Derivation.ADDRESS)),), seen())

    assert remedy.change == "backend STORE: 127.0.0.1:1 -> 127.0.0.1:2"


def test_a_cause_that_is_only_suspected_has_no_remedy_however_much_of_it_was_seen() -> None:
    known = (cause(FailureText("agent"), Logged("timed out"), SLOW, Logged("never"), treatment=RAISE),)
    (problem,), remedies = diagnose(known, seen())

    assert [why.status.value for why in problem.whys] == ["confirmed", "confirmed", "confirmed", "hypothesis"]
    assert (problem.root_cause, remedies) == ("", ())


def test_a_chain_stops_at_its_first_hypothesis() -> None:
    known = (cause(FailureText("agent"), Logged("never"), UserShared()),)
    (problem,), _ = diagnose(known, seen())

    assert [why.claim for why in problem.whys] == ["claim 0", "claim 1"]
    assert (problem.whys[1].evidence, dict(problem.whys[1].figures)) == ((), {})


def test_a_cause_that_was_refuted_for_these_failures_is_not_claimed_again() -> None:
    scene = replace(failing("cut off"), user_pool=("ann", "bob"), shared_users=SHARED)
    knowledge = [cause(FailureText("cut off"), UserShared(), treatment=Treatment(RemedyKind.LEASE_USERS))]
    (claimed,), remedies = diagnose(knowledge, scene)
    assert (claimed.root_cause, len(remedies)) == ("Cause", 1)

    (problem,), remedies = diagnose(knowledge, replace(scene, refuted=(Refuted(claimed.signature, "cause", "s-1"),)))

    assert remedies == ()
    assert problem.root_cause == ""
    assert problem.signature == claimed.signature
    assert problem.whys[:-1] == claimed.whys
    assert problem.whys[-1].status is WhyStatus.HYPOTHESIS
    assert "refuted in s-1" in problem.whys[-1].claim


def test_a_refuted_cause_does_not_come_back_with_one_more_red_test() -> None:
    knowledge = [cause(FailureText("cut off"), UserShared())]
    scene = replace(failing("cut off"), shared_users=SHARED)
    (alone,), _ = diagnose(knowledge, scene)
    more = replace(failing("cut off", "cut off by something else"), shared_users=SHARED)
    (claimed,), _ = diagnose(knowledge, more)
    (problem,), _ = diagnose(knowledge, replace(more, refuted=(Refuted(alone.shapes[0], "cause", "s-1"),)))

    assert alone.signature != claimed.signature
    assert (claimed.root_cause, problem.root_cause) == ("Cause", "")


@pytest.mark.parametrize("refuted", [Refuted("another", "cause", "s-1"), Refuted("", "another", "s-1")])
def test_what_was_refuted_for_others_says_nothing_here(refuted: Refuted) -> None:
    scene = replace(failing("cut off"), user_pool=("ann", "bob"), shared_users=SHARED)
    knowledge = [cause(FailureText("cut off"), UserShared(), treatment=Treatment(RemedyKind.LEASE_USERS))]
    (claimed,), _ = diagnose(knowledge, scene)
    other = replace(refuted, signature=refuted.signature or claimed.signature)

    (problem,), remedies = diagnose(knowledge, replace(scene, refuted=(other,)))

    assert (problem.root_cause, len(remedies)) == ("Cause", 1)


def test_the_image_of_the_last_good_revision_is_gone_back_to_where_it_is_another() -> None:
    known = (cause(FailureText("agent"), Logged("timed out"), treatment=Treatment(RemedyKind.ROLLBACK)),)
    scene = replace(seen(), good_images={"backend": "image@sha256:aa"}, good_commits={"backend": "a" * 40})
    _, (remedy,) = diagnose(known, scene)
    _, (refused,) = diagnose(known, seen())

    assert (remedy.target, remedy.after, remedy.commit, remedy.refusal) == ("backend", "image@sha256:aa", "a" * 40, "")
    assert refused.refusal == "no session has proven a revision with another image good"
