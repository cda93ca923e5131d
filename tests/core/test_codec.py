"""Which texts of an event are masked, and which must stay."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from netra_loop.core import codec
from netra_loop.core.environment import OutsideProgram, RemedyMode, UserMode, Users
from netra_loop.core.events import ActEnded, ActStarted, Event, SessionOpened, TestsCollected
from netra_loop.core.knowledge import (
    AddressDiffers,
    Cause,
    Claim,
    DependencyDown,
    Derivation,
    FailureText,
    Logged,
    Look,
    PassedSpared,
    PassedWarm,
    RemedyKind,
    SlowWork,
    Treatment,
    UserShared,
)
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Artifact, Consulted, Diagnosed, Evidence, Problem, Receipt, Remedy, Why, WhyStatus
from netra_loop.core.seen import Result
from netra_loop.core.session import replay
from netra_loop.core.target import Dependency
from tests.stories import BACKEND, Story, deployed, knowing, leasing, named, raising, usual_plan


def x(text: str) -> str:
    return "x" if text else ""


def test_masking_a_session_s_opening_leaves_every_name_by_which_events_refer_to_it() -> None:
    (opening,) = Story(usual_plan()).entries
    assert isinstance(opening.event, SessionOpened)
    before, after = opening.event, codec.masked(opening.event, x)

    assert after.session_id == before.session_id
    assert (after.plan.name, after.plan.digest, after.plan.focus) == ("default", "d" * 64, "all")
    assert [(p.id, p.needs) for p in after.plan.phases] == [(p.id, p.needs) for p in before.plan.phases]
    assert [(s.id, s.subject) for s in after.plan.steps] == [(s.id, s.subject) for s in before.plan.steps]
    assert [(s.id, s.priority, s.targets) for s in after.plan.suites] == [
        ("p1", "P1", ("backend",)),
        ("events", "P2", ("backend",)),
    ]
    assert [(t.name, t.service) for t in after.plan.environment.targets] == [("backend", "backend")]
    assert after.plan.selected == before.plan.selected


def test_masking_a_session_s_opening_reaches_everything_else() -> None:
    (opening,) = Story(usual_plan()).entries
    assert isinstance(opening.event, SessionOpened)
    after = codec.masked(replace(opening.event, previous="s-0"), x)

    assert (after.command, after.previous) == ("x", "x")
    assert {phase.title for phase in after.plan.phases} == {"x"}
    assert {(suite.title, suite.cwd, suite.paths, suite.value) for suite in after.plan.suites} == {
        ("x", "x", ("x",), "x")
    }
    assert {target.source for target in after.plan.environment.targets} == {"x"}


def test_masking_reaches_the_end_of_an_act_but_not_its_name() -> None:
    event = ActEnded("1/p1", Result(Outcome.FAILED, ("token",), None, (Evidence("title", "token"),)))

    assert codec.masked(event, x) == ActEnded("1/p1", Result(Outcome.FAILED, ("x",), None, (Evidence("x", "x"),)))
    assert codec.masked(TestsCollected("1/p1", ("a", "b")), x) == TestsCollected("1/p1", ("x", "x"))


QUOTED = Evidence("log entries of backend, by line", "7: agent timed out", "artifacts/backend.txt", "e" * 64, True)
LOG = LogsSeen("backend", "severity>=ERROR", "a/b", "backend-2", 12, True, {"ERROR": 12})
PROBLEM = Problem(
    id="work-cut-off",
    signature="0123456789abcdef",
    title="The service ends its own work before it is done",
    tests=named("p1::a", "events::c[x-1]"),
    whys=(
        Why("The tests were told so", WhyStatus.CONFIRMED, (QUOTED, Evidence("p1: a")), {"tests": 2}),
        Why("The work takes longer", WhyStatus.HYPOTHESIS, (), {"p95_s": 1.62, "limit_s": 2.0}),
    ),
    root_cause="The service ends its own work before it is done",
)
REMEDY = Remedy(
    id="r1",
    problem="work-cut-off",
    kind=RemedyKind.SET_ENV,
    target="backend",
    variable="AGENT_TIMEOUT",
    before=None,
    after="2.1",
    tests=named("p1::a"),
    figures={"p95_s": 1.62, "limit_s": 1.0, "completions": 3},
    refusal="the work takes longer than the cap allows",
    permanent="config/local.yaml: services.backend.env.AGENT_TIMEOUT: 2.1",
)


SAID = Why("The pool is empty", WhyStatus.HYPOTHESIS, undecided="its size", by="an outside program")
CONSULTED = Consulted(
    ("ask", "-v"), None, 1.25, Artifact("a/b.txt", "b" * 64, 9), Artifact("a/c.txt", "c" * 64, 0), 0, "no"
)


def every_look() -> Plan:
    """A plan with a cause that looks at everything, and with everything else that came with causes."""
    looks: tuple[Look, ...] = (
        FailureText(r"\bagent_failed\b"),
        Logged("^agent timed out$"),
        SlowWork("^agent finished$", "duration_s", "limit_s", "agent"),
        DependencyDown(),
        AddressDiffers(),
        UserShared(),
        PassedSpared(),
        PassedWarm(),
    )
    whys = tuple(Claim(f"claim {number}", look) for number, look in enumerate(looks, start=1))
    causes = (
        Cause("one", "One", whys, Treatment(RemedyKind.SET_ENV, Derivation.P95, "AGENT_TIMEOUT", 1.25, 4.0)),
        Cause("two", "Two", whys[:1], Treatment(RemedyKind.SET_ENV, Derivation.ADDRESS)),
        Cause("three", "Three", whys[:1], Treatment(RemedyKind.LEASE_USERS)),
        Cause("four", "Four", whys[:1]),
    )
    store = Dependency("store", "/store", False, "127.0.0.1:16379", "SESSION_STORE", "store")
    environment = replace(
        usual_plan().environment,
        targets=(replace(BACKEND, dependencies=(store,), env={"STORE": "x", "KEY": None}),),
        users=Users(("u1", "u2"), UserMode.SHARED),
        timeouts={"http": 20.0, "websocket": 7.5},
        remedies=RemedyMode.ASK,
        diagnose=OutsideProgram(("ask", "-v"), 90.0, {"API_KEY": None}),
    )
    return replace(knowing(usual_plan(), RemedyMode.APPLY, remedies=3), knowledge=causes, environment=environment)


EVENTS: dict[str, Event] = {
    "a plan with causes, users, timeouts and dependencies": Story(every_look()).entries[0].event,
    "a diagnosis": ActEnded(
        "1/diagnose",
        Result(Outcome.PASSED, (), Diagnosed((PROBLEM,), (REMEDY, leasing("r2", "p1::b")), 12, True, (LOG,))),
    ),
    "a diagnosis with a hypothesis of an outside program": ActEnded(
        "1/diagnose",
        Result(Outcome.PASSED, (), Diagnosed((replace(PROBLEM, whys=(SAID,)),), (), 12, consulted=CONSULTED)),
    ),
    "a diagnosis that found nothing": ActEnded("1/diagnose", Result(Outcome.PASSED, (), Diagnosed((), (), 0))),
    "a receipt": ActEnded("1/cure-r1", Result(Outcome.PASSED, (), Receipt("r1", {"a": "1"}, {"a": "2.1"}))),
    "an answer": ActEnded("1/ask-r1", Result(Outcome.SKIPPED, ("declined",))),
    "a deploy that contains remedies": ActEnded("2/deploy", Result(Outcome.PASSED, (), deployed(changes=("r1", "r2")))),
    "the question of a remedy": Story(knowing(usual_plan())).begin().start("ask-r1").entries[-1].event,
    "the start of a suite with a user": ActStarted(
        replace(
            Story(usual_plan()).begin().start("p1").session.record("1/p1").act,
            user="u2",
            holds=frozenset({"user:u2", "cart"}),
        )
    ),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_what_came_with_causes_survives_the_journal_s_form(event: Event) -> None:
    assert codec.decode(json.loads(json.dumps(codec.encode(event)))) == event


def test_a_session_with_a_remedy_is_the_same_when_it_is_read_back() -> None:
    story = Story(every_look()).begin().start("diagnose").end("diagnose", seen=Diagnosed((PROBLEM,), (REMEDY,), 12))
    story.answers("r1").cures("r1").begin().start("verify-p1")
    read = [replace(e, event=codec.decode(json.loads(json.dumps(codec.encode(e.event))))) for e in story.entries]

    assert replay(read) == story.session


def test_masking_a_diagnosis_leaves_the_names_by_which_tests_problems_and_remedies_are_found() -> None:
    found = Diagnosed((PROBLEM,), (REMEDY, raising("r2", "p1::b")), 12)
    after = codec.masked(found, x)
    (problem,), (first, second) = after.problems, after.remedies

    assert (problem.id, problem.tests) == (PROBLEM.id, PROBLEM.tests)
    assert [(r.id, r.problem, r.target, r.variable, r.tests) for r in (first, second)] == [
        ("r1", "work-cut-off", "backend", "AGENT_TIMEOUT", named("p1::a")),
        ("r2", "work-cut-off", "backend", "AGENT_TIMEOUT", named("p1::b")),
    ]
    assert codec.masked(Receipt("r1", {"a": "1"}, {"a": "2"}), x) == Receipt("r1", {"a": "x"}, {"a": "x"})
    assert codec.masked(deployed(changes=("r1",)), x).changes == ("r1",)


def test_masking_a_diagnosis_reaches_everything_that_was_quoted() -> None:
    (problem,) = codec.masked(Diagnosed((PROBLEM,), (), 12), x).problems
    remedy = codec.masked(REMEDY, x)

    assert problem.whys == (
        Why("x", WhyStatus.CONFIRMED, (Evidence("x", "x", "x", "x", True), Evidence("x")), {"tests": 2}),
        Why("x", WhyStatus.HYPOTHESIS, (), {"p95_s": 1.62, "limit_s": 2.0}),
    )
    assert (problem.title, problem.root_cause) == ("x", "x")
    assert (remedy.before, remedy.after, remedy.refusal, remedy.permanent) == (None, "x", "x", "x")


def test_the_test_user_of_an_act_is_a_name_and_not_masked() -> None:
    act = replace(Story(usual_plan()).begin().start("p1").session.record("1/p1").act, user="u2")

    assert codec.masked(ActStarted(act), x) == ActStarted(act)
