"""How a step of the plan, or what follows from red, becomes an act: its id, key, time, and what it holds alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from netra_loop.core.environment import ANSWER_TIMEOUT, COMMAND_TIMEOUT
from netra_loop.core.events import Act
from netra_loop.core.plan import RESUME_CLASSES, Kind, Network, Plan, Step
from netra_loop.core.promotion import Strategy
from netra_loop.core.rollout import longest
from netra_loop.core.session import Session
from netra_loop.core.target import health_deadline

SHIFTS = frozenset({Kind.PROMOTE, Kind.RESTORE, Kind.ROLLBACK})
CHANGING = SHIFTS | {Kind.DEPLOY}
NETWORK = "network"
"""What a suite holds that must be the only one of ours to talk to the targets."""
CODE = "code"
"""What a remedy holds while it is applied or taken back: each change of code builds on the one before."""
_TIMEOUTS = {  # seconds
    Kind.PROMOTE: 120.0,  # an operation, the effective traffic, a few answers
    Kind.RESTORE: 120.0,
    Kind.DIAGNOSE: 120.0,
    Kind.ASK: ANSWER_TIMEOUT,
    Kind.CURE: 60.0,  # what git does; programs, checkers and persons have their own time beside it
    Kind.UNDO: 60.0,
}


def act_of(session: Session, iteration: int, step: Step) -> Act:
    """The act that runs a plan's step in an iteration."""
    holds = {f"service:{step.subject}"} if step.kind in CHANGING else set()
    if step.kind in (Kind.SUITE, Kind.CONTROL):
        suite = session.plan.suite(step.subject)
        needs_network = step.kind is Kind.SUITE and suite.network is Network.ALONE  # a control meets no target
        holds = {*suite.exclusive, *((NETWORK,) if needs_network else ())}
    return Act(
        id=f"{iteration}/{step.id}",
        kind=step.kind,
        iteration=iteration,
        step=step.id,
        subject=step.subject,
        key=act_key(session.id, iteration, step.id),
        resume=step.resume,
        timeout=step.timeout + _watching(session.plan, step.kind, step.subject),
        holds=frozenset(holds),
    )


def follow_up(session: Session, iteration: int, kind: Kind, subject: str = "") -> Act:
    """An act that no plan names, after an iteration's phases: about a target (shifts), a remedy, or all red tests."""
    step = f"{kind.value}-{subject}" if subject else kind.value
    alone = {Kind.ASK: "terminal", Kind.CURE: CODE, Kind.UNDO: CODE}
    holds = {f"service:{subject}"} if kind in SHIFTS else {alone[kind]} if kind in alone else set()
    return Act(
        id=f"{iteration}/{step}",
        kind=kind,
        iteration=iteration,
        step=step,
        subject=subject,
        key=act_key(session.id, iteration, step),
        resume=RESUME_CLASSES[kind],
        timeout=_TIMEOUTS[kind] + _beyond(session.plan, kind, subject),
        holds=frozenset(holds),
    )


def _beyond(plan: Plan, kind: Kind, subject: str) -> float:
    """The seconds that an act may need beyond itself: to watch what it shifts, or for what others do in it."""
    environment = plan.environment
    if kind is Kind.DIAGNOSE:
        return environment.diagnose.timeout if environment.diagnose else 0.0
    if kind is not Kind.CURE:
        return _watching(plan, kind, subject)
    program = max(COMMAND_TIMEOUT, environment.agent.timeout if environment.agent else 0.0)
    checker = 2 * environment.compliance.timeout if environment.compliance else 0.0  # before and after
    return program + checker + ANSWER_TIMEOUT


def _watching(plan: Plan, kind: Kind, subject: str) -> float:
    """The seconds that a shift may need beyond itself, to watch its stages or what it leads back to."""
    if kind is Kind.RESTORE:
        return health_deadline(plan.environment.target(subject))
    return longest(plan.promotion) if is_gradual(plan, kind, subject) else 0.0


def is_gradual(plan: Plan, kind: Kind, subject: str) -> bool:
    """Whether an act shifts traffic in stages, so that it takes its time and may be stopped between them."""
    return kind is Kind.PROMOTE and plan.strategy(subject) is Strategy.GRADUAL


def verification_of(session: Session, iteration: int, step: Step) -> Act:
    """The act that runs those tests of a suite alone that remedies are to turn green."""
    act = act_of(session, iteration, step)
    name = f"{Kind.VERIFY.value}-{step.id}"
    key = act_key(session.id, iteration, name)
    return replace(act, id=f"{iteration}/{name}", kind=Kind.VERIFY, step=name, key=key)


def act_key(session_id: str, iteration: int, step: str) -> str:
    """Ten characters that name one effect of one session: the same on every resume, different everywhere else."""
    return hashlib.sha256(f"{session_id}\n{iteration}\n{step}".encode()).hexdigest()[:10]
