"""What one session says for the history of its project, and what the history says of this session. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from netra_loop.core.codec import timestamp
from netra_loop.core.events import GoodRevision, TestResult
from netra_loop.core.goodness import good_revisions
from netra_loop.core.ledger import RemedyState, ledger
from netra_loop.core.outcome import RED_OUTCOMES, Outcome, TestOutcome
from netra_loop.core.past import RED_MARKS, Mark, OpenAction, Past, Refuted
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Problem, TestName
from netra_loop.core.results import red_tests, results_of
from netra_loop.core.seen import Deployed
from netra_loop.core.session import Iteration, Session, cured, diagnosed

LONG = 3  # sessions in a row after which a problem is told to be there to stay


@dataclass(frozen=True, slots=True)
class TestEnd:
    """How a test ended in a session; duration in seconds, None where unknown."""

    __test__ = False

    name: TestName
    mark: Mark
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Chapter:
    """All that the history keeps of a session. commit: the same for two sessions that tested the very same, else empty.

    tests: among them every step that is no suite, as a test of none. problems: each signature once, as it was diagnosed
    last.
    """

    session_id: str
    environment: str
    focus: str
    started: str
    ended: str
    verdict: str
    commit: str
    good: tuple[GoodRevision, ...]
    tests: tuple[TestEnd, ...]
    problems: tuple[Problem, ...]
    refuted: tuple[Refuted, ...]
    actions: tuple[OpenAction, ...]


class Recurrence(Enum):
    """What the history says of a problem.

    FLAKY: without a root cause, and it was gone before with nothing changed in between, or all of its tests have passed
    on a retry.
    """

    NEW = "new"
    RECURRING = "recurring"
    FLAKY = "flaky"
    FIXED_AND_BACK = "fixed and back"


def chapter_of(session: Session, actions: Collection[Mapping[str, str]]) -> Chapter:
    """What a session says for the index; actions: its next actions, each with id, horizon and text."""
    return Chapter(
        session_id=session.id,
        environment=session.plan.environment.name,
        focus=session.plan.focus,
        started=timestamp(session.opened),
        ended=timestamp(session.at),
        verdict=session.verdict.colour.value if session.verdict else "",
        commit=_tested(session),
        good=good_revisions(session),
        tests=tuple(_ends(session).values()),
        problems=tuple({each.signature: each for each in _problems(session)}.values()),
        refuted=tuple(_refuted(session)),
        actions=tuple(_open(session, actions)),
    )


def _tested(session: Session) -> str:
    """A digest of the commit of the tests, and of source, image and variables of every service that was deployed.

    Empty where one of them is not known, where nothing was deployed, and where a remedy changed it meanwhile.
    """
    deploys = (record for iteration in session.iterations for record in iteration.of_kind(Kind.DEPLOY))
    seen = [record.result.seen for record in deploys if record.result]
    settings = {each.target: each.settings for each in seen if isinstance(each, Deployed)}
    changed = any(cured(iteration) for iteration in session.iterations)
    if session.git is None or session.git.dirty or changed or not settings or not all(settings.values()):
        return ""
    told = json.dumps([session.git.sha, sorted(settings.items())])
    return hashlib.sha256(told.encode()).hexdigest()[:40]


def concerned(problem: Problem) -> frozenset[TestName]:
    """The tests that a problem is about, and its steps, each as a test of no suite."""
    return frozenset((*problem.tests, *(TestName("", step) for step in problem.steps)))


def recurrence(past: Past, problem: Problem, retried: Collection[TestName]) -> Recurrence:
    """Whether a problem was there before, by its signature; retried: the tests that passed on a retry."""
    sighting = past.sighting(problem.signature)
    came_and_went = concerned(problem).issubset(retried) or (sighting is not None and sighting.same_commit)
    if came_and_went and not problem.root_cause:
        return Recurrence.FLAKY
    if sighting is None:
        return Recurrence.NEW
    return Recurrence.FIXED_AND_BACK if sighting.gone_in else Recurrence.RECURRING


def in_a_row(session: Session, problem: Problem) -> tuple[int, str]:
    """In how many sessions in a row a problem was seen, this one included, and in which of them first."""
    sighting = session.past.sighting(problem.signature)
    if sighting is None or sighting.gone_in:
        return 1, session.id
    return sighting.in_a_row + 1, sighting.row_began


def still_open(session: Session) -> tuple[OpenAction, ...]:
    """The next actions of earlier sessions that are about something which this one has not proven."""
    proven = _proven(session, session.current) if session.current else frozenset()
    return tuple(each for each in session.past.actions if not proven.issuperset(each.about))


def _ends(session: Session) -> dict[TestName, TestEnd]:
    """How every test ended, by the newest iteration that ran it."""
    ends: dict[TestName, TestEnd] = {}
    for name, result in _results(session):
        before = ends.get(name)
        mark = _mark(result, was_red=before is not None and before.mark in RED_MARKS)
        if before is None or mark is not Mark.NONE:
            ends[name] = TestEnd(name, mark, result.duration_s)
    return ends | _steps(session)


def _steps(session: Session) -> dict[TestName, TestEnd]:
    """How every step that is no suite ended, by the newest iteration that ran it."""
    ends: dict[TestName, TestEnd] = {}
    for record in (record for iteration in session.iterations for record in iteration.acts.values()):
        if record.result and record.act.kind is not Kind.SUITE:
            name = TestName("", record.act.step)
            was_red = name in ends and ends[name].mark in RED_MARKS
            passed = Mark.REPAIRED if was_red else Mark.COUNTED
            ends[name] = TestEnd(name, passed if record.result.outcome is Outcome.PASSED else Mark.RED, None)
    return ends


def _results(session: Session) -> Iterator[tuple[TestName, TestResult]]:
    for iteration in session.iterations:
        for record in iteration.of_kind(Kind.SUITE):
            for result in results_of(session, record):
                yield TestName(record.act.subject, result.id), result


def _mark(result: TestResult, *, was_red: bool) -> Mark:
    if result.outcome in RED_OUTCOMES:
        return Mark.RED
    if result.outcome is not TestOutcome.PASSED:
        return Mark.NONE
    if result.attempt > 1:
        return Mark.RETRIED
    if result.proof is None or not result.proof.counts:
        return Mark.UNPROVEN
    return Mark.REPAIRED if was_red else Mark.COUNTED


def retried_tests(session: Session) -> set[TestName]:
    """The tests that passed on a retry, now or in the newest sessions before."""
    now = {name for name, result in _results(session) if _mark(result, was_red=False) is Mark.RETRIED}
    before = {
        TestName(suite.suite, test)
        for suite in session.past.suites
        for test in suite.tests
        if Mark.RETRIED in suite.marks(test)
    }
    return now | before


def _problems(session: Session) -> Iterator[Problem]:
    for iteration in session.iterations:
        found = diagnosed(iteration)
        yield from found.problems if found else ()


def _refuted(session: Session) -> Iterator[Refuted]:
    """The causes whose remedies, as far as they were applied, left their tests red.

    Code that was changed in vain says nothing of the cause: it may have been the wrong code.
    """
    lines = ledger(session)
    verified = {line.remedy.problem for line in lines if line.state is RemedyState.VERIFIED}
    for line in lines:
        cause = line.remedy.problem
        if line.is_refuted and not line.remedy.kind.changes_code and cause not in verified:
            found = diagnosed(session.iterations[line.iteration - 1])
            for problem in found.problems if found else ():
                if problem.id == cause:
                    yield from (Refuted(each, cause, session.id) for each in problem.shapes or (problem.signature,))


def _open(session: Session, actions: Collection[Mapping[str, str]]) -> Iterator[OpenAction]:
    """The next actions that counted passes of some tests or suites would close; all others tell of their session."""
    earlier = {each.id: each for each in session.past.actions}
    for action in actions:
        known = earlier.get(action["id"])
        about = _about(session, action["id"]) or (known.about if known else ())
        if about:
            since = known.since if known else session.id
            yield OpenAction(action["id"], action["horizon"], action["text"], since, about)


def _about(session: Session, action_id: str) -> tuple[str, ...]:
    """The tests, or the suite, that a next action is about, by its id: `red:SUITE`, `problem:ID`, `REASON:SUITE` ..."""
    rule, _, subject = action_id.partition(":")
    newest = session.current
    if newest is None:
        return ()
    names: set[TestName] = set()
    if rule == "red":
        names = {name for name in red_tests(session, newest) if name.suite == subject}
    elif rule in ("problem", "recurring"):
        names = {name for problem in _problems(session) if problem.id == subject for name in concerned(problem)}
    elif rule == "remedy":
        names = {name for line in ledger(session) if line.remedy.problem == subject for name in line.remedy.tests}
    elif any(subject == record.act.subject for record in newest.of_kind(Kind.SUITE)):
        return (subject,)
    return tuple(f"{name.suite}::{name.test}" for name in sorted(names))


def _proven(session: Session, iteration: Iteration) -> frozenset[str]:
    """What passed in an iteration, as next actions name it: suites, tests whose passes count, and other steps."""
    records = iteration.of_kind(Kind.SUITE)
    passed = {r.act.subject for r in records if r.result and r.result.outcome is Outcome.PASSED}
    counted = {
        f"{record.act.subject}::{result.id}"
        for record in records
        for result in results_of(session, record)
        if result.outcome is TestOutcome.PASSED and result.proof is not None and result.proof.counts
    }
    done = (r.act.step for r in iteration.acts.values() if r.result and r.result.outcome is Outcome.PASSED)
    return frozenset(passed | counted | {f"::{step}" for step in done})
