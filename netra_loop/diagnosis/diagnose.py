"""Red tests, matched to the known causes: each problem with its tests and the whys as far as evidence carries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from netra_loop.core.knowledge import Cause
from netra_loop.core.problem import Problem, Remedy, TestName, Why, WhyStatus
from netra_loop.diagnosis.looks import MOST_FAILURES, Trail, follow
from netra_loop.diagnosis.scene import Failure, Scene
from netra_loop.diagnosis.treatment import remedy_for

_PLACE = re.compile(r"^(?:\S+:\d+: )?(?:[\w.]*(?:Error|Exception): )?")  # file, line and class: where, not what
_CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|(?<=-)[0-9a-f]{4,}\b|\d+(?:\.\d+)?", re.IGNORECASE)


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
        problems.append(problem)
        if problem.root_cause and cause.treatment is not None:
            _add(remedies, remedy_for(cause, cause.treatment, scene, trail))
    explained = {name for problem in problems for name in problem.tests}
    return (*problems, *_unexplained(scene, explained)), tuple(remedies)


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
            whys.append(Why(claim.text, WhyStatus.HYPOTHESIS))
            break
        trail = found
        whys.append(Why(claim.text, WhyStatus.CONFIRMED, trail.evidence, trail.figures))
    if whys[0].status is WhyStatus.HYPOTHESIS:
        return None, None
    is_confirmed = len(whys) > 1 and whys[-1].status is WhyStatus.CONFIRMED  # a failure text alone explains nothing
    problem = Problem(
        id=cause.id,
        signature=_signature(cause.id, trail.failures),
        title=cause.title,
        tests=_names(trail.failures),
        whys=tuple(whys),
        root_cause=cause.title if is_confirmed else "",
    )
    return problem, trail


def _unexplained(scene: Scene, explained: set[TestName]) -> list[Problem]:
    """One problem for all red tests that say the same and that no known cause explains."""
    alike: dict[str, list[Failure]] = {}
    for failure in scene.failures:
        if failure.name not in explained:
            alike.setdefault(_shape(failure.message), []).append(failure)
    return [_unexplained_problem(shape, failures) for shape, failures in alike.items()]


def _unexplained_problem(shape: str, failures: Sequence[Failure]) -> Problem:
    signature = _signature("unexplained", failures)
    evidence = tuple(failure.evidence for failure in failures[:MOST_FAILURES])
    why = Why("The tests are red", WhyStatus.CONFIRMED, evidence, {"tests": len(failures)})
    unknown = Why("Why they are red is not known: no known cause fits", WhyStatus.HYPOTHESIS)
    title = f"Unexplained: {shape[:120] or 'no failure text'}"
    return Problem(f"unexplained-{signature[:8]}", signature, title, _names(failures), (why, unknown))


def _names(failures: Sequence[Failure]) -> tuple[TestName, ...]:
    return tuple(sorted(failure.name for failure in failures))


def _signature(cause: str, failures: Sequence[Failure]) -> str:
    """The same for the same cause in the same words, whatever numbers and ids the words hold."""
    shapes = sorted({_shape(failure.message) for failure in failures})
    return hashlib.sha256("\n".join((cause, *shapes)).encode()).hexdigest()[:16]


def _shape(message: str) -> str:
    """The first line of a failure text that says something, with numbers and ids masked."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return _CHANGING.sub("#", _PLACE.sub("", lines[0])) if lines else ""
