"""What a diagnosis is given to think about: gathered from the session and from the logs, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.cloudlogs import CloudLogs, LogLine, RequestLine
from netra_loop.adapters.cloudrun import CloudRun, RevisionState, ServiceState
from netra_loop.adapters.consult import Consultant
from netra_loop.adapters.diagnose import MOST_ENTRIES, DiagnoseRunner, numbered, scene_of
from netra_loop.adapters.files import SessionFolder, sha256_of
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.signals import Signals
from netra_loop.core.acts import act_of
from netra_loop.core.environment import UserMode, Users
from netra_loop.core.events import ActEnded, ActStarted, Event, HandleKnown, TestResult, TestsCollected, TestsObserved
from netra_loop.core.knowledge import Cause, Claim, FailureText, Logged, SlowWork
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.problem import Diagnosed, Evidence, TestName
from netra_loop.core.proof import Facts
from netra_loop.core.seen import DependencyState, HealthSeen, Result, Share, SuiteSeen
from netra_loop.core.session import Session
from netra_loop.core.target import Dependency
from netra_loop.diagnosis.scene import DownDependency, Failure, Passed, Scene, SharedUser
from tests.stories import (
    BACKEND,
    NEW,
    OLD,
    START,
    Story,
    deployed,
    knowing,
    leasing,
    plan_of,
    raising,
    step,
    suite,
    usual_plan,
)

STORE = Dependency("store", "/store", required=False, address="127.0.0.1:16379", variable="STORE")
CACHE = Dependency("cache", "/cache", required=True)
OUTPUT = Evidence("output of p1", "...", "artifacts/1-p1/1/output.txt", "f" * 64)
BEGAN = START.timestamp()
TOLD = 9  # the entry with the tests of the first suite: after opening, iteration, deploy, health, start and collection


def plan_with(variables: Mapping[str, str | None] | None = None, users: Users | None = None) -> Plan:
    """The usual plan with two dependencies of the backend, and with these variables."""
    plan = knowing(usual_plan(3), users=users)
    target = replace(BACKEND, dependencies=(STORE, CACHE), env=variables or {})
    return replace(plan, environment=replace(plan.environment, targets=(target,)))


def ran(story: Story, step_id: str, *results: TestResult, evidence: tuple[Evidence, ...] = (OUTPUT,)) -> Story:
    """A suite that told exactly these results."""
    act_id = f"{story.iteration}/{step_id}"
    story.start(step_id).emit(TestsCollected(act_id, tuple(result.id for result in results)))
    story.emit(TestsObserved(act_id, results, ()))
    seen = SuiteSeen(step_id, 1, "itself", True, True, 0, {"backend": NEW}, {"backend": NEW})
    return story.emit(ActEnded(act_id, Result(Outcome.FAILED, ("failed_tests",), seen, evidence)))


def red(name: str, says: str = "agent_failed", ended: float | None = BEGAN + 9, took: float | None = 2.0) -> TestResult:
    return TestResult(name, TestOutcome.FAILED, took, says, ended=ended)


def scene(story: Story) -> Scene:
    return scene_of(story.session, story.session.iterations[-1])


def begun(plan: Plan | None = None) -> Story:
    return Story(plan or plan_with()).begin().deploys().is_healthy()


def test_a_red_test_has_its_text_its_time_its_targets_and_the_output_of_its_suite() -> None:
    story = ran(begun(), "p1", red("a"), TestResult("b", TestOutcome.PASSED, 0.1, ended=BEGAN + 10))

    assert scene(story).failures == (
        Failure(
            name=TestName("p1", "a"),
            message="agent_failed",
            start=BEGAN + 7,
            end=BEGAN + 9,
            targets=("backend",),
            evidence=Evidence("p1: a", "agent_failed", "artifacts/1-p1/1/output.txt", "f" * 64, entry=TOLD),
        ),
    )


@pytest.mark.parametrize(
    ("ended", "took", "expected"),
    [
        (BEGAN + 9, 2.0, (BEGAN + 7, BEGAN + 9)),
        (BEGAN + 9, 0.0, (BEGAN + 9, BEGAN + 9)),
        (BEGAN + 9, None, (None, BEGAN + 9)),
        (None, 2.0, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_a_time_that_is_not_known_is_not_guessed(
    ended: float | None, took: float | None, expected: tuple[float | None, float | None]
) -> None:
    (failure,) = scene(ran(begun(), "p1", red("a", ended=ended, took=took))).failures

    assert (failure.start, failure.end) == expected


def test_every_way_to_be_red_is_a_failure_and_nothing_else_is() -> None:
    results = [replace(red(outcome.value), outcome=outcome) for outcome in TestOutcome]

    assert [each.name.test for each in scene(ran(begun(), "p1", *results)).failures] == ["failed", "error", "timeout"]


@pytest.mark.parametrize(
    ("facts", "contact"),
    [
        (Facts(visible=True), False),
        (Facts(bytes_in=1), True),
        (Facts(visible=True, shared_bytes_in=1), False),
        (Facts(children=1), None),
        (Facts(visible=True, bytes_out=1), None),
        (Facts(visible=True, refused=("127.0.0.1:1",)), None),
        (None, None),
    ],
    ids=["nobody", "a target", "only a wider fixture", "out of sight", "asked", "refused", "not told"],
)
def test_whether_a_red_test_was_answered_is_known_only_where_it_asked_nothing_in_vain(
    facts: Facts | None, contact: bool | None
) -> None:
    (failure,) = scene(ran(begun(), "p1", replace(red("a"), facts=facts))).failures

    assert failure.contact is contact


def test_failures_come_suite_by_suite_and_those_of_verifications_are_not_told_twice() -> None:
    story = ran(ran(ran(begun(), "verify-p1", red("a")), "p1", red("a"), red("b")), "events", red("c"))

    assert [(each.name.suite, each.name.test) for each in scene(story).failures] == [
        ("p1", "a"),
        ("p1", "b"),
        ("events", "c"),
    ]


def test_a_suite_without_output_has_failures_without_a_place() -> None:
    (failure,) = scene(ran(begun(), "p1", red("a"), evidence=())).failures

    assert failure.evidence == Evidence("p1: a", "agent_failed", entry=TOLD)


def test_a_failure_links_to_the_entry_that_told_it_and_one_without_an_end_to_the_end_of_its_suite() -> None:
    story = begun().start("p1").emit(TestsCollected("1/p1", ("a", "b", "c")))
    story.emit(TestsObserved("1/p1", (red("a"),), ())).emit(TestsObserved("1/p1", (), ("c",)))
    story.emit(TestsObserved("1/p1", (red("b"), red("a", "again")), ("c",)))
    story.emit(HandleKnown("1/p1", {"ended_by": "timeout"}))
    story.emit(ActEnded("1/p1", Result(Outcome.INCOMPLETE, ("timed_out",))))
    links = {each.name.test: story.entries[each.evidence.entry - 1].event for each in scene(story).failures}

    assert links == {
        "a": TestsObserved("1/p1", (red("b"), red("a", "again")), ("c",)),
        "b": TestsObserved("1/p1", (red("b"), red("a", "again")), ("c",)),
        "c": ActEnded("1/p1", Result(Outcome.INCOMPLETE, ("timed_out",))),
    }


PYTEST = """AssertionError: assert 'agent_failed' == 'agent_completed'

    def test_report(client):
        # session_ended would be another matter
