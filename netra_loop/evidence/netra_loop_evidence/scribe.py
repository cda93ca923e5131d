"""Writes the stream, in the one process where pytest reports: the only one, or the controller of the workers."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Generator, Iterator, Sequence
from time import CLOCK_REALTIME, clock_gettime
from typing import Any

import pytest
from netra_loop_sockets import Targets

from . import assertions
from .kernel import instruments
from .reports import ends_attempt, failure_text, is_leftover, result_of
from .stream import Stream

_VERSION = 1

# A line stays well below 64 KiB, though JSON may spell one character in twelve bytes.
_IDS_IN_A_LINE = 200
_BYTES_OF_IDS_IN_A_LINE = 32_000
_ERRORS_IN_A_LINE = 40
_ERROR_MESSAGE_LIMIT = 400


class Scribe:
    """Turns pytest's session into lines, each written when it happened."""

    def __init__(self, stream: Stream, targets: Targets, nonce: str, has_workers: bool) -> None:
        self._stream = stream
        self._targets = targets
        self._nonce = nonce
        self._has_workers = has_workers
        self._collection_told = False
        self._collection_errors: dict[str, str] = {}
        self._deselected = 0
        self._interrupted = ""
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._attempts: dict[str, int] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Say who speaks and what can be seen from here."""
        self._stream.write(
            "hello",
            nonce=self._nonce,
            version=_VERSION,
            python=platform.python_version(),
            pytest=pytest.__version__,
            asserts="counted" if assertions.are_counted(session.config) else "not_counted",
            optimised=sys.flags.optimize > 0,
            xdist=self._has_workers,
            instruments=instruments(),
            targets=self._targets.resolved,
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected; every worker tells of it."""
        if report.failed:
            self._collection_errors[report.nodeid] = failure_text(report, _ERROR_MESSAGE_LIMIT)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what a filter took away."""
        self._deselected += len(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what was collected in this process."""
        self._tell_collection([item.nodeid for item in session.items], self._deselected)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Tell what a worker collected; they all collect the same, and none says how many it deselected."""
        self._tell_collection(list(ids), None)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember why pytest stopped: a signal, ``pytest.exit``, a plugin, errors while it collected."""
        self._interrupted = f"{excinfo.typename}: {excinfo.value}"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Announce the test before anything of it runs."""
        self._stream.write("started", id=nodeid, at=clock_gettime(CLOCK_REALTIME))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the result with the attempt's last report."""
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if ends_attempt(report):
            del self._reports[report.nodeid]
            if not is_leftover(reports):
                self._write_result(report.nodeid, reports)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, None]:
        """Write the last line with the exit code the other plugins left, and why not every test was run."""
        yield
        cut = self._interrupted or str(session.shouldfail or "")
        self._stream.write("ended", exit=int(session.exitstatus), cut=cut[:_ERROR_MESSAGE_LIMIT])

    def _write_result(self, node: str, reports: Sequence[pytest.TestReport]) -> None:
        attempt = self._attempts[node] = self._attempts.get(node, 0) + 1
        self._stream.write("result", id=node, at=clock_gettime(CLOCK_REALTIME), attempt=attempt, **result_of(reports))

    def _tell_collection(self, ids: list[str], deselected: int | None) -> None:
        if self._collection_told:
            return
        self._collection_told = True
        for chunk in _chunks(ids):
            self._stream.write("collected", ids=chunk)
        errors = [{"id": node, "message": message} for node, message in self._collection_errors.items()]
        self._stream.write(
            "collection_ended",
            count=len(ids),
            deselected=deselected,
            errors=errors[:_ERRORS_IN_A_LINE],
            errors_left_out=len(errors[_ERRORS_IN_A_LINE:]),
        )


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in order, cut so that each line stays short; an id is never cut."""
    chunk: list[str] = []
    size = 0
    for node in ids:
        length = len(json.dumps(node))
        if chunk and (len(chunk) == _IDS_IN_A_LINE or size + length > _BYTES_OF_IDS_IN_A_LINE):
            yield chunk
            chunk, size = [], 0
        chunk.append(node)
        size += length
    if chunk:
        yield chunk
