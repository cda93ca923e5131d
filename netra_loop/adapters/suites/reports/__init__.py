"""Reports of any test runner, recognised by what is in them: JUnit XML, CTRF, `go test -json`."""

from __future__ import annotations

import codecs
import re

from netra_loop.adapters.suites.reports.ctrf import read_ctrf
from netra_loop.adapters.suites.reports.gotest import NOT_BUILT, read_gotest
from netra_loop.adapters.suites.reports.junit import read_junit
from netra_loop.adapters.suites.reports.report import MOST_BYTES, Draft, Report, ReportFormat

__all__ = ["Report", "ReportFormat", "read_report"]

_LOOK = 64 * 1024  # bytes that decide
_BLANK = b" \t\r\n"
_GO_EVENT = re.compile(rb'^\{[^\n]{0,300}?"Action"\s*:', re.MULTILINE)


def read_report(data: bytes) -> Report:
    """What the report says. Never raises: what cannot be read gives a report that is not whole and says why."""
    head = data[:_LOOK].removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)
    if len(data) > MOST_BYTES:
        return _unreadable(f"more than {MOST_BYTES:,} bytes")
    if head.startswith((b"<", codecs.BOM_UTF16_LE + b"<\0", codecs.BOM_UTF16_BE + b"\0<")):
        return read_junit(data.lstrip(_BLANK))
    if _GO_EVENT.search(head) or NOT_BUILT.search(head):
        return read_gotest(data)
    if head.startswith(b"{"):
        return read_ctrf(data)
    return _unreadable("neither JUnit XML, CTRF nor go test -json" if head else "the report is empty")


def _unreadable(why: str) -> Report:
    draft = Draft(ReportFormat.UNKNOWN)
    draft.broken(why)
    return draft.finish()