>       assert client.ask("report") == "agent_completed"
E       AssertionError: assert 'agent_failed' == 'agent_completed'
E\x20
E         - agent_completed
E         + agent_failed

tests/test_it.py:7: AssertionError"""


def test_of_what_pytest_prints_only_what_went_wrong_is_read_once_and_not_the_source_beside_it() -> None:
    (failure,) = scene(ran(begun(), "p1", red("a", PYTEST))).failures

    assert failure.message.splitlines() == [
        "AssertionError: assert 'agent_failed' == 'agent_completed'",
        "- agent_completed",
        "+ agent_failed",
    ]


def test_a_text_of_another_form_is_read_whole() -> None:
    (failure,) = scene(ran(begun(), "p1", red("a", "one\nEnd of two\n three"))).failures

    assert failure.message == "one\nEnd of two\n three"


def test_a_long_text_is_read_whole_and_quoted_in_part() -> None:
    (failure,) = scene(ran(begun(), "p1", red("a", "x" * 401))).failures

    assert (len(failure.message), failure.evidence.excerpt) == (401, "x" * 400)


def health(*states: DependencyState, evidence: tuple[Evidence, ...]) -> Result:
    seen = HealthSeen("backend", "http://127.0.0.1:1/health", NEW, 3, 3, 0.01, 0.02, states)
    return Result(Outcome.PASSED, (), seen, evidence)


ANSWER = Evidence("health answer of backend", "{...}", "artifacts/1-health/1/answer.json", "a" * 64)


def test_every_pass_of_a_known_time_is_told_and_whether_it_counts() -> None:
    counted = TestResult("b", TestOutcome.PASSED, 0.5, ended=BEGAN + 10, proof=Proof.PROVEN)
    others = (
        replace(counted, id="unproven", proof=Proof.UNPROVEN),
        replace(counted, id="without proof", proof=None),
        replace(counted, id="at no time", ended=None),
        replace(counted, id="of no duration", duration_s=None),
        red("a"),
    )

    assert scene(ran(begun(), "p1", counted, *others)).passed == tuple(
        Passed(TestName("p1", test), BEGAN + 9.5, BEGAN + 10, ("backend",), entry=TOLD, counts=counts)
        for test, counts in (("b", True), ("unproven", False), ("without proof", False))
    )


def after_health(result: Result) -> Story:
    story = Story(plan_with()).begin().deploys().start("health-backend")
    return ran(story.emit(ActEnded("1/health-backend", result)), "p1", red("a"))


@pytest.mark.parametrize("state", ["failed", "unreachable", "degraded"])
def test_a_dependency_that_a_health_answer_shows_down_is_told_with_its_declaration(state: str) -> None:
    states = (DependencyState("store", state, False), DependencyState("cache", "connected", True))

    assert scene(after_health(health(*states, evidence=(ANSWER,)))).down == (
        DownDependency("backend", STORE, state, replace(ANSWER, entry=6)),
    )


@pytest.mark.parametrize("state", ["connected", "disabled"])
def test_a_dependency_that_works_or_was_switched_off_is_not_down(state: str) -> None:
    assert scene(after_health(health(DependencyState("store", state, False), evidence=(ANSWER,)))).down == ()


def test_a_dependency_that_no_answer_tells_of_is_not_down() -> None:
    states = (DependencyState("store", "not_checked", False),)

    assert scene(after_health(health(*states, evidence=(ANSWER,)))).down == ()


def test_what_no_evidence_shows_is_not_told() -> None:
    assert scene(after_health(health(DependencyState("store", "failed", False), evidence=()))).down == ()
    assert scene(after_health(Result(Outcome.ERRORED, ("could not look",)))).down == ()


def side_by_side(*acts: tuple[str, str, float, float]) -> tuple[SharedUser, ...]:
    """The shared users of suites as `name, user, from, to`, in seconds after the iteration began."""
    suites = [suite(name) for name, *_ in acts]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    users = Users(("u1", "u2"), UserMode.SHARED)
    story = Story(knowing(plan_of(phase, suites=suites), users=users)).begin()
    moments: list[tuple[float, Event]] = []
    for number, (name, user, start, end) in enumerate(acts):
        act = replace(act_of(story.session, 1, story.session.plan.steps[number]), user=user)
        moments += [(start, ActStarted(act)), (end, ActEnded(f"1/{name}", Result(Outcome.PASSED)))]
    now = 0.0
    for at, event in sorted(moments, key=lambda moment: moment[0]):
        story.emit(event, after=at - now)
        now = at
    return scene(story).shared_users


def test_suites_that_ran_at_the_same_time_as_one_user_shared_it() -> None:
    (found,) = side_by_side(("one", "u1", 1, 10), ("two", "u1", 4, 6), ("three", "u1", 20, 30))

    assert found == SharedUser(
        user="u1",
        suites=("one", "two"),
        evidence=Evidence(
            "suites that ran side by side as one user",
            "one as u1 from 17:10:28.000000Z to 17:10:37.000000Z\ntwo as u1 from 17:10:31.000000Z to 17:10:33.000000Z",
            entry=6,
        ),
    )


NOT_SHARED = {
    "one after the other": (("one", "u1", 1.0, 4.0), ("two", "u1", 5.0, 9.0)),
    "the second begins when the first ends": (("one", "u1", 1.0, 4.0), ("two", "u1", 4.0, 9.0)),
    "as two users": (("one", "u1", 1.0, 9.0), ("two", "u2", 2.0, 8.0)),
    "without users": (("one", "", 1.0, 9.0), ("two", "", 2.0, 8.0)),
    "one alone": (("one", "u1", 1.0, 9.0),),
}


@pytest.mark.parametrize("acts", NOT_SHARED.values(), ids=NOT_SHARED)
def test_suites_that_shared_no_user(acts: tuple[tuple[str, str, float, float], ...]) -> None:
    assert side_by_side(*acts) == ()


def test_every_user_that_was_shared_is_told_with_its_own_suites() -> None:
    found = side_by_side(("a", "u1", 1, 9), ("b", "u2", 1.5, 9.5), ("c", "u1", 2, 8), ("d", "u2", 2.5, 8.5))

    assert [(each.user, each.suites) for each in found] == [("u1", ("a", "c")), ("u2", ("b", "d"))]


def test_the_scene_names_the_environment_and_its_users() -> None:
    assert scene(ran(begun(plan_with(users=Users(("u1", "u2")))), "p1", red("a"))).user_pool == ("u1", "u2")
    found = scene(ran(begun(), "p1", red("a")))

    assert (found.environment, found.user_pool, found.entries, found.truncated) == ("local", (), (), False)


def test_new_remedies_are_numbered_and_the_same_change_keeps_its_number() -> None:
    story = Story(plan_with()).runs({"a": TestOutcome.FAILED})
    first = numbered(story.session, (raising("", "p1::a"), leasing("", "p1::b")))
    assert [each.id for each in first] == ["r1", "r2"]

    story.diagnoses(*first).cures("r1").runs({"a": TestOutcome.FAILED}, changes=("r1",))
    second = numbered(
        story.session,
        (
            raising("", "p1::a", after="3.3"),
            leasing("", "p1::z"),
            raising("", "p1::b"),
            raising("", "p1::c", after="4"),
        ),
    )
    assert [(each.id, each.after) for each in second] == [
        ("r3", "3.3"),
        ("r2", "exclusive"),
        ("r1", "2.1"),
        ("r4", "4"),
    ]
    assert second[1].tests == (TestName("p1", "z"),), "only the number is the old one"


def test_nothing_proposed_gets_no_number() -> None:
    assert numbered(Story(plan_with()).runs().session, ()) == ()


class OneService(CloudRun):
    """Knows the backend with what an iteration deployed, and no other service."""

    def service(self, name: str) -> ServiceState | None:
        seen = deployed()
        shares = (Share(OLD, 100), Share(NEW, 0, "ntl-1", seen.candidate_url))
        return ServiceState(name, seen.url, shares, shares, OLD, False, "1") if name == "backend" else None

    def revision(self, service: str, name: str) -> RevisionState | None:
        return RevisionState(name, {}, "image", "", True, "", {"AGENT_TIMEOUT": "1"})


class Written(CloudLogs):
    """Has these entries, or cannot be read; keeps what was asked."""

    def __init__(self, lines: Sequence[LogLine], error: Exception | None = None) -> None:
        self.lines = list(lines)
        self.error = error
        self.asked: list[tuple[str, int]] = []

    def entries(self, query: str, limit: int, *, newest_first: bool = False) -> list[LogLine]:
        self.asked.append((query, limit))
        if self.error:
            raise self.error
        return self.lines[:limit]

    def requests(self, query: str, limit: int) -> list[RequestLine]:
        return []


def line(after: float, message: str, **payload: object) -> LogLine:
    at = f"{START + timedelta(seconds=after):%Y-%m-%dT%H:%M:%S.%fZ}"
    return LogLine(at, "INFO", "stdout", message, {"message": message, **payload})


KNOWN = Cause("cut", "Cut off", (Claim("It failed", FailureText("agent_failed")), Claim("Cut", Logged("^cut off$"))))


def diagnosed(
    folder: Path, logs: Written, plan: Plan | None = None, known: tuple[Cause, ...] = (KNOWN,)
) -> tuple[Result, list[Event]]:
    """How the act ended on a session whose one red test ran from 7 to 9 seconds after the start."""
    story = ran(begun(replace(plan or plan_with(), knowledge=known)), "p1", red("a"))
    story.does("events").does("logs-backend").start("diagnose")
    said: list[Event] = []

    def say(event: Event) -> Session:
        said.append(event)
        return story.session

    environment = story.session.plan.environment
    cloud = OneService(environment, "http://127.0.0.1:1")
    kept, redactor = SessionFolder(folder), Redactor(["a-known-secret"])
    signals = Signals(cloud, logs, folder, redactor)
    runner = DiagnoseRunner(cloud, logs, signals, kept, redactor, Consultant(folder, kept, redactor))
    return anyio.run(runner.run, story.session.record("1/diagnose").act, story.session, say), said


def test_the_logs_of_the_revision_under_test_are_read_kept_without_secrets_and_quoted_by_line(tmp_path: Path) -> None:
    logs = Written([line(1, "hello"), line(8, "cut off", token="a-known-secret"), line(50, "cut off")])
    result, said = diagnosed(tmp_path, logs)
    kept = tmp_path / "artifacts" / "1-diagnose" / "1" / "backend.txt"

    assert isinstance(result.seen, Diagnosed)
    (problem,) = result.seen.problems
    assert (result.outcome, result.seen.entries, result.seen.truncated) == (Outcome.PASSED, 3, False)
    assert problem.whys[1].evidence == (
        Evidence(
            "log entries of backend, by line",
            "2: 2025-09-14T17:10:34.000000Z INFO stdout cut off",
            "artifacts/1-diagnose/1/backend.txt",
            sha256_of(kept),
        ),
    )
    assert kept.read_text().splitlines() == [
        "2025-09-14T17:10:27.000000Z INFO stdout hello",
        "2025-09-14T17:10:34.000000Z INFO stdout cut off",
        "2025-09-14T17:11:16.000000Z INFO stdout cut off",
    ]
    query = (
        'resource.type="cloud_run_revision" AND resource.labels.service_name="backend"'
        f' AND resource.labels.revision_name="{NEW}" AND timestamp>="2025-09-14T17:10:27.000000Z"'
        ' AND timestamp<="2025-09-14T17:10:40.000000Z"'
        ' AND (NOT log_id("run.googleapis.com/requests") OR textPayload:*)'
    )
    assert said == [HandleKnown("1/diagnose", {"query backend": query})]
    assert logs.asked == [(query.partition(" AND (NOT")[0], 1), (query, MOST_ENTRIES + 1)]


def test_secrets_in_a_log_are_masked_where_they_are_kept_and_quoted(tmp_path: Path) -> None:
    cut = replace(line(8, "cut off"), text="cut off a-known-secret")
    result, _ = diagnosed(tmp_path, Written([cut]))
    kept = (tmp_path / "artifacts" / "1-diagnose" / "1" / "backend.txt").read_text()

    assert isinstance(result.seen, Diagnosed)
    assert kept == "2025-09-14T17:10:34.000000Z INFO stdout cut off [masked]\n"
    assert "a-known-secret" not in repr(result)


def test_logs_that_cannot_be_read_are_an_error_and_no_diagnosis(tmp_path: Path) -> None:
    result, _ = diagnosed(tmp_path, Written([], OSError("no route")))

    assert (result.outcome, result.seen) == (Outcome.ERRORED, None)
    assert "reading the logs" in result.reasons[-1]


def test_a_service_that_is_not_there_has_no_logs_and_is_no_error(tmp_path: Path) -> None:
    plan = plan_with()
    other = replace(BACKEND, name="auth", service="auth")
    environment = replace(plan.environment, targets=(*plan.environment.targets, other))
    logs = Written([line(8, "cut off")])
    result, _ = diagnosed(tmp_path, logs, replace(plan, environment=environment))

    assert isinstance(result.seen, Diagnosed)
    assert [log.target for log in result.seen.logs] == ["backend"]


def test_every_query_is_told_with_its_window_its_revision_and_what_it_gave(tmp_path: Path) -> None:
    result, said = diagnosed(tmp_path, Written([line(8, "one"), replace(line(8, "two"), severity="ERROR")]))
    assert isinstance(said[0], HandleKnown)
    assert isinstance(result.seen, Diagnosed)
    (log,) = result.seen.logs

    assert log.query == said[0].handle["query backend"]
    assert log.window.startswith("2025-09-14T17:10:27.000000Z/2025-09-14T17:")
    assert (log.target, log.revision, log.count, log.truncated) == ("backend", NEW, 2, False)
    assert log.by_severity == {"ERROR": 1, "INFO": 1}


def test_a_live_service_without_any_entry_is_an_error_and_nothing_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netra_loop.adapters.diagnose.LATE", 0.0)
    result, _ = diagnosed(tmp_path, Written([]))

    assert (result.outcome, result.reasons) == (Outcome.ERRORED, ("no_entries", "the log has nothing of backend"))
    assert isinstance(result.seen, Diagnosed)
    assert (result.seen.remedies, [log.count for log in result.seen.logs]) == ((), [0])
    assert [problem.root_cause for problem in result.seen.problems] == [""]


class Requested(Written):
    """Has its lines among the requests only."""

    def entries(self, query: str, limit: int, *, newest_first: bool = False) -> list[LogLine]:
        found = super().entries(query, limit)
        return [] if "NOT log_id" in query else found


def test_a_service_that_wrote_nothing_but_its_requests_is_alive(tmp_path: Path) -> None:
    result, _ = diagnosed(tmp_path, Requested([line(8, "GET / 200")]))

    assert (result.outcome, result.reasons) == (Outcome.PASSED, ())
    assert isinstance(result.seen, Diagnosed)
    assert [log.count for log in result.seen.logs] == [0]


class Late(Written):
    """Shows its lines only to those who ask for the third time."""

    def entries(self, query: str, limit: int, *, newest_first: bool = False) -> list[LogLine]:
        found = super().entries(query, limit)
        return found if len(self.asked) > 2 else []


def test_entries_that_come_late_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netra_loop.adapters.cloudlogs.ASK_AGAIN", 0.01)
    result, _ = diagnosed(tmp_path, Late([line(8, "cut off")]))

    assert isinstance(result.seen, Diagnosed)
    assert [problem.root_cause for problem in result.seen.problems] == ["Cut off"]


def test_a_service_that_no_red_test_was_pointed_at_may_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netra_loop.adapters.diagnose.LATE", 0.0)
    plan = plan_with()
    other = replace(BACKEND, name="other")
    environment = replace(plan.environment, targets=(*plan.environment.targets, other))
    elsewhere = tuple(replace(each, targets=("other",)) for each in plan.suites)
    result, _ = diagnosed(tmp_path, Written([]), replace(plan, environment=environment, suites=elsewhere))

    assert result.reasons == ("no_entries", "the log has nothing of other"), "the backend is silent too"


def test_more_entries_than_are_read_are_told_as_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netra_loop.adapters.diagnose.MOST_ENTRIES", 2)
    result, _ = diagnosed(tmp_path, Written([line(8, "one"), line(8, "two"), line(8, "cut off")]))

    assert isinstance(result.seen, Diagnosed)
    assert (result.seen.entries, result.seen.truncated) == (2, True)
    assert result.seen.problems[0].root_cause == "", "what was not read shows nothing"


def test_exactly_as_many_entries_as_are_read_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netra_loop.adapters.diagnose.MOST_ENTRIES", 2)
    result, _ = diagnosed(tmp_path, Written([line(8, "one"), line(8, "cut off")]))

    assert isinstance(result.seen, Diagnosed)
    assert (result.seen.entries, result.seen.truncated) == (2, False)


def test_whole_numbers_of_an_entry_are_numbers_and_words_and_truths_are_none(tmp_path: Path) -> None:
    slow = Claim("It takes longer", SlowWork("^done$", "took", "most"))
    known = (replace(KNOWN, whys=(KNOWN.whys[0], slow)),)
    seconds = [2, 3.5, 2, True, "9", None, [9], 10**400, float("inf"), float("nan")]
    result, _ = diagnosed(tmp_path, Written([line(8, "done", took=each, most=1) for each in seconds]), known=known)

    assert isinstance(result.seen, Diagnosed)
    assert dict(result.seen.problems[0].whys[1].figures) == {"completions": 3, "p95_s": 3.5, "limit_s": 1.0}


def test_entries_without_a_message_are_matched_by_their_text_and_those_without_a_time_by_nothing(
    tmp_path: Path,
) -> None:
    bare = LogLine("2025-09-14T17:10:34.000000Z", "INFO", "stdout", "cut off")
    result, _ = diagnosed(tmp_path, Written([bare, replace(bare, at="-")]))

    assert isinstance(result.seen, Diagnosed)
    assert dict(result.seen.problems[0].whys[1].figures) == {"entries": 1, "tests": 1}
