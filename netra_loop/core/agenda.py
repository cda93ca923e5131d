"""Which acts an iteration consists of, which of them may start now, and which never will."""

from __future__ import annotations

import hashlib
from enum import Enum

from netra_loop.core.events import Act, Deployed
from netra_loop.core.outcome import Outcome, worst
from netra_loop.core.plan import RESUME_CLASSES, Kind, Phase, Plan, Step, When
from netra_loop.core.session import ActRecord, Iteration, Session

SHIFTS = frozenset({Kind.PROMOTE, Kind.RESTORE})
FOREIGN_CHANGE = "foreign_change"
SHIFT_TIMEOUT = 120.0  # seconds for a promote or a restore: an operation, the effective traffic, a few answers


class Standing(Enum):
    """Where one step of the plan stands in an iteration."""

    OUT_OF_FOCUS = "not in focus"
    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    ENDED = "ended"
    BLOCKED = "blocked"  # it was asked for and will not run any more


def act_of(session: Session, iteration: int, step: Step) -> Act:
    """The act that runs a plan's step in an iteration."""
    exclusive = session.plan.suite(step.subject).exclusive if step.kind is Kind.SUITE else ()
    holds = {f"service:{step.subject}"} if step.kind is Kind.DEPLOY else set(exclusive)
    return Act(
        id=f"{iteration}/{step.id}",
        kind=step.kind,
        iteration=iteration,
        step=step.id,
        subject=step.subject,
        key=act_key(session.id, iteration, step.id),
        resume=step.resume,
        timeout=step.timeout,
        holds=frozenset(holds),
    )


def shift_of(session: Session, iteration: int, kind: Kind, target: str) -> Act:
    """The act that promotes or restores a target after an iteration's phases."""
    step = f"{kind.value}-{target}"
    return Act(
        id=f"{iteration}/{step}",
        kind=kind,
        iteration=iteration,
        step=step,
        subject=target,
        key=act_key(session.id, iteration, step),
        resume=RESUME_CLASSES[kind],
        timeout=SHIFT_TIMEOUT,
        holds=frozenset({f"service:{target}"}),
    )


def act_key(session_id: str, iteration: int, step: str) -> str:
    """Ten characters that name one effect of one session: the same on every resume, different everywhere else."""
    return hashlib.sha256(f"{session_id}\n{iteration}\n{step}".encode()).hexdigest()[:10]


def standing(session: Session, iteration: Iteration, step: Step) -> Standing:
    """Where a step stands now. READY says its phase may run, not that its resources and a slot are free."""
    if step.id not in session.plan.selected:
        return Standing.OUT_OF_FOCUS
    record = iteration.of_step(step.id)
    if record is not None:
        return Standing.ENDED if record.result else Standing.RUNNING
    phase = session.plan.phase_of(step.id)
    gate = _phase_gate(session, iteration, phase)
    if gate is Standing.READY and (_closed(session, iteration) and phase.when is not When.ALWAYS):
        return Standing.BLOCKED
    return gate


def _closed(session: Session, iteration: Iteration) -> bool:
    """With fail_fast, the first act that did not pass closes the iteration for everything but `when: always`."""
    return session.plan.fail_fast and any(
        record.result and record.result.outcome is not Outcome.PASSED for record in iteration.acts.values()
    )


def _phase_gate(session: Session, iteration: Iteration, phase: Phase) -> Standing:
    """READY, WAITING or BLOCKED, from the phases this one needs; a phase fully out of focus stands in nobody's way."""
    needed = [need for need in session.plan.phases if need.id in phase.needs]
    outcomes = []
    for need in needed:
        outcome = phase_outcome(session, iteration, need)
        if outcome is None:
            return Standing.WAITING
        ran = any(iteration.of_step(step.id) for step in need.steps)
        outcomes.append(Outcome.PASSED if ran and not need.stops else outcome)
    passed = all(outcome in (Outcome.PASSED, Outcome.SKIPPED) for outcome in outcomes)
    match phase.when:
        case When.ALWAYS:
            return Standing.READY
        case When.PASSED:
            return Standing.READY if passed else Standing.BLOCKED
        case When.FAILED:
            return Standing.BLOCKED if passed else Standing.READY


def phase_outcome(session: Session, iteration: Iteration, phase: Phase) -> Outcome | None:
    """The worst outcome of a phase's steps; None while some may still run, SKIPPED when none was asked for."""
    outcomes = []
    for step in phase.steps:
        match standing(session, iteration, step):
            case Standing.OUT_OF_FOCUS:
                continue
            case Standing.BLOCKED:
                outcomes.append(Outcome.SKIPPED if phase.when is When.FAILED else Outcome.INCOMPLETE)
            case Standing.ENDED:
                outcomes.append(_result_outcome(iteration, step))
            case Standing.WAITING | Standing.READY | Standing.RUNNING:
                return None
    return worst(outcomes) if outcomes else Outcome.SKIPPED


def _result_outcome(iteration: Iteration, step: Step) -> Outcome:
    record = iteration.of_step(step.id)
    return record.result.outcome if record and record.result else Outcome.INCOMPLETE


def ready_steps(session: Session, iteration: Iteration) -> tuple[Step, ...]:
    """The steps that may start, in the order of the plan."""
    return tuple(s for s in session.plan.steps if standing(session, iteration, s) is Standing.READY)


def phases_over(session: Session, iteration: Iteration) -> bool:
    """Whether every step of the plan ended, is out of focus, or will not run any more."""
    return all(phase_outcome(session, iteration, phase) is not None for phase in session.plan.phases)


def candidates(plan: Plan, iteration: Iteration) -> tuple[Deployed, ...]:
    """What this iteration deployed, in the order of the plan."""
    found = (iteration.deployed(step.subject) for step in plan.steps if step.kind is Kind.DEPLOY)
    return tuple(deployed for deployed in found if deployed is not None)


def shifts_and_deploys(iteration: Iteration | None) -> tuple[ActRecord, ...]:
    """The acts of an iteration that change a service."""
    records = iteration.acts.values() if iteration else ()
    return tuple(record for record in records if record.act.kind in SHIFTS | {Kind.DEPLOY})


def is_foreign(record: ActRecord) -> bool:
    """Whether an act found that somebody else changed the service meanwhile, and touched nothing."""
    return record.result is not None and FOREIGN_CHANGE in record.result.reasons


def shifts_of(iteration: Iteration, kind: Kind) -> dict[str, ActRecord]:
    """The promotes, or the restores, of an iteration by target."""
    return {record.act.subject: record for record in iteration.of_kind(kind)}
