"""Case files of diagnoses: what is known, what was seen, and all that follows, in one text.

The knowledge has the form of config/knowledge.yaml; a case that leaves it out has that of base.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from netra_loop.adapters.planfile.knowledge import read_knowledge
from netra_loop.adapters.planfile.yamlfile import read_document
from netra_loop.core.knowledge import Cause
from netra_loop.core.problem import Evidence, Problem, Remedy, TestName
from netra_loop.core.target import Dependency
from netra_loop.diagnosis.scene import DownDependency, Failure, Kept, LogEntry, Passed, Scene, SharedUser
from tests.stories import named

CASES = Path(__file__).parents[1] / "cases" / "diagnoses"
CAUSES = Path(__file__).parents[1] / "cases" / "causes"
CHANCES = Path(__file__).parents[1] / "cases" / "chances"
SHIPPED = Path(__file__).parents[2] / "config" / "knowledge.yaml"
_SECTION = re.compile(r"^=== (.+)\n", re.MULTILINE)
_OF_A_SIGNATURE = re.compile(r"^unexplained-[0-9a-f]{8}$")

_NO_FIELDS = ("at", "of", "severity", "trace", "instance")

Mappings = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    knowledge: tuple[Cause, ...]
    scene: Scene
    expected: str


def read_case(path: Path, folder: Path) -> Case:
    """The case in a file; folder: where its knowledge may be laid down to be read as a project's is."""
    sections = _sections(CASES / "base.txt") | _sections(path)
    return Case(_knowledge(sections["knowledge"], folder), _scene(sections["scene"]), sections["expected"])


def read_cause(path: Path, folder: Path) -> Case:
    """The case of a cause that is shipped: what a library or the platform writes, with its source."""
    sections = _sections(path)
    assert sections["source"].strip()
    return Case(shipped(folder), _scene(sections["scene"]), sections["expected"])


def read_chance(path: Path, folder: Path) -> Case:
    """A scene in which what is written is not the reason, with the shipped knowledge; why it is not stands first."""
    sections = _sections(path)
    assert sections["why not"].strip()
    return Case(shipped(folder), _scene(sections["scene"]), "")


def shipped(folder: Path) -> tuple[Cause, ...]:
    """The causes of config/knowledge.yaml."""
    return _knowledge(SHIPPED.read_text("utf-8"), folder)


def _sections(path: Path) -> dict[str, str]:
    _, *parts = _SECTION.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _knowledge(text: str, folder: Path) -> tuple[Cause, ...]:
    file = folder / "knowledge.yaml"
    file.write_text(text, "utf-8")
    document = read_document(file, "knowledge.yaml")
    causes = read_knowledge(document)
    assert document.mistakes == []
    return causes


def _scene(text: str) -> Scene:
    seen = yaml.safe_load(text) or {}
    return Scene(
        failures=tuple(map(_failure, seen.pop("failures", ()))),
        entries=tuple(_entries(seen.pop("log", ()))),
        kept={target: Kept(ref, "e" * 64) for target, ref in seen.pop("kept", {}).items()},
        passed=tuple(map(_passed, seen.pop("passed", ()))),
        down=tuple(map(_down, seen.pop("down", ()))),
        statuses={trace: tuple(told) for trace, told in seen.pop("statuses", {}).items()},
        served={trace: frozenset(told) for trace, told in seen.pop("served", {}).items()},
        variables=seen.pop("variables", {}),
        shared_users=tuple(_shared(seen.pop("shared", {}))),
        environment="local",
        user_pool=tuple(seen.pop("users", ())),
        **seen,
    )


def _failure(plain: Mapping[str, Any]) -> Failure:
    """ran: from and to, in seconds; on: the targets of its suite. A step is one that did not pass.

    contact: whether a target answered it; left out where nobody knows.
    """
    step = plain.get("step", "")
    (name,) = named(plain.get("test", f"{step.partition('-')[0]}::{step}"))
    start, end = plain.get("ran", (None, None))
    evidence = Evidence(f"{name.suite}: {name.test}", plain["says"])
    targets = tuple(plain.get("on", ("backend",)))
    return Failure(
        name, plain["says"], start, end, targets, evidence, plain.get("trace", ""), step, plain.get("contact")
    )


