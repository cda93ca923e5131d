"""What was asked: read once from YAML and the command line, resolved, frozen into the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from netra_loop.core.environment import Environment, RemedyMode
from netra_loop.core.errors import UsageError
from netra_loop.core.gate import Gate, GateMode
from netra_loop.core.knowledge import Cause
from netra_loop.core.promotion import Promotion, Strategy


class Kind(Enum):
    """What an act does. What is not written in plans follows: RESTORE from deploys, ROLLBACK from its command, the rest
    from red; PROMOTE may be written, and follows from deploys where it is not.
    """

    DEPLOY = "deploy"
    HEALTH = "health"
    WEBSOCKET = "websocket"
    SUITE = "suite"
    CONTROL = "control"  # the same tests against a dead and a sabotaged target
    RUN = "run"
    LOGS = "logs"
    COMPLIANCE = "compliance"  # the environment's checker on the project
    PROMOTE = "promote"
    RESTORE = "restore"
    ROLLBACK = "rollback"  # to a revision that an earlier session has proven good
    DIAGNOSE = "diagnose"  # which causes explain the red tests
    ASK = "ask"  # may this remedy be applied
    CURE = "cure"  # apply it
    UNDO = "undo"  # take it back
    VERIFY = "verify"  # run exactly the tests that it is to turn green


class ResumeClass(Enum):
    """What may be done with an act that was under way when its session died."""

    READ = "read"  # look again
    KEYED = "keyed"  # look whether it happened under its key; if not, do it under the same key
    RERUN = "rerun"  # a new attempt; what the broken one saw is kept apart
    ONCE = "once"  # nobody can know: the session ends and says so


RESUME_CLASSES = {
    Kind.DEPLOY: ResumeClass.KEYED,
    Kind.PROMOTE: ResumeClass.KEYED,
    Kind.RESTORE: ResumeClass.KEYED,
    Kind.ROLLBACK: ResumeClass.KEYED,
    Kind.HEALTH: ResumeClass.READ,
    Kind.WEBSOCKET: ResumeClass.READ,
    Kind.LOGS: ResumeClass.READ,
    Kind.SUITE: ResumeClass.RERUN,
    Kind.CONTROL: ResumeClass.RERUN,
    Kind.RUN: ResumeClass.ONCE,
    Kind.COMPLIANCE: ResumeClass.RERUN,
    Kind.DIAGNOSE: ResumeClass.READ,
    Kind.ASK: ResumeClass.READ,
    Kind.CURE: ResumeClass.KEYED,
    Kind.UNDO: ResumeClass.KEYED,
    Kind.VERIFY: ResumeClass.RERUN,
}
TESTING = frozenset({Kind.SUITE, Kind.VERIFY})
_TESTED = frozenset({Kind.SUITE, Kind.CONTROL})


class SuiteRunner(Enum):
    """Who runs a suite's tests: pytest, watched from inside, or any command that leaves a report."""

    PYTEST = "pytest"
    COMMAND = "command"


