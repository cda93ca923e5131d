"""CTRF, the Common Test Report Format: one JSON object, flat tests (https://ctrf.io, schema of its `results`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from netra_loop.adapters.suites.reports.report import Draft, RefusedError, Report, ReportFormat, identity, seconds
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import TestOutcome

MOST_BYTES = 16 * 1024 * 1024  # JSON takes twenty times its size when it is made to
_OUTCOMES = {
    "passed": TestOutcome.PASSED,
    "failed": TestOutcome.FAILED,
    "skipped": TestOutcome.SKIPPED,
    "pending": TestOutcome.SKIPPED,
    "todo": TestOutcome.SKIPPED,  # a raw status, as the next one
    "disabled": TestOutcome.SKIPPED,
}
_TESTS = re.compile(r'"tests"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_MILLISECOND = 0.001


def read_ctrf(data: bytes) -> Report:
    """Never raises on content. Of a report that breaks off, the tests before the break are kept."""
    draft = Draft(ReportFormat.CTRF)
    text = data.decode("utf-8-sig", "replace")
    try:
        if len(data) > MOST_BYTES:
            raise RefusedError(f"more than {MOST_BYTES:,} bytes of JSON")
        _read(text, draft)
    except RefusedError as error:
        draft.broken(f"refused: {error}")
    return draft.finish()


def _read(text: str, draft: Draft) -> None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        draft.broken("the JSON breaks off or is nested too deep")
        document = {"results": {"tests": list(_tests_before_the_break(text))}}
    results = document.get("results") if isinstance(document, dict) else None
    tests = results.get("tests") if isinstance(results, dict) else None
    if not isinstance(results, dict) or not isinstance(tests, list):
        raise RefusedError("a JSON object without results.tests is not CTRF")
    draft.producer = str(_dict(results.get("tool")).get("name") or "")
    for test in tests:
        _add(draft, test)
    _compare(draft, _dict(results.get("summary")))


def _tests_before_the_break(text: str) -> Iterator[Any]:
    found = _TESTS.search(text)
    decoder = json.JSONDecoder()
    place = found.end() if found else len(text)
    while (place := _end_of_blanks(text, place)) < len(text):
        try:
            test, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield test


def _end_of_blanks(text: str, place: int) -> int:
    blanks = _BETWEEN.match(text, place)
    return blanks.end() if blanks else place


def _add(draft: Draft, test: Any) -> None:
    if not isinstance(test, dict):
        draft.broken("a test that is no object")
        return
    status = str(test.get("rawStatus") if test.get("status") == "other" else test.get("status"))
    retries = test.get("retries")
    attempt = 1 + retries if isinstance(retries, int) and 0 <= retries < 1000 else 1
    told = TestResult(
        id=identity(_path(test), str(test.get("name") or "")),
        outcome=_OUTCOMES.get(status, TestOutcome.ERROR),
        duration_s=seconds(test.get("duration"), _MILLISECOND),
        message=_message(test, status),
        attempt=max(attempt, 2 if test.get("flaky") is True else 1),
        properties={str(key): str(value) for key, value in _dict(test.get("labels")).items()},
    )
    draft.add(told)


def _message(test: dict[str, Any], status: str) -> str:
    unclear = "" if status in _OUTCOMES else f"the report says neither passed, failed nor skipped, but {status!r}"
    return "\n".join(str(part) for part in (unclear, test.get("message"), test.get("trace")) if part)


def _path(test: dict[str, Any]) -> list[str]:
    suite = test.get("suite") or test.get("filePath") or ""
    return [str(part) for part in suite] if isinstance(suite, list) else [str(suite)]


def _compare(draft: Draft, summary: dict[str, Any]) -> None:
    counts = {"tests": len(draft.tests)}
    for name in ("passed", "failed"):
        counts[name] = sum(test.outcome is _OUTCOMES[name] for test in draft.tests)
    for name, count in counts.items():
        if name in summary and summary[name] != count:
            draft.contradiction(f"the summary declares {name}={str(summary[name])[:40]}, the report has {count}")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
