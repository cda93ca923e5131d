"""Makes one result of the reports pytest gives for one attempt at a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

FACTS = "netra_loop_facts"
"""The attribute of a report that carries what was observed, from a worker to its controller too."""

_PHASES = ("setup", "call", "teardown")
_PYTEST_OUTCOMES = ("passed", "failed", "skipped")
_MESSAGE_LIMIT = 4_000
_PROPERTIES_LIMIT = 8_000


def ends_attempt(report: pytest.TestReport) -> bool:
    """Whether this report settles the attempt: its teardown is over, its worker died, or it will be repeated."""
    return report.when not in _PHASES[:2] or given_up(report)


def is_leftover(reports: Sequence[pytest.TestReport]) -> bool:
    """Whether this is no attempt but the teardown of one that was given up, and whose result is known already."""
    return [report.when for report in reports] == ["teardown"]


def given_up(report: pytest.TestReport) -> bool:
    """Whether a rerun plugin marked the attempt as one to be repeated, with an outcome of its own invention."""
    return report.outcome not in _PYTEST_OUTCOMES


def result_of(reports: Sequence[pytest.TestReport]) -> dict[str, Any]:
    """The fields of a result that follow from an attempt's reports alone.

    The duration is in seconds, over the phases reported, and null when the process died in between. The facts are null
    when they died with it, or when a rerun plugin published the report before the attempt's teardown.
    """
    outcome, deciding = _verdict(reports)
    last = reports[-1]
    return {
        "outcome": outcome,
        "duration_s": _duration(reports),
        "message": _message(outcome, deciding),
        "properties": _properties(last),
        "facts": getattr(last, FACTS, None),
    }


def failure_text(report: pytest.CollectReport | pytest.TestReport, limit: int = _MESSAGE_LIMIT) -> str:
    """Where it broke and the end of the story, in at most ``limit`` characters that any encoding can hold."""
    crash = getattr(report.longrepr, "reprcrash", None)
    where = f"{crash.path}:{crash.lineno}: {crash.message}"[: limit // 2] + "\n" if crash else ""
    return encodable(where + report.longreprtext[-(limit - len(where)) :])


def encodable(text: str) -> str:
    """The text with every lone surrogate, which no encoder takes, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _verdict(reports: Sequence[pytest.TestReport]) -> tuple[str, pytest.TestReport | None]:
    """How the attempt ended and the report that says so, the worst first."""
    calls = [report for report in reports if report.when == "call"]
    for report in reports:
        if given_up(report) or (report.when == "call" and report.failed):
            return "failed", report
    for report in reports:
        if report.failed:
            return "error", report
    # Subtests report as calls too, each before the test that holds them.
    deciding = calls[-1] if calls else next((report for report in reports if report.skipped), None)
    return _outcome_without_failure(deciding), deciding


def _outcome_without_failure(report: pytest.TestReport | None) -> str:
    if report is None:
        return "skipped"
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome


def _duration(reports: Sequence[pytest.TestReport]) -> float | None:
    seconds = {report.when: report.duration for report in reports}
    return round(sum(seconds.values()), 6) if set(seconds).issubset(_PHASES) else None


def _message(outcome: str, report: pytest.TestReport | None) -> str | None:
    if report is None:
        return "pytest was told to set the test up only: its body did not run"
    if outcome in ("failed", "error"):
        return failure_text(report)
    if outcome in ("xfailed", "xpassed"):
        return encodable(str(report.wasxfail))[:_MESSAGE_LIMIT] or None
    return _skip_reason(report) if outcome == "skipped" else None


def _skip_reason(report: pytest.TestReport) -> str:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext
    prefix = "Skipped: "
    return encodable(reason[len(prefix) :] if reason.startswith(prefix) else reason)[:_MESSAGE_LIMIT]


def _properties(report: pytest.TestReport) -> dict[str, str]:
    """What the test recorded about itself, as text; bounded, for a test may record a whole response."""
    kept = {}
    room = _PROPERTIES_LIMIT
    for name, value in report.user_properties:
        text = encodable(str(value))[:room]
        kept[encodable(str(name))] = text
        room -= len(text)
    return kept
