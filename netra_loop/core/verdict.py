"""What a session's evidence amounts to. Pure; the worst finding names the colour."""

from __future__ import annotations

from collections.abc import Iterator

from netra_loop.core.agenda import AFTERMATH, candidates, has_way_back, is_foreign, phase_outcome, shifts_of
from netra_loop.core.events import Verdict
from netra_loop.core.health import is_down
from netra_loop.core.outcome import EXIT_CODES, Colour, Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.results import red_tests, results_of
from netra_loop.core.seen import HealthSeen
from netra_loop.core.session import ActRecord, Iteration, Session, suite_seen
from netra_loop.core.suites import count_proofs

_COLOURS = {Outcome.FAILED: Colour.RED, Outcome.ERRORED: Colour.ERROR, Outcome.INCOMPLETE: Colour.INCOMPLETE}
_ORDER = list(Colour)
_GREEN_REASON = "every suite within its gate, every pass proven"
_NOT_PROVEN = "what {} serves is not proven good"
_CONTROLLED_REASON = "every test fails without its target"

Finding = tuple[Colour, str]


def conclude(session: Session) -> Verdict:
    """The verdict of the newest iteration as it stands; whatever has not ended yet counts as INCOMPLETE."""
    iteration = session.current
    if iteration is None:
        return _verdict(Colour.INCOMPLETE, "nothing ran")
    if session.plan.only_rolls_back:
        return _rolled_back(session, iteration)
    evidence = _evidence(session, iteration)
    exposed = [(Colour.UNSAFE, _NOT_PROVEN.format(target)) for target in _exposed(session, iteration) if evidence]
    findings = [*_shifts(iteration), *exposed, *evidence]
    if not findings:
        return _verdict(Colour.GREEN, _green_reason(session, iteration))
    colour = min((colour for colour, _ in findings), key=_ORDER.index)
    reasons = dict.fromkeys(reason for each, reason in findings if each is colour)
    return _verdict(colour, "; ".join(reasons))


def _evidence(session: Session, iteration: Iteration) -> list[Finding]:
    """What speaks against an iteration, its shifts of traffic left aside."""
    return [
        *_acts(session, iteration),
        *_verifications(iteration),
        *_tests(session, iteration),
        *_revisions(session, iteration),
    ]


def unsafe_targets(session: Session) -> tuple[str, ...]:
    """The targets for which an UNSAFE session is UNSAFE; none for any other."""
    iteration = session.current
    if iteration is None or session.verdict is None or session.verdict.colour is not Colour.UNSAFE:
        return ()
    if session.plan.only_rolls_back:
        return tuple(step.subject for step in session.plan.steps if not _passed(iteration.of_step(step.id)))
    exposed = _exposed(session, iteration) if _evidence(session, iteration) else ()
    return tuple(dict.fromkeys((*_unproven(iteration), *exposed)))


def _rolled_back(session: Session, iteration: Iteration) -> Verdict:
    """Needs no test: the revisions were proven by those who went before, and looked at before and after the shift."""
    records = [(step, iteration.of_step(step.id)) for step in session.plan.steps]
    failed = [(step, record) for step, record in records if not _passed(record)]
    if not failed:
        gone = ", ".join(f"{step.subject} to {step.revision}" for step, _ in records)
        return _verdict(Colour.GREEN, f"rolled back {gone}")
    whys = (
        f"{step.subject} was not rolled back to {step.revision}"
        + (f": {'; '.join(record.result.reasons)}" if record and record.result else "")
        for step, record in failed
    )
    return _verdict(Colour.UNSAFE, "; ".join(whys))


def _green_reason(session: Session, iteration: Iteration) -> str:
    """With what is only observed and did not pass, since that is no part of the claim."""
    if session.plan.meets_no_target:
        return _CONTROLLED_REASON
    if degraded(iteration):
        return "degraded"
    if unchecked := [target.name for target in session.plan.environment.targets if target.insecure]:
        return f"{_GREEN_REASON}; certificates not checked: {', '.join(unchecked)}"
    suites = (r for r in iteration.of_kind(Kind.SUITE) if session.plan.only_observes(r.act.step))
    badly = [f"{r.act.step} {r.result.outcome.value}" for r in suites if r.result and r.result.outcome in _COLOURS]
    return f"{_GREEN_REASON}; only observed: {', '.join(badly)}" if badly else _GREEN_REASON


def stopped(session: Session, reason: str, exit_code: int) -> Verdict:
    """The verdict of a stopped session: its colour is what was seen, at best INCOMPLETE; UNSAFE keeps its code."""
    verdict = conclude(session)
    colour = Colour.INCOMPLETE if verdict.colour is Colour.GREEN else verdict.colour
    told = reason if verdict.colour is Colour.GREEN else f"{reason}; {verdict.reason}"
    return Verdict(colour, told, EXIT_CODES[colour] if colour is Colour.UNSAFE else exit_code)


def _verdict(colour: Colour, reason: str) -> Verdict:
    return Verdict(colour, reason, EXIT_CODES[colour])


