"""Watches each test in the process that runs it, and pins the facts to the reports pytest makes of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any

import pytest
from netra_loop_sockets import Targets

from . import assertions
from .attempt import Attempt
from .fixturebooks import FixtureBooks
from .kernel import KernelWatch
from .linewatch import watching
from .reading import Reading, read
from .reports import FACTS
from .sockets import SocketCounters
from .trail import Trail
from .transports import TransportWatch
from .verifications import VerificationWatch
from .wrapping import note_after

_CHILD_EVENTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}


class Observer:
    """Keeps one attempt open from the start of its setup to the start of its teardown.

    What happens outside, the finalisers of shared fixtures among it, belongs to nobody.
    """

    def __init__(self, targets: Targets, *, alone: bool) -> None:
        """alone: whether nobody else talks to the targets while the suite runs."""
        self._attempt: Attempt | None = None
        self._facts: dict[str, Any] = {}
        self._reports: list[pytest.TestReport] = []
        self._counters = SocketCounters(targets)
        self._fixtures = FixtureBooks()
        self._transports = TransportWatch(self._note_replaced)
        self._kernel = KernelWatch(targets, self._counters.counted, alone=alone)
        self._verifications = VerificationWatch(
            self._count_assertion, self._counters.is_target, self._counters.have_heard
        )
        self._counters.install()
        self._verifications.install()
        self._transports.install()
        self._transports.look_for_imports()
        assertions.watch_methods(self._count_assertion)
        note_after(contextlib.suppress, "__exit__", self._note_suppressed)
        sys.addaudithook(self._note_audit_event)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Open the attempt before any other plugin or fixture does its part."""
        self._transports.look_for_imports()
        self._verifications.look_for_imports()
        attempt = Attempt(Trail(_reading_of(item)))
        attempt.replaced.update(self._transports.in_force())
        self._attempt, self._facts, self._reports = attempt, {}, []
        self._kernel.begin()
        self._counters.book = attempt.own
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, None]:
        """Keep what a wider fixture does apart: the tests after this one share it without doing it."""
        if self._attempt is None or fixturedef.scope == "function":
            yield
        else:
            self._kernel.look(self._counters.book)
            book = self._fixtures.open(fixturedef)
            with self._counters.writing(book):
                yield
                self._kernel.look(book)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, Any, None]:
        """Look again where fixtures and the test itself import and replace."""
        self._transports.look_for_imports()
        self._verifications.look_for_imports()
        attempt = self._attempt
        reading = attempt.trail.reading if attempt is not None else None
        if attempt is None or reading is None or not reading.watched:
            yield
        else:
            with watching(reading.watched, self._note_line) as attempt.trail.lines_are_told:
                yield
        if attempt is not None:
            attempt.replaced.update(self._transports.in_force())

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Close the attempt before any finaliser runs."""
        if self._attempt is not None:
            self._attempt.shared = self._fixtures.shared_by(item)
        self._close()
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> Generator[None, Any, None]:
        """Pin the facts to every report of the attempt: a rerun plugin publishes some of them after teardown only."""
        outcome = yield
        self._reports.append(outcome.get_result())
        if call.when == "teardown":
            for report in self._reports:
                setattr(report, FACTS, self._facts)

    def pytest_assertion_pass(self, lineno: int) -> None:
        """Count an assert statement that held."""
        file = assertions.own_file()
        if file is not None:
            self._count_assertion(file, lineno)

    def _close(self) -> None:
        attempt = self._attempt
        if attempt is not None:
            self._kernel.look(attempt.own)
            attempt.kernel_was_on = self._kernel.is_on
            self._facts = attempt.facts()
        self._attempt = None
        self._counters.book = None

    def _count_assertion(self, file: str, line: int) -> None:
        attempt = self._attempt
        if attempt is not None and self._counters.book is attempt.own:
            if not attempt.own.bytes_in:
                self._kernel.glance(attempt.own)
            attempt.count_assertion(file, line)

    def _note_line(self, file: str, line: int) -> None:
        attempt = self._attempt
        if attempt is not None and attempt.trail.line_ran((file, line)):
            self._count_assertion(file, line)

    def _note_suppressed(self, swallowed: object, *_: Any) -> None:
        attempt = self._attempt
        if swallowed and attempt is not None:
            caller = sys._getframe(2)
            attempt.trail.suppressed((caller.f_code.co_filename, caller.f_lineno))

    def _note_replaced(self, name: str) -> None:
        attempt = self._attempt
        if attempt is not None:
            attempt.replaced.add(name)

    def _note_audit_event(self, event: str, _: Any) -> None:
        if event not in _CHILD_EVENTS or _is_inside_popen(event):
            return
        self._kernel.expect_children(self._counters.book)
        attempt = self._attempt
        if attempt is not None:
            attempt.children += 1


def _reading_of(item: pytest.Item) -> Reading | None:
    return read(getattr(item, "obj", None), getattr(item, "cls", None), f"{item.config.rootpath}{os.sep}")


def _is_inside_popen(event: str) -> bool:
    """Popen starts some children by posix_spawn, which would tell of them a second time."""
    return event == "os.posix_spawn" and sys._getframe(2).f_globals.get("__name__") == "subprocess"
