"""What each kind of why must see: a look at the scene, given what the whys before it found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from netra_loop.core.knowledge import (
    AddressDeclared,
    AddressDiffers,
    CheckText,
    DependencyDown,
    Ended,
    FailureText,
    Logged,
    Look,
    PassedSpared,
    PassedWarm,
    PortDiffers,
    SlowWork,
    StepText,
    Untouched,
    UserShared,
)
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Evidence
from netra_loop.diagnosis.calibration import FEWEST, p95
from netra_loop.diagnosis.contrast import beside, passes, spared, warm
from netra_loop.diagnosis.scene import DownDependency, Failure, LogEntry, Scene
from netra_loop.diagnosis.timeline import Timeline
from netra_loop.diagnosis.tracebacks import holds_one, last_before

MOST_QUOTED = 3  # entries in one excerpt
MOST_FAILURES = 2  # failure texts of one problem; the names of the others are listed
LONGEST_QUOTE = 400  # characters of one of them
_WANTED_PORT = re.compile(r"\bPORT=(\d+)")  # in what Cloud Run says of a container that does not listen
_ERRORS = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})  # severities of Cloud Logging


@dataclass(frozen=True, slots=True)
class Trail:
    """What a chain of whys has found so far; evidence and figures are those of its newest link.

    entries: those in the time of a red test; matching: all that say the same, whenever they were written.
    subject: the one target that slow work or a wrong address was found in; measured: the figures of slow work.
    """

    failures: tuple[Failure, ...]
    entries: tuple[LogEntry, ...] = ()
    matching: tuple[LogEntry, ...] = ()
    down: tuple[DownDependency, ...] = ()
    targets: tuple[str, ...] = ()
    subject: str = ""
    measured: Mapping[str, int | float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    figures: Mapping[str, int | float] = field(default_factory=dict)


def follow(look: Look, scene: Scene, trail: Trail) -> Trail | None:
    """The trail with what this look saw; None where it saw nothing, so that the chain stops here."""
    match look:
        case FailureText(pattern):
            return _told([f for f in trail.failures if not f.step and re.search(pattern, f.message)])
        case StepText(pattern):
            return _told([f for f in trail.failures if _is_deploy(f) and re.search(pattern, f.message)])
        case CheckText(pattern):
            return _told([f for f in trail.failures if f.step and _has_line(f, pattern)])
        case Logged(pattern):
            return _logged(pattern, scene, trail)
        case Ended(pattern):
            return _ended(pattern, scene, trail)
        case SlowWork():
            return _slow_work(look, scene, trail)
        case DependencyDown():
            return _down(scene, trail)
        case AddressDiffers():
            return _address(scene, trail, differs=True)
        case AddressDeclared():
            return _address(scene, trail, differs=False)
        case PortDiffers(pattern):
            return _port(pattern, scene, trail)
        case Untouched():
            return _untouched(scene, trail)
        case UserShared():
            return _shared(scene, trail)
        case PassedSpared():
            return _spared(scene, trail)
        case PassedWarm():
            return _warm(scene, trail)
        case _:
            assert_never(look)


def wanted(look: Look, scene: Scene, trail: Trail) -> str:
    """The observation that would decide a why whose look saw nothing: where to look, when, and for what."""
    where = " and ".join(trail.targets) or "the tests' targets"
    match look:
        case FailureText(pattern):
            return f"a red test whose failure text matches {pattern}"
        case StepText(pattern):
            return f"a deploy that did not pass, whose reasons match {pattern}"
        case CheckText(pattern):
            return f"a deploy or check that did not pass, with the reason {pattern}"
        case Logged(pattern):
            return f"log entries of {where} that match {pattern}, written while these tests ran"
        case Ended(pattern):
            return f"log entries of {where} that match {pattern}, the last traceback before which is one of the above"
        case SlowWork():
            return (
                f"{FEWEST} or more log entries of {where} that match {look.pattern}, whose {look.duration} lies above "
                f"their {look.limit} at the 95th percentile"
            )
        case DependencyDown():
            return f"a health answer of {where} that shows a declared dependency down"
        case PortDiffers(pattern):
            return f"log entries of {where} that match {pattern} and name another port than the one it must listen on"
        case AddressDiffers() | AddressDeclared():
            down = " and ".join(each.dependency.name for each in trail.down) or "the dependency"
            return (
                f"the address of {down} that {where} is told, beside a declared one in config/{scene.environment}.yaml"
            )
        case Untouched():
            return f"that {where} answered neither these tests nor any other red one of their suites"
        case UserShared():
            return "suites that ran at the same time as one user, these tests' among them"
        case PassedSpared():
            return (
                f"{FEWEST} or more passed tests of {where} without such an entry, its request log with the requests of "
                "the red ones answered 500 or above (or those of several refused), and no other traceback beside"
            )
        case PassedWarm():
            return (
                f"the request log of {where}, telling that these tests were served by instances of such entries, and "
                f"{FEWEST} or more passed ones by instances that ran before"
            )
        case _:
            assert_never(look)


def errors(scene: Scene) -> Timeline:
    """Entries of ERROR and above, and tracebacks."""
    return Timeline([each for each in scene.entries if each.severity in _ERRORS or holds_one(each)], scene.traces)


def _is_deploy(failure: Failure) -> bool:
    """What a check says may be the service's own words."""
    return bool(failure.step) and failure.name.suite == Kind.DEPLOY.value