def _shifts(iteration: Iteration) -> Iterator[Finding]:
    """A promote that did not end well leaves the environment unsafe until what served before is proven back."""
    for target, promote in shifts_of(iteration, Kind.PROMOTE).items():
        if is_foreign(promote):
            yield Colour.ERROR, f"somebody else changed {target}"
        elif promote.result and promote.result.outcome is not Outcome.PASSED and target not in _unproven(iteration):
            yield _COLOURS[promote.result.outcome], f"{promote.act.step} {promote.result.outcome.value}, restored"
    for target in _unproven(iteration):
        yield Colour.UNSAFE, _NOT_PROVEN.format(target)


def _unproven(iteration: Iteration) -> tuple[str, ...]:
    """The targets whose newest shift has not ended well; a promote that found a foreign change shifted nothing."""
    promotes = {target: r for target, r in shifts_of(iteration, Kind.PROMOTE).items() if not is_foreign(r)}
    newest = promotes | shifts_of(iteration, Kind.RESTORE)
    return tuple(target for target, record in newest.items() if not _passed(record))


def _passed(record: ActRecord | None) -> bool:
    return record is not None and record.result is not None and record.result.outcome is Outcome.PASSED


def _exposed(session: Session, iteration: Iteration) -> Iterator[str]:
    """The targets whose revisions got traffic before everything had passed, and could still lose it."""
    promotes, restores = shifts_of(iteration, Kind.PROMOTE), shifts_of(iteration, Kind.RESTORE)
    for deployed in candidates(session.plan, iteration):
        shifted = deployed.target in promotes and deployed.target not in restores
        if shifted and session.plan.promotes_early(deployed.target) and has_way_back(deployed):
            yield deployed.target


def _acts(session: Session, iteration: Iteration) -> Iterator[Finding]:
    for phase in session.plan.phases:
        if not (phase.required or session.plan.meets_no_target):
            continue
        for step in phase.steps:
            record = iteration.of_step(step.id)
            if record and record.result and _counts_against(session, record):
                yield _COLOURS[record.result.outcome], f"{step.id} {record.result.outcome.value}"
        if phase_outcome(session, iteration, phase) in (None, Outcome.INCOMPLETE):
            yield Colour.INCOMPLETE, f"phase {phase.id} incomplete"


def _counts_against(session: Session, record: ActRecord) -> bool:
    ended_badly = record.result is not None and record.result.outcome in _COLOURS
    return ended_badly and not session.plan.only_observes(record.act.step)


def _verifications(iteration: Iteration) -> Iterator[Finding]:
    """A red test is red also where it ran only to verify a remedy, because the suite itself did not run."""
    ran = {record.act.subject for record in iteration.of_kind(Kind.SUITE)}
    for record in iteration.of_kind(Kind.VERIFY):
        if record.result and record.result.outcome is Outcome.FAILED and record.act.subject not in ran:
            yield Colour.RED, f"{record.act.step} failed"


def _tests(session: Session, iteration: Iteration) -> Iterator[Finding]:
    """Some pass must count, and every service that was deployed must have been met by one that does.

    Where controls are all that was asked for, no pass is: they alone decide.
    """
    if session.plan.meets_no_target:
        return
    suites = [r for r in iteration.of_kind(Kind.SUITE) if not session.plan.only_observes(r.act.step)]
    proven = [r.act.subject for r in suites if count_proofs(results_of(session, r)).counted]
    if not proven:
        yield Colour.INCOMPLETE, "no test passed with proof"
    met = {target for suite in proven for target in session.plan.suite(suite).targets}
    for deployed in candidates(session.plan, iteration):
        if proven and deployed.target not in met:
            yield Colour.INCOMPLETE, f"no counted pass met {deployed.target}"


def _revisions(session: Session, iteration: Iteration) -> Iterator[Finding]:
    """Suites and health checks must have met one known revision of each target, the deployed one where one was."""
    met: dict[str, set[str]] = {d.target: {d.revision} for d in candidates(session.plan, iteration)}
    for record in iteration.of_kind(Kind.SUITE):
        seen = suite_seen(record)
        for target, revision in (seen.revisions if seen else {}).items():
            met.setdefault(target, set()).add(revision)
    for record in iteration.of_kind(Kind.HEALTH):
        if record.result and isinstance(record.result.seen, HealthSeen) and record.result.seen.revision:
            met.setdefault(record.act.subject, set()).add(record.result.seen.revision)
    for target, revisions in met.items():
        if "" in revisions:
            yield Colour.INCOMPLETE, f"the revision of {target} is not known"
        elif len(revisions) > 1:
            yield Colour.INCOMPLETE, f"{target} changed its revision while it was tested"


def degraded(iteration: Iteration) -> bool:
    """Whether an optional dependency was seen down."""
    seen = (record.result.seen for record in iteration.acts.values() if record.result)
    return any(
        not dependency.required and is_down(dependency)
        for health in seen
        if isinstance(health, HealthSeen)
        for dependency in health.dependencies
    )


def failing(session: Session, iteration: Iteration) -> frozenset[str]:
    """What an iteration must do better than the one before: its acts without a pass, and its red tests by name."""
    looking = (r for r in iteration.acts.values() if r.act.kind not in AFTERMATH | {Kind.VERIFY})
    acts = {r.act.step for r in looking if _counts_against(session, r)}
    red = (name for name in red_tests(session, iteration) if not session.plan.only_observes(name.suite))
    return frozenset(acts | {f"{name.suite}::{name.test}" for name in red})
