"""Red tests, matched to the known causes: each problem with its tests and the whys as far as evidence carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from netra_loop.core.knowledge import Cause, CheckText, PassedSpared, PassedWarm, StepText
from netra_loop.core.problem import Problem, Remedy, TestName, Why, WhyStatus
from netra_loop.diagnosis.looks import MOST_FAILURES, Trail, counted, errors, follow, quoted, wanted
from netra_loop.diagnosis.scene import Failure, LogEntry, Scene
from netra_loop.diagnosis.signatures import gist, shape, signature
from netra_loop.diagnosis.treatment import remedy_for


def diagnose(knowledge: Sequence[Cause], scene: Scene) -> tuple[tuple[Problem, ...], tuple[Remedy, ...]]:
    """Every problem, in the order of the knowledge, then what nothing known explains; and a remedy where one fits.

    Remedies carry no id yet: they get one by the session they are proposed in.
    """
    problems: list[Problem] = []
    remedies: list[Remedy] = []
    for cause in knowledge:
        problem, trail = _examined(cause, scene)
        if problem is None or trail is None:
            continue
        problem = _unless_refuted(problem, scene)
        problems.append(problem)
        if problem.root_cause and cause.treatment is not None:
            _add(remedies, remedy_for(cause, cause.treatment, scene, trail))
    problems = _without_guesses(_without_rivals(problems, knowledge))
    explained: set[TestName | str] = set()
    explained.update(*(problem.tests for problem in problems), *(problem.steps for problem in problems))
    return (*problems, *_unexplained(scene, explained)), tuple(remedies)


def _without_rivals(problems: Sequence[Problem], knowledge: Sequence[Cause]) -> list[Problem]:
    """The problems; where a contrast confirms several for one test, none of them is confirmed: it fits them all."""
    contrasted = {cause.id for cause in knowledge if isinstance(cause.whys[-1].look, PassedSpared | PassedWarm)}
    rivals = [each for each in problems if each.root_cause and each.id in contrasted]
    claims = Counter(name for problem in rivals for name in problem.tests)
    torn = {problem.id for problem in rivals if any(claims[name] > 1 for name in problem.tests)}
    return [_undecided(each) if each.id in torn else each for each in problems]


def _undecided(problem: Problem) -> Problem:
    claim = "Another cause fits the same tests as well, so neither is the reason until one is ruled out"
    why = Why(claim, WhyStatus.HYPOTHESIS, undecided="which of the quoted entries the failed request wrote")
    return replace(problem, whys=(*problem.whys, why), root_cause="")


def _without_guesses(problems: Sequence[Problem]) -> list[Problem]:
    """The confirmed problems, and of the others those that are the only word on some test or step.

    A text that fits several causes, as `500` does, points to none of them.
    """
    explained = {name for problem in problems if problem.root_cause for name in (*problem.tests, *problem.steps)}
    problems = [each for each in problems if each.root_cause or {*each.tests, *each.steps} - explained]
    claims = Counter(name for problem in problems for name in (*problem.tests, *problem.steps))
    alone = {name for name, count in claims.items() if count == 1}
    return [each for each in problems if not _is_guess(each) or alone & {*each.tests, *each.steps}]


def _is_guess(problem: Problem) -> bool:
    """Whether nothing but the failure texts was seen."""
    return [why.status for why in problem.whys[1:]] == [WhyStatus.HYPOTHESIS]


def _add(remedies: list[Remedy], remedy: Remedy) -> None:
    """One more remedy; when it is the change of another, that one is for the tests of both."""
    for position, other in enumerate(remedies):
        if other.changes_the_same(remedy):
            remedies[position] = replace(other, tests=tuple(sorted({*other.tests, *remedy.tests})))
            return
    remedies.append(remedy)


def _examined(cause: Cause, scene: Scene) -> tuple[Problem | None, Trail | None]:
    """The problem that a cause explains, None when no red test shows it; the trail ends where its evidence does."""
    trail = Trail(scene.failures)
    whys: list[Why] = []
    for claim in cause.whys:
        found = follow(claim.look, scene, trail)
        if found is None:
            whys.append(Why(claim.text, WhyStatus.HYPOTHESIS, undecided=wanted(claim.look, scene, trail)))
            break
        trail = found
        whys.append(Why(claim.text, WhyStatus.CONFIRMED, trail.evidence, trail.figures))
    if whys[0].status is WhyStatus.HYPOTHESIS:
        return None, None
    says_why = len(whys) > 1 or isinstance(
        cause.whys[0].look, StepText | CheckText
    )  # a failure text alone explains nothing
    is_confirmed = says_why and whys[-1].status is WhyStatus.CONFIRMED
    problem = Problem(
        id=cause.id,
        signature=signature(cause.id, (shape(failure.message) for failure in trail.failures)),
        title=cause.title,
        tests=_names(trail.failures),
        whys=tuple(whys),
        root_cause=cause.title if is_confirmed else "",
        steps=_steps(trail.failures),
        shapes=tuple(sorted({signature(cause.id, [shape(failure.message)]) for failure in trail.failures})),
    )
    return problem, trail


def _unless_refuted(problem: Problem, scene: Scene) -> Problem:
    """The problem; without a root cause where an earlier session has refuted that for any of what its tests say."""
    said = {problem.signature, *problem.shapes}
    known = (each for each in scene.refuted if each.cause == problem.id and each.signature in said)
    refuted = next(known, None)
    if refuted is None or not problem.root_cause:
        return problem
    claim = f"It would be the cause again, but it was refuted in {refuted.session_id}: its remedy left the tests red"
    why = Why(claim, WhyStatus.HYPOTHESIS, undecided="what else writes the same: these whys were all seen there too")
    return replace(problem, whys=(*problem.whys, why), root_cause="")


def _unexplained(scene: Scene, explained: set[TestName | str]) -> list[Problem]:
    """One problem for all red tests that say the same, and one for each step, that no known cause explains."""
    alike: dict[str, list[Failure]] = {}
    for failure in scene.failures:
        if (failure.step or failure.name) not in explained:
            alike.setdefault(f"{failure.step} {shape(failure.message)}".strip(), []).append(failure)
    known = errors(scene)
    return [_unexplained_problem(scene, known.of(failures), words, failures) for words, failures in alike.items()]


def _unexplained_problem(
    scene: Scene, meanwhile: Sequence[LogEntry], words: str, failures: Sequence[Failure]
) -> Problem:
    """What is known of them nevertheless: that they are red, the errors logged meanwhile, and where to look next."""
    found = signature("unexplained", [words])
    evidence = tuple(failure.evidence for failure in failures[:MOST_FAILURES])
    is_step = bool(failures[0].step)
    what = "The step did not pass" if is_step else "The tests are red"
    whys = [Why(what, WhyStatus.CONFIRMED, evidence, counted(failures))]
    if meanwhile:
        claim = "Errors were logged meanwhile, which need not be the reason"
        whys.append(Why(claim, WhyStatus.CONFIRMED, quoted(scene, meanwhile), {"entries": len(meanwhile)}))
    claim = "Why is not known: no known cause fits"
    whys.append(Why(claim, WhyStatus.HYPOTHESIS, undecided=_next_look(failures, is_in_log=bool(meanwhile))))
    title = f"Unexplained: {gist(failures[0].message)[:120] or 'no failure text'}"
    identity = f"unexplained-{found[:8]}"
    return Problem(identity, found, title, _names(failures), tuple(whys), steps=_steps(failures))


def _next_look(failures: Sequence[Failure], *, is_in_log: bool) -> str:
    """Where a person looks next: into the errors, else at what ran without any."""
    targets = " and ".join(dict.fromkeys(target for failure in failures for target in failure.targets))
    if is_in_log:
        return "the first of these entries, and the code that wrote it"
    if failures[0].step:
        return f"what the step says, and what {targets} did meanwhile: no entry of ERROR or above was read"
    if targets:
        return f"the output of the tests, and what {targets} did meanwhile: no entry of ERROR or above was read"
    return "the output of the tests: their suite names no target whose log could be read"


def _names(failures: Sequence[Failure]) -> tuple[TestName, ...]:
    return tuple(sorted(failure.name for failure in failures if not failure.step))


def _steps(failures: Sequence[Failure]) -> tuple[str, ...]:
    return tuple(failure.step for failure in failures if failure.step)