def _passed(plain: Mapping[str, Any]) -> Passed:
    (name,) = named(plain["test"])
    start, end = plain["ran"]
    against = tuple(plain.get("against", ("backend",)))
    return Passed(name, start, end, against, plain.get("trace", ""), counts=plain.get("counts", True))


def _entries(plain: Mappings) -> Iterator[LogEntry]:
    """What has no other meaning is a field of the entry; numbers are floats, as the log's reader makes them."""
    for number, each in enumerate(plain, start=1):
        fields = {name: value for name, value in each.items() if name not in _NO_FIELDS}
        floats = {name: float(value) if type(value) is int else value for name, value in fields.items()}
        severity = each.get("severity", "INFO")
        said, trace, instance = each["message"], each.get("trace", ""), each.get("instance", "")
        yield LogEntry(number, each.get("of", "backend"), each["at"], severity, said, floats, said, trace, instance)


def _down(plain: Mapping[str, Any]) -> DownDependency:
    dependency = Dependency(plain["name"], "/", False, plain.get("address", ""), plain.get("variable", ""))
    target = plain.get("of", "backend")
    evidence = Evidence(f"health of {target}", f"{plain['name']} is {plain['is']}")
    return DownDependency(target, dependency, plain["is"], evidence)


def _shared(plain: Mapping[str, Sequence[str]]) -> Iterator[SharedUser]:
    for user, suites in plain.items():
        yield SharedUser(user, tuple(suites), Evidence("side by side", f"{', '.join(suites)} as {user}"))


def told(problems: Sequence[Problem], remedies: Sequence[Remedy]) -> str:
    """Everything that a diagnosis found, in lines; a signature is left out, it has tests of its own."""
    lines = [line for problem in problems for line in _problem(problem)]
    lines += [line for remedy in remedies for line in _remedy(remedy)]
    return "".join(f"{line}\n" for line in lines)


def _problem(problem: Problem) -> Iterator[str]:
    yield f"problem {_OF_A_SIGNATURE.sub('unexplained', problem.id)}: {problem.title}"
    yield f"  steps: {', '.join(problem.steps)}" if problem.steps else f"  tests: {_names(problem.tests)}"
    for why in problem.whys:
        yield f"  {why.status.value}: {why.claim}{_figures(why.figures)}"
        for evidence in why.evidence:
            yield from _evidence(evidence)
        if why.undecided:
            yield f"    would be decided by: {why.undecided}"
    yield f"  root cause: {problem.root_cause or '-'}"


def _evidence(evidence: Evidence) -> Iterator[str]:
    assert bool(evidence.ref) == (evidence.sha256 == "e" * 64)
    where = f" ({evidence.ref})" if evidence.ref else ""
    yield f"    {evidence.title}{where}{', cut' if evidence.truncated else ''}"
    for line in evidence.excerpt.splitlines():
        yield f"      {line}"


def _remedy(remedy: Remedy) -> Iterator[str]:
    assert remedy.id == "", "a diagnosis gives no ids"
    yield f"remedy {remedy.kind.value} of {remedy.problem}: {remedy.change}{_figures(remedy.figures)}"
    yield f"  tests: {_names(remedy.tests)}"
    yield f"  {'refused' if remedy.refusal else 'permanent'}: {remedy.refusal or remedy.permanent}"


def _names(tests: Sequence[TestName]) -> str:
    return ", ".join(f"{name.suite}::{name.test}" for name in tests)


def _figures(figures: Mapping[str, int | float]) -> str:
    return f" ({', '.join(f'{name} {value}' for name, value in figures.items())})" if figures else ""
