"""Which acts an iteration consists of, which of them may start now, and which never will."""

from __future__ import annotations

from enum import Enum

from netra_loop.core.acts import CHANGING, act_of, follow_up, verification_of
from netra_loop.core.events import Act
from netra_loop.core.order import failing_first
from netra_loop.core.outcome import Outcome, worst
from netra_loop.core.peers import calls_of, first_of
from netra_loop.core.plan import Kind, Phase, Plan, Step, When
from netra_loop.core.promotion import Strategy
from netra_loop.core.remediation import chosen, is_agreed, is_to_be_asked, to_verify
from netra_loop.core.results import failed_steps, red_tests
from netra_loop.core.seen import Deployed
from netra_loop.core.session import ActRecord, Iteration, Session

AFTERMATH = frozenset({Kind.DIAGNOSE, Kind.ASK, Kind.CURE, Kind.UNDO})
FOREIGN_CHANGE = "foreign_change"


class Standing(Enum):
    """Where one step of the plan stands in an iteration."""

    OUT_OF_FOCUS = "not in focus"
    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    ENDED = "ended"
    BLOCKED = "blocked"  # it was asked for and will not run any more


def standing(session: Session, iteration: Iteration, step: Step) -> Standing:
    """Where a step stands now. READY says its phase may run, not that its resources and a slot are free."""
    if step.id not in session.plan.selected:
        return Standing.OUT_OF_FOCUS
    record = iteration.of_step(step.id)
    if record is not None:
        over = record.result and not _awaits_traffic(session.plan, iteration, record)
        return Standing.ENDED if over else Standing.RUNNING
    phase = session.plan.phase_of(step.id)
    gate = _phase_gate(session, iteration, phase)
    if gate is Standing.READY and (_closed(session, iteration) and phase.when is not When.ALWAYS):
        return Standing.BLOCKED
    return gate


def _awaits_traffic(plan: Plan, iteration: Iteration, record: ActRecord) -> bool:
    """Whether a direct deploy still has to get its traffic: without that it is not over."""
    promote = shifts_of(iteration, Kind.PROMOTE).get(record.act.subject)
    return is_direct(plan, record) and (promote is None or promote.result is None)


def is_direct(plan: Plan, record: ActRecord) -> bool:
    """Whether an act has deployed a revision that is to get all traffic at once."""
    deploys = record.act.kind is Kind.DEPLOY and plan.strategy(record.act.subject) is Strategy.DIRECT
    return deploys and record.result is not None and record.result.outcome is Outcome.PASSED


def _closed(session: Session, iteration: Iteration) -> bool:
    """With fail_fast, the first act that did not pass closes the iteration for everything but `when: always`."""
    return session.plan.fail_fast and any(did_not_pass(session.plan, record) for record in iteration.acts.values())


def did_not_pass(plan: Plan, record: ActRecord) -> bool:
    """Whether an act ended otherwise than well, and that decides something."""
    ended = record.result is not None and record.result.outcome is not Outcome.PASSED
    return ended and not plan.only_observes(record.act.step)


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
                observed = session.plan.only_observes(step.id)
                outcomes.append(Outcome.PASSED if observed else _result_outcome(session.plan, iteration, step))
            case Standing.WAITING | Standing.READY | Standing.RUNNING:
                return None
    return worst(outcomes) if outcomes else Outcome.SKIPPED


def _result_outcome(plan: Plan, iteration: Iteration, step: Step) -> Outcome:
    """How a step's act ended; a direct deploy is as good as its shift."""
    record = iteration.of_step(step.id)
    if record and is_direct(plan, record):
        record = shifts_of(iteration, Kind.PROMOTE).get(step.subject)
    return record.result.outcome if record and record.result else Outcome.INCOMPLETE


