"""Which remedies a session knows, which it may apply, and what those it has applied change. Pure questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netra_loop.core.environment import RemedyMode, UserMode
from netra_loop.core.knowledge import RemedyKind, Seat
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.problem import Problem, Receipt, Remedy
from netra_loop.core.resources import Setting
from netra_loop.core.session import ActRecord, Iteration, Session, cured, diagnosed, undone
from netra_loop.core.target import Target

GOES_FIRST = "another remedy for some of the same tests goes first"
SAME_VARIABLE = "another remedy for the same variable goes first"
CODE_OR_IMAGE = "changed code and an earlier image cannot be deployed together: the other goes first"
EARLIER_IMAGE = "an earlier image is deployed, which a change of the code does not reach"
REMEDIES_ARE_OFF = "remedies are off"


def proposed(iteration: Iteration, remedy_id: str) -> Remedy:
    """The remedy of that id in an iteration's diagnosis."""
    found = diagnosed(iteration)
    return next(remedy for remedy in (found.remedies if found else ()) if remedy.id == remedy_id)


def applied(session: Session, number: int) -> tuple[Remedy, ...]:
    """The remedies that an iteration works with: those applied before it began, and not taken back."""
    earlier = session.iterations[: number - 1]
    gone = {remedy for each in earlier for remedy in undone(each)}
    return tuple(remedy for each in earlier for remedy in cured(each) if remedy.id not in gone)


def tried(session: Session, number: int) -> tuple[Remedy, ...]:
    """The remedies that somebody set about to apply before an iteration began, whatever came of it."""
    return tuple(
        proposed(each, record.act.subject)
        for each in session.iterations[: number - 1]
        for record in each.of_kind(Kind.CURE)
        if record.result
    )


def changes_of(session: Session, number: int, target: str) -> tuple[Remedy, ...]:
    """The applied remedies that change what an iteration deploys for a target; of one variable the newest counts."""
    ours = [r for r in applied(session, number) if r.kind.seat is Seat.SERVICE and r.target == target]
    if any(r.kind is RemedyKind.ROLLBACK for r in ours):  # an earlier image has none of the changed code in it
        ours = [r for r in ours if not r.kind.changes_code]
    return tuple({(r.kind, r.id if r.kind.changes_code else r.variable): r for r in ours}.values())


def code_of(session: Session, number: int, target: str) -> str:
    """The commit of the session's own copy that a target is deployed from; empty where it is the project's folder."""
    changes = any(remedy.kind.changes_code for remedy in changes_of(session, number, target))
    return tip(session, number) if changes else ""


def image_of(session: Session, number: int, target: str) -> Remedy | None:
    """The remedy that has an iteration deploy an earlier image for a target; None where none does."""
    ours = (remedy for remedy in changes_of(session, number, target) if remedy.kind is RemedyKind.ROLLBACK)
    return next(ours, None)


def tip(session: Session, number: int) -> str:
    """The newest commit of the session's own copy before an iteration began; empty for none."""
    results = [record.result for each in session.iterations[: number - 1] for record in each.acts.values()]
    receipts = (result.seen for result in reversed(results) if result and isinstance(result.seen, Receipt))
    return next((receipt.commit for receipt in receipts if receipt.commit), "")


def resources_of(session: Session, number: int, target: str) -> dict[Setting, str]:
    """What an iteration lets a target use otherwise than its service says: memory, concurrency and the like.

    A service passes what its newest revision had on to the next: what was taken back must be set to what it was.
    """
    ours = [r for r in tried(session, number) if r.kind is RemedyKind.SET_RESOURCES and r.target == target]
    now = {remedy.id for remedy in changes_of(session, number, target)}
    told = {Setting(r.variable): r.after if r.id in now else r.before for r in ours}
    return {setting: value for setting, value in told.items() if value}