class Network(Enum):
    """Whether anything else of ours may talk to the targets while a suite runs.

    Kernel facts name no process: only a suite that is ALONE can be proven by them.
    """

    SHARED = "shared"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Worth:
    """What somebody declared something to be worth: so much of a unit, and where that stands. Nothing is computed.

    declared_for: the priority or suite that it was declared for; suites of one priority share one amount.
    """

    amount: float
    unit: str
    source: str
    declared_for: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A set of tests with one runner. Paths are relative to the project; timeout in seconds, always finite.

    argv and report are of COMMAND suites; a report that is `-` is their standard output. idle_timeout: seconds without
    a sign of life, be it output or news of a test, after which it is ended; None waits for the timeout.
    """

    id: str
    title: str
    priority: str
    cwd: str
    paths: tuple[str, ...]
    timeout: float
    runner: SuiteRunner = SuiteRunner.PYTEST
    network: Network = Network.SHARED
    argv: tuple[str, ...] = ()
    report: str = ""
    python: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    declared_tests: int | None = None
    focus: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    value: str = ""
    idle_timeout: float | None = None
    worth: Worth | None = None

    @property
    def words(self) -> frozenset[str]:
        """What a focus may name it by."""
        return frozenset({self.id, self.priority, *self.focus})


class Precheck(Enum):
    """What is looked at before anything is deployed."""

    COMPILE = "compile"  # every Python file of the source folder
    IMPORT = "import"  # the modules that the service declares
    COLLECT = "collect"  # the tests of the suites that are to run
    CLEAN = "clean"  # the project's commit holds everything


@dataclass(frozen=True, slots=True)
class Step:
    """One act of the plan. tags: what a focus may name.

    subject: a target's name, a suite's id, a checker's mode, or nothing (run).
    Of deploys: strategy; before: what is looked at first; redeploy: also where the serving revision is the same.
    irreversible: of run steps, what no rollback undoes. Of rollbacks: revision: where to; not_undone: the irreversible
    steps of the project's plan.
    """

    id: str
    kind: Kind
    subject: str
    timeout: float
    resume: ResumeClass
    tags: frozenset[str] = frozenset()
    argv: tuple[str, ...] = ()
    gate: Gate = field(default_factory=Gate)
    strategy: Strategy = Strategy.CANDIDATE
    before: tuple[Precheck, ...] = (Precheck.COMPILE, Precheck.IMPORT)
    redeploy: bool = False
    irreversible: bool = False
    revision: str = ""
    not_undone: tuple[str, ...] = ()

    @classmethod
    def of_control(cls, suite: Suite, timeout: float | None = None) -> Step:
        """The negative control of a suite: twice its tests, each half within half the time."""
        return cls(
            id=f"{Kind.CONTROL.value}-{suite.id}",
            kind=Kind.CONTROL,
            subject=suite.id,
            timeout=timeout or 2 * suite.timeout,
            resume=RESUME_CLASSES[Kind.CONTROL],
            tags=suite.words | {Kind.CONTROL.value, f"{Kind.CONTROL.value}-{suite.id}"},
        )


class When(Enum):
    """When a phase runs, seen from the phases it needs."""

    PASSED = "passed"
    FAILED = "failed"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of the plan. stops: its failure keeps the phases that need it from starting."""

    id: str
    title: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    when: When = When.PASSED
    required: bool = True
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """wall in seconds; remedies: how many may be applied in one session; agent: how often its agent may be asked."""

    wall: float
    iterations: int
    remedies: int = 10
    agent: int = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a session may do. `selected` holds the ids of the steps that run, in focus or needed by it.

    redeploys: every deploy step makes a revision, also where the one that serves is the same. read_only: nothing is to
    change: no deploy, no remedy, no command of the plan.
    """

    name: str
    digest: str
    environment: Environment
    phases: tuple[Phase, ...]
    suites: tuple[Suite, ...]
    budget: Budget
    deploys: bool = True
    redeploys: bool = False
    read_only: bool = False
    focus: str = "all"
    selected: frozenset[str] = frozenset()
    slots: int = 4
    fail_fast: bool = False
    remedies: RemedyMode = RemedyMode.OFF
    knowledge: tuple[Cause, ...] = ()
    promotion: Promotion = field(default_factory=Promotion)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for phase in self.phases for step in phase.steps)

    def strategy(self, target: str) -> Strategy:
        """How a target's revisions come to their traffic; that of the plan for one that it does not deploy."""
        deploys = (step for step in self.steps if step.kind is Kind.DEPLOY and step.subject == target)
        return next((step.strategy for step in deploys), self.promotion.strategy)

    def promotes_early(self, target: str) -> bool:
        """Whether a target's traffic is shifted before everything has passed: on deploy, or by a step of the plan."""
        written = any(s.kind is Kind.PROMOTE and s.subject == target and s.id in self.selected for s in self.steps)
        return written or self.strategy(target) is Strategy.DIRECT

    def suite(self, suite_id: str) -> Suite:
        return next(suite for suite in self.suites if suite.id == suite_id)

    def only_observes(self, step_id: str) -> bool:
        """Whether a step's outcome is told and decides nothing."""
        return any(step.id == step_id and step.gate.mode is GateMode.OBSERVE for step in self.steps)

    def phase_of(self, step_id: str) -> Phase:
        return next(phase for phase in self.phases if any(step.id == step_id for step in phase.steps))

    def focused(self, focus: str) -> Plan:
        """This plan restricted to `focus`: `all`, or comma-separated ids, tags and priorities of steps and suites.

        What the chosen steps need runs too, whole phases of it, transitively. Raises UsageError for a word that names
        nothing, with the words that do.
        """
        words = [word.strip() for word in focus.split(",")]
        known = {tag for step in self.steps for tag in step.tags}
        unknown = [word or "(nothing)" for word in words if word not in known | {"all"}]
        if unknown:
            raise UsageError(
                f"--focus names nothing known: {', '.join(unknown)}", f"known are: all, {', '.join(sorted(known))}"
            )
        if "all" in words:
            return replace(self, focus="all", selected=self._without_deploys({step.id for step in self.steps}))
        chosen = {step.id for step in self.steps if step.tags & set(words)}
        return replace(self, focus=",".join(words), selected=self._without_deploys(chosen | self.needed_by(chosen)))

    def controlled(self, words: Sequence[str]) -> Plan:
        """A plan of nothing but the negative controls of the suites with these ids, priorities and tags; of all for
        none. Raises UsageError for a word that names nothing, with the words that do.
        """
        known = {word for suite in self.suites for word in suite.words}
        unknown = [word for word in words if word not in known]
        if unknown:
            raise UsageError(f"no such suite: {', '.join(unknown)}", f"known are: {', '.join(sorted(known))}")
        chosen = [suite for suite in self.suites if not words or suite.words & set(words)]
        if not chosen:
            raise UsageError("there is no suite", "config/suites.yaml declares them")
        steps = tuple(Step.of_control(suite) for suite in chosen)
        return replace(
            self,
            phases=(Phase(Kind.CONTROL.value, "The same tests without their target", steps, stops=False),),
            budget=replace(self.budget, iterations=1),
            focus=",".join((Kind.CONTROL.value, *words)),
            selected=frozenset(step.id for step in steps),
            remedies=RemedyMode.OFF,
            knowledge=(),
        )

    @property
    def meets_no_target(self) -> bool:
        """Whether all it does is to run tests without their targets."""
        return self._kinds == {Kind.CONTROL}

    @property
    def only_rolls_back(self) -> bool:
        """Whether all it does is to go back to earlier revisions."""
        return self._kinds == {Kind.ROLLBACK}

    @property
    def _kinds(self) -> set[Kind]:
        """What the selected steps do."""
        return {step.kind for step in self.steps if step.id in self.selected}

    def needed_by(self, chosen: set[str]) -> set[str]:
        """The steps of all phases that the chosen steps' phases need; suites and their controls are no precondition."""
        phases = {phase.id: phase for phase in self.phases}
        waiting = [need for phase in self.phases if any(s.id in chosen for s in phase.steps) for need in phase.needs]
        seen: set[str] = set()
        while waiting:
            need = waiting.pop()
            if need not in seen:
                seen.add(need)
                waiting.extend(phases[need].needs)
        return {step.id for need in seen for step in phases[need].steps if step.kind not in _TESTED}

    def _without_deploys(self, chosen: set[str]) -> frozenset[str]:
        if self.deploys and not self.read_only:
            return frozenset(chosen)
        changing = (Kind.DEPLOY, Kind.PROMOTE, *((Kind.RUN,) if self.read_only else ()))
        return frozenset(step.id for step in self.steps if step.id in chosen and step.kind not in changing)
