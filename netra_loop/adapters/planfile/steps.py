"""Reads the steps of a plan: what each one does, and one Step for every service or suite that it does it to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from netra_loop.adapters.planfile.models import GateModel, StepModel
from netra_loop.adapters.planfile.select import SuiteSelector, TargetSelector
from netra_loop.adapters.planfile.structure import has_unknown_keys, read, report_unknown
from netra_loop.adapters.planfile.suiteindex import SuiteIndex
from netra_loop.adapters.planfile.values import ALL
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.environment import Environment
from netra_loop.core.gate import Gate, Tolerance
from netra_loop.core.plan import RESUME_CLASSES, Kind, ResumeClass, Step, Suite
from netra_loop.core.promotion import Promotion
from netra_loop.core.target import Target

Taken = TypeVar("Taken")

MAX_STEPS = 1000
_TIMEOUTS = {  # seconds
    Kind.DEPLOY: 600.0,
    Kind.PROMOTE: 120.0,
    Kind.HEALTH: 60.0,
    Kind.WEBSOCKET: 30.0,
    Kind.RUN: 300.0,
    Kind.LOGS: 60.0,
}
_LOOKING = (ResumeClass.READ, ResumeClass.RERUN, ResumeClass.ONCE)
_CLASSES = {
    Kind.DEPLOY: (ResumeClass.KEYED, ResumeClass.ONCE),
    Kind.PROMOTE: (ResumeClass.KEYED,),
    Kind.HEALTH: _LOOKING,
    Kind.WEBSOCKET: _LOOKING,
    Kind.SUITE: (ResumeClass.RERUN, ResumeClass.ONCE),
    Kind.CONTROL: (ResumeClass.RERUN,),
    Kind.RUN: (ResumeClass.READ, ResumeClass.RERUN, ResumeClass.ONCE),
    Kind.LOGS: _LOOKING,
    Kind.COMPLIANCE: (ResumeClass.RERUN, ResumeClass.ONCE),
}
"""What a step may say of its class: its default, or something more careful; of a run step only its author knows."""


class StepReader:
    """Reads one step of a document after the other, and remembers which ids are taken.

    Without an environment or an index, what refers to it is not checked and makes no steps.
    """

    def __init__(
        self, document: Document, environment: Environment | None, index: SuiteIndex | None, promotion: Promotion
    ) -> None:
        """promotion: what deploy steps do that say nothing of their strategy."""
        self._document = document
        self._promotion = promotion
        self._environment = environment
        self._targets = TargetSelector(document, environment) if environment and environment.targets else None
        self._suites = SuiteSelector(document, index) if index else None
        self._priorities = index.priorities if index else {}
        self._written: dict[str, Location] = {}
        self._made: dict[str, Location] = {}
        self._changed: dict[tuple[Kind, str], Location] = {}
        targets = environment.targets if environment else ()
        shifts = (Kind.PROMOTE, Kind.RESTORE)
        self._reserved = {f"{shift.value}-{target.name}" for shift in shifts for target in targets}

    def steps(self, place: Location, phase_tags: frozenset[str]) -> Iterator[Step]:
        """The steps that the one at a place stands for; they carry the tags of their phase. Mistakes are reported."""
        model = read(StepModel, self._document, place)
        is_first = self._claim_written(place)
        kind = self._kind(place)
        if model is None or kind is None:
            return
        self._check_class(place, kind, model)
        tags = phase_tags | {model.id, kind.value, *model.focus}
        counts = is_first and model.id == self._document.text((*place, "id"))
        for step in self._expanded(place, kind, model):
            if self._document.is_full or len(self._made) > MAX_STEPS:
                return
            if counts:
                self._claim(step, place)
                yield replace(step, tags=tags | step.tags | {step.id})

    def place_of(self, step_id: str) -> Location:
        """Where the step with an id is written."""
        return self._made[step_id][:-1]

    def _claim_written(self, place: Location) -> bool:
        """Whether no step before had the same id."""
        written = self._document.text((*place, "id"))
        first = self._written.setdefault(written, place)
        if written and first != place:
            hint = f"the first is on line {self._document.line(first)}"
            self._document.report((*place, "id"), f"duplicate step {quoted(written)}", hint)
        return first == place

    def _kind(self, place: Location) -> Kind | None:
        """The one thing a step does. A misspelt kind is an unknown key, and was reported as that."""
        given = {str(child[-1]) for child in self._document.entries(place)}
        kinds = [kind for kind in _CLASSES if kind.value in given]
        if len(kinds) > 1:
            message = f"a step does one thing, this one has {quoted(kinds[0].value)} and {quoted(kinds[1].value)}"
            self._document.report((*place, kinds[1].value), message, "make two steps of it", key=True)
        elif given and not kinds and not has_unknown_keys(StepModel, self._document, place):
            choices = ", ".join(kind.value for kind in _CLASSES)
            self._document.report(place, f"the step does nothing; it needs exactly one of {choices}")
        return kinds[0] if len(kinds) == 1 else None

    def _check_class(self, place: Location, kind: Kind, model: StepModel) -> None:
        if model.resume is not None and model.resume not in _CLASSES[kind]:
            allowed = " or ".join(each.value for each in _CLASSES[kind])
            message = f"the class of a {kind.value} step cannot be {quoted(model.resume.value)}"
            self._document.report((*place, "class"), message, f"only {allowed}")

    def _expanded(self, place: Location, kind: Kind, model: StepModel) -> Iterator[Step]:
        """One step for each subject, without the tags that all of them share."""
        if kind is not Kind.SUITE and self._document.at((*place, "gate")) is not None:
            self._document.report((*place, "gate"), "'gate' is for suite steps only", key=True)
        for key in ("strategy", "before", "redeploy"):
            if kind is not Kind.DEPLOY and self._document.at((*place, key)) is not None:
                self._document.report((*place, key), f"{quoted(key)} is for deploy steps only", key=True)
        if kind is not Kind.RUN and self._document.at((*place, "irreversible")) is not None:
            self._document.report((*place, "irreversible"), "'irreversible' is for run steps only", key=True)
        resume = model.resume or RESUME_CLASSES[kind]
        match kind:
            case Kind.SUITE:
                yield from self._suite_steps(place, model, resume)
            case Kind.CONTROL:
                yield from self._control_steps(place, model)
            case Kind.COMPLIANCE:
                yield from self._compliance_step(place, model, resume)
            case Kind.RUN:
                timeout = model.timeout or _TIMEOUTS[kind]
                yield Step(model.id, kind, "", timeout, resume, argv=model.run, irreversible=model.irreversible)
            case _:
                yield from self._target_steps(place, kind, model, resume)

    def _compliance_step(self, place: Location, model: StepModel, resume: ResumeClass) -> Iterator[Step]:
        """It names the mode, so that nobody takes one check for another."""
        if self._environment is None:
            return
        checker, where = self._environment.compliance, (*place, Kind.COMPLIANCE.value)
        if checker is None:
            name = self._environment.name
            message = f"environment {quoted(name)} has no checker"
            self._document.report(where, message, f"config/{name}.yaml declares it with 'compliance'")
        elif model.compliance != checker.mode:
            report_unknown(self._document, where, "mode", model.compliance, [checker.mode])
        else:
            yield Step(model.id, Kind.COMPLIANCE, checker.mode, model.timeout or checker.timeout, resume)

    def _target_steps(self, place: Location, kind: Kind, model: StepModel, resume: ResumeClass) -> Iterator[Step]:
        words: tuple[str, ...] = getattr(model, kind.value)
        timeout = model.timeout or _TIMEOUTS[kind]
        targets = self._targets.select((*place, kind.value), kind, words) if self._targets else []
        keeps_id = len(targets) == 1 and ALL not in words
        for target in targets:
            if kind is Kind.HEALTH:
                self._check_deadline(place, target, timeout)
            step_id = model.id if keeps_id else f"{model.id}-{target.name}"
            step = Step(step_id, kind, target.name, timeout, resume)
            yield self._deploy(step, model) if kind is Kind.DEPLOY else step

    def _deploy(self, step: Step, model: StepModel) -> Step:
        """A deploy step with what it says beyond its target; the plan and our defaults say the rest."""
        before = step.before if model.before is None else tuple(dict.fromkeys(model.before))
        strategy = model.strategy or self._promotion.strategy
        return replace(step, strategy=strategy, before=before, redeploy=bool(model.redeploy))

    def _check_deadline(self, place: Location, target: Target, timeout: float) -> None:
        deadline = target.health.deadline if target.health else 0.0
        if timeout < deadline:
            message = f"the timeout of {timeout:g}s is shorter than the deadline of the check, {deadline:g}s"
            self._document.report((*place, "timeout"), message, f"see 'health' of service {quoted(target.name)}")

    def _suite_steps(self, place: Location, model: StepModel, resume: ResumeClass) -> Iterator[Step]:
        gate_place = (*place, "gate")
        gate = read(GateModel, self._document, gate_place) if self._document.at(gate_place) is not None else None
        suites = self._suites.select((*place, Kind.SUITE.value), model.suite) if self._suites else []
        for suite in suites:
            yield Step(
                id=suite.id,
                kind=Kind.SUITE,
                subject=suite.id,
                timeout=model.timeout or suite.timeout,
                resume=resume,
                tags=frozenset({suite.priority, *suite.focus}),
                gate=self._gate(gate_place, suite, gate or GateModel()),
            )

    def _control_steps(self, place: Location, model: StepModel) -> Iterator[Step]:
        """A focus on a suite brings its control along."""
        suites = self._suites.select((*place, Kind.CONTROL.value), model.control) if self._suites else []
        yield from (Step.of_control(suite, model.timeout) for suite in suites)

    def _gate(self, place: Location, suite: Suite, gate: GateModel) -> Gate:
        """The gate of a suite: what its priority forgives, unless the step forgives less."""
        priority = self._priorities.get(suite.priority)
        tolerance = priority.tolerance if priority else Tolerance()
        chosen = gate.allowed_failures or tolerance
        if priority and _share(chosen) > _share(tolerance):
            message = f"'allowed_failures' {chosen} forgives more than {suite.priority} does, which is {tolerance}"
            self._document.report((*place, "allowed_failures"), message, "a gate may only be stricter")
        return Gate(chosen, gate.min_tests, gate.max_skipped, gate.min_duration, gate.mode)

    def _claim(self, step: Step, place: Location) -> None:
        """Take the id of a step, and the service that it deploys; report what is taken or reserved."""
        what = f"suite {quoted(step.id)} runs twice" if step.kind is Kind.SUITE else f"two steps are {quoted(step.id)}"
        self._take(self._made, step.id, (*place, step.kind.value), what)
        if step.kind in (Kind.DEPLOY, Kind.PROMOTE):
            what = (
                f"service {quoted(step.subject)} is {step.kind.value}{'ed' if step.kind is Kind.DEPLOY else 'd'} twice"
            )
            self._take(self._changed, (step.kind, step.subject), (*place, step.kind.value), what)
        if step.id in self._reserved and step.kind is not Kind.PROMOTE:
            message = f"step id {quoted(step.id)} is reserved"
            self._document.report((*place, "id"), message, "the loop does that itself after a deploy")

    def _take(self, taken: dict[Taken, Location], name: Taken, place: Location, message: str) -> None:
        first = taken.setdefault(name, place)
        if first != place:
            step = first[:-1]
            owner = f"step {quoted(self._document.text((*step, 'id')))} on line {self._document.line(step)}"
            self._document.report(place, message, f"first in {owner}")


def _share(tolerance: Tolerance) -> float:
    return tolerance.below_percent or 0.0