def variables_of(session: Session, number: int, target: str) -> dict[str, str | None]:
    """What an iteration tells a target: where its dependencies are, its declared variables, changed by remedies."""
    ours = changes_of(session, number, target)
    changed = {remedy.variable: remedy.after for remedy in ours if remedy.kind is RemedyKind.SET_ENV}
    return declared_variables(session.plan.environment.target(target)) | changed


def declared_variables(target: Target) -> dict[str, str | None]:
    """What a target is told before anything is repaired: where its dependencies are, and its declared variables."""
    addresses = {each.variable: each.address for each in target.dependencies if each.variable}
    return addresses | dict(target.env)


def user_mode(session: Session, number: int) -> UserMode | None:
    """How an iteration shares its test users; None in an environment without any."""
    users = session.plan.environment.users
    if users is None:
        return None
    leased = any(remedy.kind is RemedyKind.LEASE_USERS for remedy in applied(session, number))
    return UserMode.EXCLUSIVE if leased else users.mode


def to_verify(session: Session, iteration: Iteration) -> dict[str, tuple[str, ...]]:
    """The tests that the remedies applied just before an iteration are to turn green, by suite in focus."""
    if iteration.number == 1:
        return {}
    in_focus = {s.subject for s in session.plan.steps if s.kind is Kind.SUITE and s.id in session.plan.selected}
    names = sorted({name for remedy in cured(session.iterations[iteration.number - 2]) for name in remedy.tests})
    suites = dict.fromkeys(name.suite for name in names if name.suite in in_focus)
    return {suite: tuple(name.test for name in names if name.suite == suite) for suite in suites}


def chosen(session: Session, iteration: Iteration) -> tuple[Remedy, ...]:
    """The remedies of an iteration's diagnosis that may be applied together."""
    return tuple(remedy for remedy, reason in considered(session, iteration) if not reason)


def is_agreed(session: Session, iteration: Iteration, remedy: Remedy) -> bool:
    """Whether a remedy may be set about: without asking, after a yes, or because its diff is what will be asked about.

    A change of code is seen before anything is asked, while it is made.
    """
    asked = answer_to(iteration, remedy)
    agreed = asked is not None and asked.result is not None and asked.result.outcome is Outcome.PASSED
    return agreed or remedy.kind.changes_code or mode_of(session.plan, remedy.kind) is RemedyMode.APPLY


def is_to_be_asked(session: Session, iteration: Iteration, remedy: Remedy) -> bool:
    """Whether a person has to agree to a remedy before it is set about, and was not asked."""
    asks = mode_of(session.plan, remedy.kind) is RemedyMode.ASK and not remedy.kind.changes_code
    return asks and answer_to(iteration, remedy) is None


def mode_of(plan: Plan, kind: RemedyKind) -> RemedyMode:
    """What may be done with remedies of a kind: what the plan says, or less where the environment says so."""
    modes = list(RemedyMode)
    return min(plan.remedies, plan.environment.remedy_modes.get(kind.value, plan.remedies), key=modes.index)


def considered(session: Session, iteration: Iteration) -> Iterator[tuple[Remedy, str]]:
    """Every remedy of an iteration's diagnosis, and why it is not to be applied; empty where it is.

    Of two for some of the same tests, for one variable, or of which one changes the code that the other has replaced,
    the first goes first; what a person declined, and what came to nothing, is in nobody's way.
    """
    found = diagnosed(iteration)
    before = tried(session, iteration.number)
    left = session.plan.budget.remedies - len(before)
    vain = {r.act.subject for r in iteration.of_kind(Kind.CURE) if r.result and r.result.outcome is not Outcome.PASSED}
    taken: set[object] = set()
    origins: dict[str, RemedyKind] = {}
    for remedy in found.remedies if found else ():
        reason = remedy.refusal or _obstacle(session, iteration, remedy, before)
        place = (remedy.kind, remedy.target, remedy.variable)
        if not reason and taken & set(remedy.tests):
            reason = GOES_FIRST
        if not reason and place in taken:
            reason = SAME_VARIABLE
        if not reason and left <= 0:
            reason = "the remedies of the budget are spent"
        origin = _origin(remedy)
        if not reason and origin and origins.get(remedy.target, origin) is not origin:
            reason = CODE_OR_IMAGE
        if not reason:
            left -= 1
            if remedy.id not in vain:
                taken |= {place, *remedy.tests}
                origins |= {remedy.target: origin} if origin else {}
        yield remedy, reason