def _has_line(failure: Failure, pattern: str) -> bool:
    return any(re.fullmatch(pattern, line) for line in failure.message.split("\n"))


def _told(found: Sequence[Failure]) -> Trail | None:
    """The trail that begins with these red tests or steps."""
    if not found:
        return None
    targets = tuple(dict.fromkeys(target for failure in found for target in failure.targets))
    evidence = tuple(failure.evidence for failure in found[:MOST_FAILURES])
    return Trail(tuple(found), targets=targets, evidence=evidence, figures=counted(found))


def _logged(pattern: str, scene: Scene, trail: Trail) -> Trail | None:
    """Entries that match, in the windows of the tests; a test without one in its window belongs to something else."""
    matching = [entry for entry in scene.entries if entry.find(pattern)]
    written = Timeline(matching, scene.traces)
    failures = tuple(failure for failure in trail.failures if any(True for _ in written.around(failure)))
    if not failures:
        return None
    entries = written.of(failures)
    targets = tuple(dict.fromkeys(entry.target for entry in entries))
    figures = {"entries": len(entries), **counted(failures)}
    evidence = quoted(scene, entries)
    found = replace(trail, failures=failures, entries=entries, matching=tuple(matching), targets=targets)
    return replace(found, evidence=evidence, figures=figures)


def _ended(pattern: str, scene: Scene, trail: Trail) -> Trail | None:
    """Ends of instances right after what was found; where another error came in between, that may be the reason."""
    near = Timeline(scene.entries, scene.traces).of(trail.failures)
    ends = tuple(entry for entry in near if entry.find(pattern) and last_before(entry, near) in trail.entries)
    if not ends:
        return None
    figures = {"entries": len(ends), **counted(trail.failures)}
    return replace(trail, evidence=quoted(scene, ends), figures=figures)


def _slow_work(look: SlowWork, scene: Scene, trail: Trail) -> Trail | None:
    """Completions of one target that take longer than the limit they name, at the 95th percentile."""
    kinds = {entry.fields[look.same] for entry in trail.entries if look.same in entry.fields}
    for target in trail.targets:
        done = [
            entry
            for entry in scene.entries
            if entry.target == target
            and re.search(look.pattern, entry.message)
            and (not look.same or entry.fields.get(look.same) in kinds)
            and isinstance(entry.fields.get(look.duration), float)
            and isinstance(entry.fields.get(look.limit), float)
        ]
        durations = _numbers(done, look.duration)
        limits = _numbers(done, look.limit)
        if len(done) >= FEWEST and min(limits) > 0 and p95(durations) > max(limits):
            figures = {"completions": len(done), "p95_s": p95(durations), "limit_s": max(limits)}
            evidence = quoted(scene, done)
            found = replace(trail, subject=target, targets=(target,), measured=figures)
            return replace(found, evidence=evidence, figures=figures)
    return None


def _numbers(entries: Sequence[LogEntry], name: str) -> list[float]:
    return [value for entry in entries if isinstance(value := entry.fields.get(name), float)]


def _down(scene: Scene, trail: Trail) -> Trail | None:
    down = tuple(each for each in scene.down if each.target in trail.targets)
    if not down:
        return None
    targets = tuple(dict.fromkeys(each.target for each in down))
    return replace(trail, down=down, targets=targets, evidence=tuple(each.evidence for each in down), figures={})


