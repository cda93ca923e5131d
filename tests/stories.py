"""Small sessions told in a few words, for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from netra_loop.core.acts import act_of, follow_up, verification_of
from netra_loop.core.environment import Environment, RemedyMode, Users
from netra_loop.core.events import (
    ActEnded,
    ActStarted,
    Entry,
    Event,
    Git,
    GoodRevision,
    HandleKnown,
    IterationBegun,
    SessionOpened,
    TestResult,
    TestsCollected,
    TestsObserved,
)
from netra_loop.core.gate import Gate
from netra_loop.core.knowledge import Cause, Claim, FailureText, RemedyKind
from netra_loop.core.outcome import RED_OUTCOMES, Outcome, Proof, TestOutcome
from netra_loop.core.past import Past
from netra_loop.core.plan import RESUME_CLASSES, Budget, Kind, Phase, Plan, Step, Suite, When
from netra_loop.core.policy import Start, decide
from netra_loop.core.problem import Diagnosed, Problem, Receipt, Remedy, TestName
from netra_loop.core.proof import Facts
from netra_loop.core.seen import DependencyState, Deployed, HealthSeen, Result, Share, SuiteSeen, TrafficShifted
from netra_loop.core.session import Session, evolve
from netra_loop.core.target import Dependency, HealthCheck, Identity, Target

START = datetime(2025, 9, 14, 17, 10, 26, tzinfo=UTC)
OLD, NEW = "backend-old", "backend-new"


def step(kind: Kind, subject: str, *tags: str, step_id: str = "", argv: tuple[str, ...] = ()) -> Step:
    """A step as the plan file would resolve it."""
    name = step_id or (subject if kind is Kind.SUITE else f"{kind.value}-{subject}".rstrip("-"))
    return Step(name, kind, subject, 60.0, RESUME_CLASSES[kind], frozenset({name, kind.value, *tags}), argv, Gate())


def suite(
    name: str,
    priority: str = "P1",
    declared: int | None = None,
    exclusive: tuple[str, ...] = (),
    targets: tuple[str, ...] = ("backend",),
) -> Suite:
    return Suite(
        name,
        f"Suite {name}",
        priority,
        "e2e",
        (f"{name}.py",),
        60.0,
        declared_tests=declared,
        targets=targets,
        exclusive=exclusive,
        value="$120K MRR",
    )


BACKEND = Target(
    "backend",
    "backend",
    source="backend",
    health=HealthCheck("/health"),
    dependencies=(Dependency("store", "/store", required=False),),
    identity=Identity(header="X-Revision"),
)


FRONTEND = replace(BACKEND, name="frontend", service="frontend", source="frontend")


def plan_of(
    *phases: Phase,
    suites: Sequence[Suite] = (),
    iterations: int = 1,
    wall: float = 3600.0,
    targets: tuple[Target, ...] = (BACKEND,),
) -> Plan:
    environment = Environment("local", "embedded", "project", "region", targets)
    return Plan("default", "d" * 64, environment, phases, tuple(suites), Budget(wall, iterations)).focused("all")


def usual_plan(iterations: int = 1, wall: float = 3600.0) -> Plan:
    """deploy -> health -> p1 (goes on when red) -> events -> logs (always, not required)."""
    return plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
        Phase("health", "Health", (step(Kind.HEALTH, "backend"),), ("deploy",)),
        Phase("critical", "Critical", (step(Kind.SUITE, "p1", "P1"),), ("health",), stops=False),
        Phase("events", "Events", (step(Kind.SUITE, "events", "P2"),), ("critical",)),
        Phase("logs", "Logs", (step(Kind.LOGS, "backend"),), ("events",), When.ALWAYS, required=False),
        suites=(suite("p1"), suite("events", "P2")),
        iterations=iterations,
        wall=wall,
    )


def two_services(wall: float = 3600.0) -> Plan:
    """Deploy both at once -> one suite that meets both."""
    return plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"), step(Kind.DEPLOY, "frontend"))),
        Phase("critical", "Critical", (step(Kind.SUITE, "p1", "P1"),), ("deploy",)),
        suites=(suite("p1", targets=("backend", "frontend")),),
        wall=wall,
        targets=(BACKEND, FRONTEND),
    )


WORK_CUT_OFF = Cause(
    "work-cut-off",
    "The service ends its own work before it is done",
    (Claim("The tests were told that the work had failed", FailureText("agent_failed")),),
)


def knowing(plan: Plan, mode: RemedyMode = RemedyMode.APPLY, *, remedies: int = 10, users: Users | None = None) -> Plan:
    """The plan with one known cause, and with what may be done about causes."""
    return replace(
        plan,
        knowledge=(WORK_CUT_OFF,),
        remedies=mode,
        budget=replace(plan.budget, remedies=remedies),
        environment=replace(plan.environment, users=users),
    )


def named(*tests: str) -> tuple[TestName, ...]:
    """Tests written as `suite::test`."""
    return tuple(TestName(*test.split("::", 1)) for test in tests)


def raising(
    remedy_id: str,
    *tests: str,
    after: str = "2.1",
    target: str = "backend",
    refusal: str = "",
    variable: str = "AGENT_TIMEOUT",
) -> Remedy:
    """The remedy that raises a limit inside a service."""
    return Remedy(
        remedy_id,
        WORK_CUT_OFF.id,
        RemedyKind.SET_ENV,
        target,
        variable,
        "1",
        "" if refusal else after,
        named(*tests),
        refusal=refusal,
    )


def patching(remedy_id: str, *tests: str, kind: RemedyKind = RemedyKind.PATCH, after: str = "as of abc") -> Remedy:
    """A remedy that changes the code of a service."""
    commit = "" if kind is RemedyKind.AGENT else "abc"
    return Remedy(remedy_id, "missing-file", kind, "backend", "source", None, after, named(*tests), commit=commit)


def leasing(remedy_id: str, *tests: str) -> Remedy:
    """The remedy that gives every suite a test user of its own."""
    kind = RemedyKind.LEASE_USERS
    return Remedy(remedy_id, "shared-user", kind, "", "users.mode", "shared", "exclusive", named(*tests))


PROVEN_FACTS = Facts(bytes_in=120, bytes_out=80, asserts=2, asserts_after=2)


def ended_test(name: str, outcome: TestOutcome = TestOutcome.PASSED, proof: Proof = Proof.PROVEN) -> TestResult:
    return TestResult(name, outcome, 0.125, proof=proof if outcome is TestOutcome.PASSED else None, facts=PROVEN_FACTS)


class Story:
    """A session that is told event by event; time moves one second an event."""

    def __init__(
        self,
        plan: Plan,
        session_id: str = "ultimate-test-deploy-loop-all-2025-09-14-171026",
        good: tuple[GoodRevision, ...] = (),
        past: Past | None = None,
        commit: str = "abc1234",
    ) -> None:
        self.entries: list[Entry] = []
        self._session: Session | None = None
        git = Git(commit, "main", dirty=False) if commit else None
        opened = SessionOpened(session_id, plan, "run --focus all", git, "", "0.1.0", good=good, past=past or Past())
        self.emit(opened)

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session

    def emit(self, event: Event, after: float = 1.0) -> Story:
        last = self.entries[-1].at if self.entries else START - timedelta(seconds=after)
        entry = Entry(len(self.entries) + 1, last + timedelta(seconds=after), event)
        self.entries.append(entry)
        self._session = evolve(self._session, entry)
        return self

    @property
    def iteration(self) -> int:
        return len(self.session.iterations)

    def begin(self) -> Story:
        return self.emit(IterationBegun(self.iteration + 1))

    def start(self, step_id: str) -> Story:
        if step_id.startswith(("promote-", "restore-")):
            kind, target = step_id.split("-", 1)
            return self.emit(ActStarted(follow_up(self.session, self.iteration, Kind(kind), target)))
        if step_id == Kind.DIAGNOSE.value or step_id.startswith(("ask-", "cure-", "undo-")):
            kind, _, remedy_id = step_id.partition("-")
            return self.emit(ActStarted(follow_up(self.session, self.iteration, Kind(kind), remedy_id)))
        if step_id.startswith("verify-"):
            suite_step = next(s for s in self.session.plan.steps if s.id == step_id.removeprefix("verify-"))
            return self.emit(ActStarted(verification_of(self.session, self.iteration, suite_step)))
        found = next(s for s in self.session.plan.steps if s.id == step_id)
        return self.emit(ActStarted(act_of(self.session, self.iteration, found)))

    def starts(self) -> Story:
        """Start what the policy wants to start now, with the test users that it gives."""
        for move in decide(self.session).moves:
            if isinstance(move, Start):
                self.emit(ActStarted(move.act))
        return self

    def end(self, step_id: str, outcome: Outcome = Outcome.PASSED, *reasons: str, seen: object = None) -> Story:
        return self.emit(ActEnded(f"{self.iteration}/{step_id}", Result(outcome, reasons, seen)))  # type: ignore[arg-type]

    def does(self, step_id: str, outcome: Outcome = Outcome.PASSED, *reasons: str, seen: object = None) -> Story:
        return self.start(step_id).end(step_id, outcome, *reasons, seen=seen)

    def deploys(
        self,
        digest: str = "sha256:aa",
        previous: str = OLD,
        revision: str = NEW,
        *,
        target: str = "backend",
        changes: tuple[str, ...] = (),
    ) -> Story:
        return self.does(f"deploy-{target}", seen=deployed(digest, previous, revision, target, changes))

    def is_healthy(self, *dependencies: DependencyState, revision: str = NEW) -> Story:
        seen = HealthSeen("backend", "http://127.0.0.1:1/health", revision, 3, 3, 0.01, 0.02, dependencies)
        return self.does("health-backend", seen=seen)

    def tests(
        self,
        step_id: str,
        tests: Mapping[str, TestOutcome] | Sequence[str],
        outcome: Outcome = Outcome.PASSED,
        *reasons: str,
        proof: Proof = Proof.PROVEN,
        revision: str = NEW,
        ended_by: str = "itself",
        targets: Sequence[str] = ("backend",),
    ) -> Story:
        """Run a suite; names alone pass. NOT_RUN and TIMEOUT are told as the stream tells them."""
        ends = tests if isinstance(tests, Mapping) else dict.fromkeys(tests, TestOutcome.PASSED)
        unended = (TestOutcome.NOT_RUN, TestOutcome.TIMEOUT)
        results = tuple(ended_test(name, end, proof) for name, end in ends.items() if end not in unended)
        running = tuple(name for name, end in ends.items() if end is TestOutcome.TIMEOUT)
        self.start(step_id)
        act_id = f"{self.iteration}/{step_id}"
        self.emit(TestsCollected(act_id, tuple(ends)))
        self.emit(TestsObserved(act_id, results, running))
        self.emit(HandleKnown(act_id, {"ended_by": ended_by}))
        met = dict.fromkeys(targets, revision)
        seen = SuiteSeen(step_id.removeprefix("verify-"), 0, ended_by, True, True, 0, met, met)
        return self.end(step_id, outcome, *reasons, seen=seen)

    def promotes(self, outcome: Outcome = Outcome.PASSED, *reasons: str, target: str = "backend") -> Story:
        return self.does(f"promote-{target}", outcome, *reasons, seen=shifted(NEW, target))

    def restores(self, outcome: Outcome = Outcome.PASSED, *reasons: str, target: str = "backend") -> Story:
        return self.does(f"restore-{target}", outcome, *reasons, seen=shifted(OLD, target))

    def runs(
        self,
        p1: Mapping[str, TestOutcome] | Sequence[str] = ("a", "b"),
        events: Mapping[str, TestOutcome] | Sequence[str] = ("c",),
        *,
        verifies: Mapping[str, Mapping[str, TestOutcome] | Sequence[str]] | None = None,
        revision: str = NEW,
        changes: tuple[str, ...] = (),
    ) -> Story:
        """An iteration of the usual plan up to the end of its phases; verifies: tests that ran alone first, by step."""
        self.begin().deploys(revision=revision, changes=changes).is_healthy(revision=revision)
        for step_id, tests in (verifies or {}).items():
            self.tests(f"verify-{step_id}", tests, _ended(tests), revision=revision)
        self.tests("p1", p1, _ended(p1), revision=revision)
        return self.tests("events", events, _ended(events), revision=revision).does("logs-backend")

    def diagnoses(self, *remedies: Remedy, problems: tuple[Problem, ...] = ()) -> Story:
        return self.does("diagnose", seen=Diagnosed(problems, remedies, 12))

    def cures(self, *remedy_ids: str) -> Story:
        for remedy_id in remedy_ids:
            self.does(f"cure-{remedy_id}", seen=receipt(remedy_id))
        return self

    def undoes(self, *remedy_ids: str) -> Story:
        for remedy_id in remedy_ids:
            self.does(f"undo-{remedy_id}", seen=Receipt(remedy_id, {}, {}))
        return self

    def answers(self, remedy_id: str, *reasons: str) -> Story:
        """A person agrees to a remedy; with reasons they do not."""
        return self.does(f"ask-{remedy_id}", Outcome.SKIPPED if reasons else Outcome.PASSED, *reasons)

    def both_proven(self) -> Story:
        """Everything of the plan `two_services`."""
        self.deploys().deploys(target="frontend")
        return self.tests("p1", ["a"], targets=("backend", "frontend"))


def _ended(tests: Mapping[str, TestOutcome] | Sequence[str]) -> Outcome:
    ends = tests.values() if isinstance(tests, Mapping) else ()
    return Outcome.FAILED if RED_OUTCOMES & set(ends) else Outcome.PASSED


def receipt(remedy_id: str) -> Receipt:
    return Receipt(remedy_id, {"backend.AGENT_TIMEOUT": "1"}, {"backend.AGENT_TIMEOUT": "2.1"})


def deployed(
    digest: str = "sha256:aa",
    previous: str = OLD,
    revision: str = NEW,
    target: str = "backend",
    changes: tuple[str, ...] = (),
) -> Deployed:
    before = (Share(previous, 100),) if previous else ()
    base = "http://127.0.0.1:8001"
    after = (Share(previous, 100), Share(revision, 0, "ntl-1", f"{base}9")) if previous else (Share(revision, 100),)
    return Deployed(
        target=target,
        service=target,
        revision=revision,
        image_digest=digest,
        url=base,
        candidate_url=f"{base}9" if previous else base,
        created="2025-09-14T17:10:28Z",
        strategy="candidate" if previous else "direct",
        identity="verified by header X-Revision",
        previous_revision=previous,
        traffic_before=before,
        traffic_after=after,
        changes=changes,
        settings=f"settings of {digest}",
    )


def shifted(revision: str, target: str = "backend") -> TrafficShifted:
    shares = (Share(revision, 100),)
    before = (Share(OLD, 100),)
    return TrafficShifted(target, target, revision, "http://127.0.0.1:8001", before, shares, "verified", 3)


def fail_fast(plan: Plan) -> Plan:
    return replace(plan, fail_fast=True)