def _origin(remedy: Remedy) -> RemedyKind | None:
    """Where a remedy has its service come from: a commit of the session's, an earlier image, None for no other."""
    if remedy.kind.changes_code:
        return RemedyKind.PATCH
    return RemedyKind.ROLLBACK if remedy.kind is RemedyKind.ROLLBACK else None


def _obstacle(session: Session, iteration: Iteration, remedy: Remedy, before: Sequence[Remedy]) -> str:
    plan = session.plan
    if mode_of(plan, remedy.kind) is RemedyMode.OFF:
        return REMEDIES_ARE_OFF
    if any(remedy.changes_the_same(other) for other in before):
        return "it was tried before and its tests are red again"
    deployed = {step.subject for step in plan.steps if step.kind is Kind.DEPLOY and step.id in plan.selected}
    if remedy.kind.seat is Seat.SERVICE and remedy.target not in deployed:
        return f"{remedy.target} is not deployed in this session"
    if remedy.kind.changes_code and image_of(session, iteration.number + 1, remedy.target) is not None:
        return EARLIER_IMAGE
    if remedy.kind.changes_code and session.git is None:
        return "the project has no commit of git, and code is only changed in a copy of one"
    if remedy.kind.changes_code and session.git and session.git.dirty:
        return "the project's commit does not hold all that is deployed, so code can only be changed after a commit"
    if remedy.kind is RemedyKind.AGENT and plan.budget.agent <= sum(r.kind is RemedyKind.AGENT for r in before):
        return "the agent's calls of the budget are spent"
    if iteration.number >= plan.budget.iterations:
        return "no iteration is left to verify it in"
    return refusal_of(iteration, remedy)


def refusal_of(iteration: Iteration, remedy: Remedy) -> str:
    """Why a person who was asked did not agree to a remedy; empty while nobody refused."""
    asked = answer_to(iteration, remedy)
    if asked is None or asked.result is None or asked.result.outcome is Outcome.PASSED:
        return ""
    return "; ".join(asked.result.reasons)


def for_the_agent(session: Session, problems: Sequence[Problem], remedies: Sequence[Remedy]) -> Iterator[Remedy]:
    """What the environment's agent is to repair: red tests of a service with a source, which nothing else treats.

    Each attempt at a problem is a remedy of its own.
    """
    if session.plan.environment.agent is None:
        return
    treated = {name for remedy in remedies if not remedy.refusal for name in remedy.tests}
    before = tried(session, len(session.iterations))
    for problem in problems:
        target = next(_sources(session.plan, problem), None)
        if target is None or treated & set(problem.tests):
            continue
        attempts = sum(each.kind is RemedyKind.AGENT and each.problem == problem.id for each in before)
        yield Remedy(
            id="",
            problem=problem.id,
            kind=RemedyKind.AGENT,
            target=target.name,
            variable="source",
            before="as it is",
            after=f"what the agent makes of it, attempt {attempts + 1}",
            tests=problem.tests,
            permanent="merge the session's branch",
        )


def _sources(plan: Plan, problem: Problem) -> Iterator[Target]:
    """The services with a source that a problem's tests were pointed at."""
    names = dict.fromkeys(name for test in problem.tests for name in plan.suite(test.suite).targets)
    return (target for name in names if (target := plan.environment.target(name)).source)


def answer_to(iteration: Iteration, remedy: Remedy) -> ActRecord | None:
    """What a person was asked about a remedy, None while nobody was."""
    return next((r for r in iteration.of_kind(Kind.ASK) if r.act.subject == remedy.id), None)