def _address(scene: Scene, trail: Trail, *, differs: bool) -> Trail | None:
    """A dependency that is down and has a declared address: another than the told one, or the same."""
    for each in trail.down:
        dependency = each.dependency
        told = scene.variables.get(each.target, {}).get(dependency.variable)
        is_known = each.target in scene.variables and dependency.address and dependency.variable
        if is_known and (told != dependency.address) is differs and (differs or _names(trail, dependency.address)):
            excerpt = (
                f"{each.target} is told {dependency.variable}={told or '(nothing)'}; "
                f"its dependency {dependency.name} is declared at {dependency.address}"
            )
            evidence = (Evidence(f"the tested revision, and config/{scene.environment}.yaml", excerpt),)
            found = replace(trail, down=(each,), subject=each.target, targets=(each.target,))
            return replace(found, evidence=evidence, figures={})
    return None


def _names(trail: Trail, address: str) -> bool:
    """Whether an entry of the trail names both host and port of an address."""
    host, _, port = address.rpartition(":")
    wanted = (re.escape(host), rf"\b{re.escape(port)}\b")
    return any(all(entry.find(part) for part in wanted) for entry in trail.entries)


def _port(pattern: str, scene: Scene, trail: Trail) -> Trail | None:
    """Entries that name a port, none of which names the one that the platform asked for."""
    wanted_ports = {port for failure in trail.failures for port in _WANTED_PORT.findall(failure.message)}
    near = Timeline(scene.entries, scene.traces).of(trail.failures)
    named = tuple((entry, found[1]) for entry in near if (found := entry.find(pattern)))
    if not named or not wanted_ports or any(port in wanted_ports for _, port in named):
        return None
    elsewhere = tuple(entry for entry, _ in named)
    return replace(trail, evidence=quoted(scene, elsewhere), figures={"entries": len(elsewhere)})


def _untouched(scene: Scene, trail: Trail) -> Trail | None:
    """Another red test that was answered may have left these without what they needed."""
    suites = {failure.name.suite for failure in trail.failures}
    if any(each.contact is not False for each in scene.failures if each.name.suite in suites and not each.step):
        return None
    names = "\n".join(f"{each.name.suite}: {each.name.test}" for each in trail.failures[:MOST_FAILURES])
    is_cut = len(trail.failures) > MOST_FAILURES
    entry = max(each.evidence.entry for each in trail.failures)
    evidence = (
        Evidence(
            "tests that no target answered, whatever wider fixtures had asked", names, truncated=is_cut, entry=entry
        ),
    )
    return replace(trail, evidence=evidence, figures=counted(trail.failures))


def _shared(scene: Scene, trail: Trail) -> Trail | None:
    suites = {failure.name.suite for failure in trail.failures}
    shared = [each for each in scene.shared_users if suites & set(each.suites)]
    together = {suite for each in shared for suite in each.suites}
    failures = tuple(failure for failure in trail.failures if failure.name.suite in together)
    evidence = tuple(each.evidence for each in shared)
    figures = {"suites": len(together)}
    return replace(trail, failures=failures, evidence=evidence, figures=figures) if failures else None


def _spared(scene: Scene, trail: Trail) -> Trail | None:
    if not spared(scene, trail.failures, trail.entries, trail.matching):
        return None
    passed = beside(scene, set(trail.targets))
    return replace(trail, evidence=(passes(passed),), figures={"passed": len(passed)})


def _warm(scene: Scene, trail: Trail) -> Trail | None:
    if not (passed := warm(scene, trail.failures, trail.entries, trail.matching)):
        return None
    return replace(trail, evidence=(passes(passed),), figures={"passed": len(passed)})


def counted(failures: Sequence[Failure]) -> dict[str, int]:
    """How many tests, or steps, these are."""
    return {"steps" if failures[0].step else "tests": len(failures)}


def quoted(scene: Scene, entries: Sequence[LogEntry]) -> tuple[Evidence, ...]:
    """The first entries of each target, with the lines of the artifact where they are kept."""
    evidence = []
    for target in dict.fromkeys(entry.target for entry in entries):
        ours = [entry for entry in entries if entry.target == target]
        kept = scene.kept.get(target)
        excerpt = "\n".join(f"{entry.number}: {entry.text[:LONGEST_QUOTE]}" for entry in ours[:MOST_QUOTED])
        title = f"log entries of {target}, by line"
        is_cut = len(ours) > MOST_QUOTED
        evidence.append(Evidence(title, excerpt, kept.ref if kept else "", kept.sha256 if kept else "", is_cut))
    return tuple(evidence)
