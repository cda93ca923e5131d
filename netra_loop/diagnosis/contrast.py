"""When log entries and red tests go together so closely that chance is no explanation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netra_loop.core.problem import Evidence
from netra_loop.diagnosis.calibration import FEWEST
from netra_loop.diagnosis.scene import Failure, LogEntry, Passed, Scene
from netra_loop.diagnosis.timeline import LATE, SLACK, Timeline
from netra_loop.diagnosis.tracebacks import holds_one

MOST_NAMED = 3  # of the passed tests
_LOST = re.compile(r"no close frame received|\b10(?:06|11)\b|(?i:disconnected|connection (?:reset|closed|aborted))")
_HARMLESS = frozenset({"DEBUG", "INFO", "NOTICE"})  # severities that a service gives to what is as it should be
_TOO_MANY = 429


def spared(scene: Scene, failures: Sequence[Failure], entries: Sequence[LogEntry], like: Sequence[LogEntry]) -> bool:
    """Whether these entries were written as these tests failed, and none like them while any test passed.

    like: all entries that say the same. It is not so where the log was cut off, where the service did not fail these
    tests itself, where another error was written beside, or where fewer than FEWEST tests passed on the same service.
    """
    targets = {entry.target for entry in entries}
    written, alike = Timeline(entries, scene.traces), Timeline(like, scene.traces)
    is_whole = not any(log.truncated for log in scene.logs_under_test if log.target in targets)
    return (
        is_whole
        and len(beside(scene, targets)) >= FEWEST
        and any(entry.severity not in _HARMLESS for entry in entries)
        and any(True for failure in failures for _ in written.around(failure, LATE))
        and not any(alike.is_met_by(each) for each in scene.passed)
        and _failed_by_the_service(scene, failures)
        and not _other_errors(scene, failures, like)
    )


def warm(
    scene: Scene, failures: Sequence[Failure], starts: Sequence[LogEntry], like: Sequence[LogEntry]
) -> list[Passed]:
    """The tests that passed on instances which ran before, where each of these red ones met one that was just started.

    starts: the first words of instances in the time of the red tests; like: all such words. Empty where that is not so,
    where the log was cut off, and where it is known of fewer than FEWEST passed tests who served them.
    """
    targets = {entry.target for entry in starts}
    if any(log.truncated for log in scene.logs_under_test if log.target in targets):
        return []
    if not all(_met_a_start(scene, each, starts, SLACK, if_unknown=False) for each in failures):
        return []
    if any(_met_a_start(scene, each, like, 0.0, if_unknown=True) for each in scene.passed):
        return []
    known = [each for each in beside(scene, targets) if scene.served.get(each.trace)]
    return known if len(known) >= FEWEST else []


def _met_a_start(
    scene: Scene, test: Failure | Passed, starts: Sequence[LogEntry], slack: float, *, if_unknown: bool
) -> bool:
    """Whether an instance that served a test was started in its time, or so many seconds before."""
    serving = scene.served.get(test.trace, frozenset()) if test.trace else frozenset()
    if test.start is None or test.end is None:
        return False
    near = (each for each in starts if each.target in test.targets and test.start - slack <= each.at <= test.end)
    return any(each.instance in serving if serving else if_unknown for each in near)


def beside(scene: Scene, targets: set[str]) -> list[Passed]:
    """The tests of these targets that passed with proof."""
    return [each for each in scene.passed if each.counts and targets & set(each.targets)]


def passes(passed: Sequence[Passed]) -> Evidence:
    """The first of them by name, and the newest entry of the journal that told of one."""
    named = passed[:MOST_NAMED]
    names = "\n".join(f"{each.name.suite}: {each.name.test}" for each in named)
    title = "tests that passed on the same service and met no such entry"
    return Evidence(title, names, truncated=len(passed) > MOST_NAMED, entry=max(each.entry for each in named))


def _failed_by_the_service(scene: Scene, failures: Sequence[Failure]) -> bool:
    """Whether every test whose requests are known had one that its service failed; or several had one that it refused.

    A refusal alone may be what one test asked for.
    """
    if any(_LOST.search(failure.message) for failure in failures):
        return all(_LOST.search(failure.message) for failure in failures)
    known = [answers for failure in failures if (answers := _statuses(scene, failure))]
    if not known or any(max(answers) < 400 for answers in known):
        return False
    return len(known) > 1 or max(known[0]) >= 500 or _TOO_MANY in known[0]


def _statuses(scene: Scene, failure: Failure) -> tuple[int, ...]:
    """How the request log says its requests were answered; empty where it does not know them."""
    return scene.statuses.get(failure.trace, ()) if failure.trace else ()


def _other_errors(scene: Scene, failures: Sequence[Failure], like: Sequence[LogEntry]) -> bool:
    """Whether these tests met tracebacks of something else, which might as well be the reason."""
    known = {(entry.target, entry.number) for entry in like}
    others = [entry for entry in scene.entries if holds_one(entry) and (entry.target, entry.number) not in known]
    return bool(Timeline(others, scene.traces).of(failures))