def ready_acts(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    """The acts that may start, in the order of the plan.

    Before the suites of an iteration that follows remedies, the tests that these are to turn green run alone. A suite
    waits for its control, as far as that can run: what it says decides what the suite's passes are worth. Of one
    priority the suites that were red last time go first. A deploy waits for those of its peers, whose URLs it is told;
    a direct one is followed by its shift.
    """
    controlled = _under_control(session, iteration)
    first = _first_to_deploy(session, iteration)
    ready = [
        step
        for step in session.plan.steps
        if standing(session, iteration, step) is Standing.READY
        and not (step.kind is Kind.SUITE and step.subject in controlled)
        and not (step.kind is Kind.DEPLOY and step.subject not in first)
    ]
    ready = failing_first(session, ready)
    shifts = _direct_shifts(session, iteration)
    suites = [step for step in ready if step.kind is Kind.SUITE]
    unverified = _verifications(session, iteration) if suites else ()
    if unverified:
        begun = {record.act.id for record in iteration.of_kind(Kind.VERIFY)}
        others = [act_of(session, iteration.number, step) for step in ready if step.kind is not Kind.SUITE]
        return (*shifts, *others, *(act for act in unverified if act.id not in begun))
    return (*shifts, *(act_of(session, iteration.number, step) for step in ready))


def _first_to_deploy(session: Session, iteration: Iteration) -> frozenset[str]:
    """The targets whose deploy waits for none of those that may start or run."""
    ahead = (Standing.READY, Standing.RUNNING)
    deploys = (step for step in session.plan.steps if step.kind is Kind.DEPLOY)
    return first_of(
        [step.subject for step in deploys if standing(session, iteration, step) in ahead],
        calls_of(session.plan.environment.targets),
    )


def _direct_shifts(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    begun = shifts_of(iteration, Kind.PROMOTE)
    deploys = (record for record in iteration.of_kind(Kind.DEPLOY) if is_direct(session.plan, record))
    subjects = (record.act.subject for record in deploys if record.act.subject not in begun)
    return tuple(follow_up(session, iteration.number, Kind.PROMOTE, subject) for subject in subjects)


def _under_control(session: Session, iteration: Iteration) -> frozenset[str]:
    """The suites whose control may start or runs."""
    ahead = (Standing.READY, Standing.RUNNING)
    controls = (step for step in session.plan.steps if step.kind is Kind.CONTROL)
    return frozenset(step.subject for step in controls if standing(session, iteration, step) in ahead)


def _verifications(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    """The verifications of an iteration that may run, as far as deploys and checks go, and have not ended yet."""
    wanted = to_verify(session, iteration)
    suites = [step for step in session.plan.steps if step.kind is Kind.SUITE and step.subject in wanted]
    steps = [step for step in suites if _is_prepared(session, iteration, step)]
    ended = {record.act.id for record in iteration.of_kind(Kind.VERIFY) if record.result}
    acts = (verification_of(session, iteration.number, step) for step in steps)
    return tuple(act for act in acts if act.id not in ended)


def _is_prepared(session: Session, iteration: Iteration, suite: Step) -> bool:
    """Whether every step that a suite needs has ended or never will, suites left aside: they are no precondition."""
    needed = session.plan.needed_by({suite.id})
    over = (Standing.ENDED, Standing.BLOCKED, Standing.OUT_OF_FOCUS)
    return all(standing(session, iteration, step) in over for step in session.plan.steps if step.id in needed)


def after_red(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    """What is to be done about red tests and steps: find causes, ask about every remedy, apply the agreed ones."""
    if not iteration.of_kind(Kind.DIAGNOSE):
        environment = session.plan.environment
        can_tell = session.plan.knowledge or environment.diagnose or environment.agent
        worth_it = can_tell and (red_tests(session, iteration) or failed_steps(iteration))
        return (follow_up(session, iteration.number, Kind.DIAGNOSE),) if worth_it else ()
    possible = chosen(session, iteration)
    unasked = tuple(remedy for remedy in possible if is_to_be_asked(session, iteration, remedy))
    if unasked:
        return tuple(follow_up(session, iteration.number, Kind.ASK, remedy.id) for remedy in unasked)
    begun = {record.act.subject for record in iteration.of_kind(Kind.CURE)}
    return tuple(
        follow_up(session, iteration.number, Kind.CURE, remedy.id)
        for remedy in possible
        if remedy.id not in begun and is_agreed(session, iteration, remedy)
    )


def phases_over(session: Session, iteration: Iteration) -> bool:
    """Whether every step of the plan ended, is out of focus, or will not run any more."""
    return all(phase_outcome(session, iteration, phase) is not None for phase in session.plan.phases)


def candidates(plan: Plan, iteration: Iteration) -> tuple[Deployed, ...]:
    """What this iteration deployed, in the order of the plan."""
    found = (iteration.deployed(step.subject) for step in plan.steps if step.kind is Kind.DEPLOY)
    return tuple(deployed for deployed in found if deployed is not None)


def has_way_back(deployed: Deployed) -> bool:
    """Whether something else had traffic before."""
    return any(share.percent and share.revision != deployed.revision for share in deployed.traffic_before)


def shifts_and_deploys(iteration: Iteration | None) -> tuple[ActRecord, ...]:
    """The acts of an iteration that change a service."""
    records = iteration.acts.values() if iteration else ()
    return tuple(record for record in records if record.act.kind in CHANGING)


def is_foreign(record: ActRecord) -> bool:
    """Whether an act found that somebody else changed the service meanwhile, and touched nothing."""
    return record.result is not None and FOREIGN_CHANGE in record.result.reasons


def shifts_of(iteration: Iteration, kind: Kind) -> dict[str, ActRecord]:
    """The promotes, or the restores, of an iteration by target.

    A restore before the newest try to promote, as after a resume, has taken back nothing of that.
    """
    found = {record.act.subject: record for record in iteration.of_kind(kind)}
    if kind is not Kind.RESTORE:
        return found
    promotes = shifts_of(iteration, Kind.PROMOTE)
    return {t: record for t, record in found.items() if t not in promotes or promotes[t].begun <= record.begun}
