"""What each kind of why sees in a scene, and when it sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from netra_loop.core.knowledge import (
    AddressDiffers,
    CheckText,
    DependencyDown,
    Ended,
    FailureText,
    Logged,
    Look,
    SlowWork,
    StepText,
    Untouched,
    UserShared,
)
from netra_loop.core.problem import Evidence
from netra_loop.core.target import Dependency
from netra_loop.diagnosis.calibration import FEWEST
from netra_loop.diagnosis.looks import LONGEST_QUOTE, MOST_FAILURES, MOST_QUOTED, Trail, follow
from netra_loop.diagnosis.scene import DownDependency, Failure, Kept, LogEntry, Scene, SharedUser
from tests.stories import named


def failure(
    test: str = "p1::a",
    says: str = "agent_failed",
    start: float | None = 10.0,
    end: float | None = 20.0,
    on: tuple[str, ...] = ("backend",),
) -> Failure:
    (name,) = named(test)
    return Failure(name, says, start, end, on, Evidence(test, says))


def entry(
    number: int, at: float = 15.0, message: str = "timed out", of: str = "backend", **fields: str | float | bool | None
) -> LogEntry:
    return LogEntry(number, of, at, "INFO", message, fields, f"{at:g} {message}")


def done(number: int, duration: object, limit: object = 1.0, of: str = "backend", **more: str) -> LogEntry:
    return entry(number, 90.0, "done", of, duration=duration, limit=limit, **more)  # type: ignore[arg-type]


def trail_of(*failures: Failure, entries: Sequence[LogEntry] = (), targets: tuple[str, ...] = ("backend",)) -> Trail:
    return Trail(failures, tuple(entries), targets=targets)


def look(what: Look, scene: Scene, trail: Trail) -> Trail:
    found = follow(what, scene, trail)
    assert found is not None
    return found


def names(trail: Trail) -> list[str]:
    return [f"{each.name.suite}::{each.name.test}" for each in trail.failures]


def test_a_failure_text_keeps_the_tests_that_say_it_and_everything_they_were_pointed_at() -> None:
    red = (
        failure("p1::a", "agent_failed", on=("backend", "auth")),
        failure("p1::b", "assert 1 == 2", on=("frontend",)),
        failure("p1::c", "twice\nagent_failed", on=("auth", "store")),
    )
    found = look(FailureText(r"agent_fail\w+"), Scene(red), Trail(red))

    assert names(found) == ["p1::a", "p1::c"]
    assert found.targets == ("backend", "auth", "store")
    assert found.figures == {"tests": 2}
    assert found.evidence == (red[0].evidence, red[2].evidence)


def test_a_failure_text_that_nobody_says_is_not_seen() -> None:
    assert follow(FailureText("session_ended"), Scene((failure(),)), Trail((failure(),))) is None


def step(name: str, says: str) -> Failure:
    return replace(failure(f"{name.partition('-')[0]}::{name}", says), step=name)


def test_a_check_is_matched_line_by_line_and_a_deploy_anywhere() -> None:
    red = (
        step("deploy-a", "b answered"),
        step("health-a", "wait\nb answered"),
        step("health-b", "/state is b answered"),
    )
    seen = Scene((*red, failure(says="b answered")))

    assert [each.step for each in look(CheckText(r"\w answered"), seen, Trail(seen.failures)).failures] == [
        "deploy-a",
        "health-a",
    ]
    assert [each.step for each in look(StepText(r"answered"), seen, Trail(seen.failures)).failures] == ["deploy-a"]
    assert follow(CheckText("answered"), seen, Trail(seen.failures)) is None


def met(contact: bool | None, *tests: str) -> tuple[Failure, ...]:
    return tuple(replace(failure(test), contact=contact) for test in tests)


def test_tests_that_nobody_answered_are_named_the_first_two() -> None:
    red = met(False, "p1::a", "p1::b", "p1::c")
    found = look(Untouched(), Scene((*red, *met(True, "p2::a"), step("deploy-a", "no"))), Trail(red))

    assert found.figures == {"tests": 3}
    assert found.evidence == (
        Evidence("tests that no target answered, whatever wider fixtures had asked", "p1: a\np1: b", truncated=True),
    )


@pytest.mark.parametrize("contact", [True, None])
def test_another_red_test_of_the_suite_that_was_answered_or_perhaps_was_decides_nothing(contact: bool | None) -> None:
    red = met(False, "p1::a")

    assert follow(Untouched(), Scene((*red, *met(contact, "p1::b"))), Trail(red)) is None


def test_no_more_than_two_failures_are_quoted() -> None:
    red = tuple(failure(f"p1::{number}") for number in range(5))
    found = look(FailureText("agent"), Scene(red), Trail(red))

    assert (found.figures, len(found.evidence), MOST_FAILURES) == ({"tests": 5}, 2, 2)


def test_a_test_without_an_entry_in_its_time_drops_out_and_so_does_an_entry_outside_all_times() -> None:
    red = (failure("p1::a"), failure("p1::b", start=40.0, end=50.0), failure("p1::c", start=18.0, end=25.0))
    entries = (entry(1, 5.0), entry(2, 12.0), entry(3, 19.5), entry(4, 19.6, "another"), entry(5, 30.0))
    found = look(Logged("^timed out$"), Scene(red, entries), trail_of(*red))

    assert names(found) == ["p1::a", "p1::c"]
    assert [each.number for each in found.entries] == [2, 3]
    assert found.figures == {"entries": 2, "tests": 2}


def test_only_the_services_that_logged_it_are_looked_at_further() -> None:
    red = (failure(on=("backend", "auth", "store")),)
    found = look(
        Logged("timed out"), Scene(red, (entry(1, of="store"), entry(2, of="auth"), entry(3, of="store"))), Trail(red)
    )

    assert found.targets == ("store", "auth")
    assert [each.title for each in found.evidence] == [
        "log entries of store, by line",
        "log entries of auth, by line",
    ]


def test_entries_are_quoted_by_their_line_the_first_three_each_cut_and_with_their_place() -> None:
    long = "x" * (LONGEST_QUOTE + 1)
    entries = tuple(replace(entry(number), text=long if number == 8 else f"text {number}") for number in (7, 8, 9, 10))
    scene = Scene((failure(),), entries, {"backend": Kept("artifacts/backend.txt", "e" * 64)})

    assert look(Logged("timed out"), scene, trail_of(failure())).evidence == (
        Evidence(
            title="log entries of backend, by line",
            excerpt=f"7: text 7\n8: {'x' * LONGEST_QUOTE}\n9: text 9",
            ref="artifacts/backend.txt",
            sha256="e" * 64,
            truncated=True,
        ),
    )


def test_three_entries_are_quoted_whole() -> None:
    entries = tuple(entry(number) for number in range(MOST_QUOTED))

    assert len(entries) == 3
    assert not look(Logged("timed out"), Scene((failure(),), entries), trail_of(failure())).evidence[0].truncated


def traceback(number: int, at: float, instance: str = "i1") -> LogEntry:
    return replace(entry(number, at, f"Traceback (most recent call last):\n{number}"), instance=instance)


ENDS: dict[str, tuple[list[LogEntry], bool]] = {
    "the last traceback before it": ([traceback(1, 11.0)], True),
    "another one before": ([traceback(2, 10.5), traceback(1, 11.0)], True),
    "another one in between": ([traceback(1, 11.0), traceback(2, 12.0)], False),
    "another one of another instance": ([traceback(1, 11.0), traceback(2, 12.0, "i2")], True),
    "only of another instance": ([traceback(1, 11.0, "i2")], False),
    "after its end": ([traceback(1, 14.0)], False),
}


@pytest.mark.parametrize(("written", "is_found"), ENDS.values(), ids=ENDS)
def test_an_instance_ended_by_what_it_wrote_last(written: list[LogEntry], is_found: bool) -> None:
    end = replace(entry(9, 13.0, "exit(1)"), instance="i1")
    scene = Scene((failure(),), (*written, end))
    found = follow(
        Ended(r"exit\(1"), scene, trail_of(failure(), entries=[each for each in written if each.number == 1])
    )

    assert (found is not None) is is_found
    assert found is None or found.figures == {"entries": 1, "tests": 1}


SLOW = SlowWork("^done$", "duration", "limit")
SAME = SlowWork("^done$", "duration", "limit", "kind")


def slow(entries: Sequence[LogEntry], what: SlowWork = SLOW, trail: Trail | None = None) -> Trail | None:
    return follow(what, Scene((failure(),), tuple(entries)), trail or trail_of(failure()))


def test_work_is_slow_when_its_95th_percentile_is_above_its_limit() -> None:
    found = slow([done(1, 0.5), done(2, 1.5), done(3, 1.25)])

    assert found is not None
    assert found.figures == {"completions": 3, "p95_s": 1.5, "limit_s": 1.0}
    assert [each.excerpt for each in found.evidence] == ["1: 90 done\n2: 90 done\n3: 90 done"]


NOT_SLOW: dict[str, list[LogEntry]] = {
    "nothing was done": [],
    "too few completions": [done(number, 5.0) for number in range(FEWEST - 1)],
    "exactly as long as its limit": [done(1, 1.0), done(2, 1.0), done(3, 1.0)],
    "one of twenty is slow": [done(number, 0.5) for number in range(19)] + [done(20, 9.0)],
    "not above the highest of its limits": [done(1, 1.5, 1.0), done(2, 1.5, 1.0), done(3, 1.5, 2.0)],
    "another message": [entry(number, 90.0, "done it", duration=5.0, limit=1.0) for number in range(3)],
    "another service": [done(number, 5.0, of="auth") for number in range(3)],
    "two services, too few of each": [done(number, 5.0, of=of) for number in range(2) for of in ("backend", "auth")],
    "durations that are no numbers": [done(1, "5"), done(2, None), done(3, True)],
    "limits that are no numbers": [done(1, 5.0, "1"), done(2, 5.0, None), done(3, 5.0, True)],
}


@pytest.mark.parametrize("entries", NOT_SLOW.values(), ids=NOT_SLOW)
def test_work_is_not_slow(entries: list[LogEntry]) -> None:
    assert slow(entries, trail=trail_of(failure(), targets=("backend",))) is None


def test_two_of_twenty_one_that_are_slow_are_enough() -> None:
    entries = [done(number, 0.5) for number in range(19)] + [done(20, 9.0), done(21, 9.0)]
    found = slow(entries)

    assert found is not None
    assert found.figures == {"completions": 21, "p95_s": 9.0, "limit_s": 1.0}


def test_completions_without_both_numbers_are_left_out() -> None:
    found = slow([done(1, 2.0), done(2, "soon"), done(3, 2.5), done(4, 9.0, None), done(5, 3.0)])

    assert found is not None
    assert found.figures == {"completions": 3, "p95_s": 3.0, "limit_s": 1.0}


def test_completions_count_whenever_they_were() -> None:
    entries = [replace(done(number, 2.0), at=at) for number, at in enumerate((0.0, 500.0, 9000.0))]

    assert slow(entries) is not None


def test_of_several_services_the_first_with_slow_work_is_looked_at_further() -> None:
    quick = [done(number, 0.5, of="auth") for number in range(3)]
    late = [done(number, 2.0, of=of) for of in ("backend", "store") for number in range(3)]
    found = slow([*quick, *late], trail=trail_of(failure(), targets=("auth", "store", "backend")))

    assert found is not None
    assert found.targets == ("store",)


def test_only_the_same_kind_of_work_as_was_ended_says_something() -> None:
    ended = trail_of(failure(), entries=[entry(1, kind="report")])
    reports = [done(number, 2.0, kind="report") for number in range(3)]
    greetings = [done(number, 9.0, kind="greeting") for number in range(30)]

    assert slow(greetings, SAME, ended) is None
    found = slow([*greetings, *reports], SAME, ended)
    assert found is not None
    assert found.figures == {"completions": 3, "p95_s": 2.0, "limit_s": 1.0}


def test_several_kinds_of_ended_work_are_taken_together() -> None:
    ended = trail_of(failure(), entries=[entry(1, kind="report"), entry(2, kind="plan")])
    both = [done(1, 2.0, kind="report"), done(2, 3.0, kind="plan"), done(3, 2.5, kind="report")]
    found = slow(both, SAME, ended)

    assert found is not None
    assert found.figures["completions"] == 3


def test_ended_work_that_does_not_say_its_kind_is_the_same_as_none() -> None:
    ended = trail_of(failure(), entries=[entry(1)])

    assert slow([done(number, 2.0) for number in range(3)], SAME, ended) is None


def down(of: str = "backend", address: str = "127.0.0.1:16379", variable: str = "STORE") -> DownDependency:
    dependency = Dependency("store", "/store", False, address, variable)
    return DownDependency(of, dependency, "failed", Evidence(f"health of {of}"))


def test_a_dependency_is_down_where_the_health_of_one_of_the_services_says_so() -> None:
    scene = Scene((failure(),), down=(down("auth"), down("backend"), down("store")))
    found = look(DependencyDown(), scene, trail_of(failure(), targets=("backend", "auth")))

    assert found.down == (scene.down[0], scene.down[1])
    assert found.targets == ("auth", "backend")
    assert found.evidence == (Evidence("health of auth"), Evidence("health of backend"))
    assert names(found) == ["p1::a"]


def test_a_dependency_of_another_service_says_nothing() -> None:
    assert follow(DependencyDown(), Scene((failure(),), down=(down("auth"),)), trail_of(failure())) is None
    assert follow(DependencyDown(), Scene((failure(),)), trail_of(failure())) is None


def addressed(told: dict[str, str | None], *found: DownDependency) -> Trail | None:
    scene = Scene((failure(),), variables={"backend": told}, environment="staging")
    return follow(AddressDiffers(), scene, replace(trail_of(failure()), down=found or (down(),)))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"STORE": "127.0.0.1:1"}, "127.0.0.1:1"),
        ({"STORE": ""}, "(nothing)"),
        ({"STORE": None}, "(nothing)"),
        ({"OTHER": "127.0.0.1:16379"}, "(nothing)"),
    ],
    ids=["another", "empty", "not in our environment", "not told"],
)
def test_an_address_differs_from_the_declared_one(told: dict[str, str | None], shown: str) -> None:
    found = addressed(told)

    assert found is not None
    assert (found.down, found.targets, dict(found.figures)) == ((down(),), ("backend",), {})
    assert found.evidence == (
        Evidence(
            "the tested revision, and config/staging.yaml",
            f"backend is told STORE={shown}; its dependency store is declared at 127.0.0.1:16379",
        ),
    )


@pytest.mark.parametrize(
    "found",
    [down(address="127.0.0.1:1"), down(address=""), down(variable="")],
    ids=["told the declared address", "no declared address", "no variable that tells it"],
)
def test_an_address_does_not_differ(found: DownDependency) -> None:
    assert addressed({"STORE": "127.0.0.1:1"}, found) is None


def test_of_several_dependencies_that_are_down_the_first_at_another_address_is_meant() -> None:
    right = down(address="127.0.0.1:1")
    found = addressed({"STORE": "127.0.0.1:1", "QUEUE": "127.0.0.1:2"}, right, down(variable="QUEUE"), down())

    assert found is not None
    assert found.down == (down(variable="QUEUE"),)


def test_what_a_service_was_told_is_not_known_and_so_not_claimed() -> None:
    scene = Scene((failure(),), variables={"auth": {"STORE": "127.0.0.1:16379"}}, environment="staging")

    assert follow(AddressDiffers(), scene, replace(trail_of(failure()), down=(down(),))) is None


def sharing(*suites: str, user: str = "u1") -> SharedUser:
    return SharedUser(user, suites, Evidence(f"{user}: {', '.join(suites)}"))


def test_a_user_is_shared_when_a_suite_of_the_tests_was_one_of_those_that_ran_as_it() -> None:
    scene = Scene((failure(),), shared_users=(sharing("events", "other", user="u2"), sharing("p1", "events")))
    found = look(UserShared(), scene, trail_of(failure("p1::a")))

    assert found.figures == {"suites": 2}
    assert found.evidence == (Evidence("u1: p1, events"),)


def test_a_user_that_only_other_suites_share_says_nothing() -> None:
    scene = Scene((failure(),), shared_users=(sharing("events", "other"),))

    assert follow(UserShared(), scene, trail_of(failure("p1::a"))) is None
    assert follow(UserShared(), Scene((failure(),)), trail_of(failure())) is None


def test_tests_of_suites_that_shared_no_user_drop_out() -> None:
    red = (failure("p1::a"), failure("alone::b"))
    found = look(UserShared(), Scene(red, shared_users=(sharing("p1", "events"),)), trail_of(*red))

    assert names(found) == ["p1::a"]
