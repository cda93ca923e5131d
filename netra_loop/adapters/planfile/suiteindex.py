"""Reads config/suites.yaml: the suites there are, in their order, and what each priority forgives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netra_loop.adapters.planfile.models import PriorityModel, SuiteModel, SuitesModel, ValueModel
from netra_loop.adapters.planfile.paths import folder_below, output_below, path_below
from netra_loop.adapters.planfile.structure import has_unknown_keys, read, report_unknown, with_places
from netra_loop.adapters.planfile.values import Wrong, name
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.environment import Environment
from netra_loop.core.gate import Tolerance
from netra_loop.core.plan import Suite, SuiteRunner, Worth

MAX_SUITES = 1000
STANDARD_OUTPUT = "-"  # as the report of a suite
_MUST = {SuiteRunner.PYTEST: ("paths",), SuiteRunner.COMMAND: ("argv", "report")}
_MUST_NOT = {SuiteRunner.PYTEST: ("argv", "report"), SuiteRunner.COMMAND: ("python", "args")}
_PRIORITY = re.compile(r"P[1-9]")


@dataclass(frozen=True, slots=True)
class Priority:
    """How much a priority forgives, and what is at risk when it fails."""

    tolerance: Tolerance
    value: str
    worth: Worth | None = None


@dataclass(frozen=True, slots=True)
class SuiteIndex:
    suites: tuple[Suite, ...]
    priorities: Mapping[str, Priority]


def read_suites(document: Document, environment: Environment | None, project: Path) -> SuiteIndex | None:
    """The index a document describes, None without one; every mistake is reported.

    Targets are checked where there is an environment. Where there were mistakes in single suites, the index still knows
    them by id: good for checking plans against it and for nothing else.
    """
    if document.value is None:
        return None
    before = len(document.mistakes)
    read(SuitesModel, document, ())
    is_whole = len(document.mistakes) == before
    places = list(document.items(("suites",)))
    if len(places) > MAX_SUITES:
        document.report(("suites",), f"more than {MAX_SUITES} suites are too many", key=True)
        return None
    priorities = _priorities(document)
    reader = _SuiteReader(document, environment, project, priorities if is_whole else None)
    suites = tuple(suite for suite in map(reader.suite, places) if suite)
    return SuiteIndex(suites, priorities) if is_whole else None


def _priorities(document: Document) -> dict[str, Priority]:
    found = {}
    for place in document.entries(("priorities",)):
        name = str(place[-1])
        if not _PRIORITY.fullmatch(name):
            document.report(place, f"a priority cannot be called {quoted(name)}", "they are P1 to P9", key=True)
        model = read(PriorityModel, document, place)
        tolerance = model.tolerance if model else Tolerance()
        found[name] = Priority(tolerance, *_value(document, (*place, "value"), name))
    return found


def _value(document: Document, place: Location, declared_for: str) -> tuple[str, Worth | None]:
    """What is declared at a place: words for people, or an amount with its unit and where it comes from."""
    given = document.at(place)
    if given is None:
        return "", None
    if not isinstance(given, dict):
        try:
            return name(given), None
        except Wrong as wrong:
            hint = wrong.hint or "it is words, or a mapping of amount, unit and source"
            document.report(place, f"'value' {wrong}", hint)
            return "", None
    model = read(ValueModel, document, place)
    if model is None:
        return "", None
    worth = Worth(model.amount, model.unit, model.source, declared_for)
    return f"{document.text((*place, 'amount'))} {worth.unit}", worth


class _SuiteReader:
    """Reads one suite after the other, and remembers which ids are taken."""

    def __init__(
        self,
        document: Document,
        environment: Environment | None,
        project: Path,
        priorities: Mapping[str, Priority] | None,
    ) -> None:
        self._document = document
        self._project = project
        self._priorities = priorities
        self._services = [target.name for target in environment.targets] if environment else []
        self._places: dict[str, Location] = {}

    def suite(self, place: Location) -> Suite | None:
        model = read(SuiteModel, self._document, place)
        if model is None:
            return None
        suite_id, priority = (self._document.text((*place, key)) for key in ("id", "priority"))
        self._check_id(place, suite_id)
        self._check_priority(place, priority)
        self._check_targets(place, model.targets)
        self._check_runner(place)
        self._check_paths(place, model)
        value, worth = _value(self._document, (*place, "value"), suite_id)
        known = (self._priorities or {}).get(priority)
        if not value and known is not None:
            value, worth = known.value, known.worth
        return Suite(
            id=suite_id,
            title=model.title or suite_id,
            priority=priority,
            cwd=model.cwd,
            paths=model.paths,
            timeout=model.timeout,
            runner=model.runner,
            network=model.network,
            python=model.python,
            args=model.args,
            argv=model.argv,
            report=model.report,
            env=model.env,
            declared_tests=model.declared_tests,
            focus=model.focus,
            targets=model.targets or tuple(self._services),
            exclusive=model.exclusive,
            value=value,
            idle_timeout=model.idle_timeout,
            worth=worth,
        )

    def _check_id(self, place: Location, suite_id: str) -> None:
        first = self._places.setdefault(suite_id, place)
        if suite_id and first != place:
            hint = f"the first is on line {self._document.line(first)}"
            self._document.report((*place, "id"), f"duplicate suite {quoted(suite_id)}", hint)

    def _check_priority(self, place: Location, priority: str) -> None:
        if priority and self._priorities is not None and priority not in self._priorities:
            report_unknown(self._document, (*place, "priority"), "priority", priority, list(self._priorities))

    def _check_targets(self, place: Location, targets: tuple[str, ...]) -> None:
        for where, target in with_places(self._document, (*place, "targets"), targets):
            if self._services and target not in self._services:
                report_unknown(self._document, where, "service", target, self._services)

    def _check_runner(self, place: Location) -> None:
        """Each runner has keys that it needs, and some that it does not know; one that is unknown was reported."""
        given = {str(each[-1]) for each in self._document.entries(place)}
        word = self._document.text((*place, "runner")) if "runner" in given else SuiteRunner.PYTEST.value
        if word not in {runner.value for runner in SuiteRunner}:
            return
        for key in _MUST_NOT[SuiteRunner(word)]:
            if key in given:
                self._document.report((*place, key), f"a suite of runner {quoted(word)} has no {quoted(key)}", key=True)
        if not has_unknown_keys(SuiteModel, self._document, place):
            for key in _MUST[SuiteRunner(word)]:
                if key not in given:
                    self._document.report(place, f"missing key {quoted(key)}")

    def _check_paths(self, place: Location, model: SuiteModel) -> None:
        try:
            folder = folder_below(self._project, model.cwd)
        except Wrong as wrong:
            self._document.report((*place, "cwd"), str(wrong), wrong.hint)
            return
        if model.report not in ("", STANDARD_OUTPUT):
            try:
                output_below(self._project, folder, model.report)
            except Wrong as wrong:
                self._document.report((*place, "report"), str(wrong), wrong.hint)
        for number, path in enumerate(model.paths):
            try:
                path_below(folder, path.partition("::")[0])
            except Wrong as wrong:
                self._document.report((*place, "paths", number), str(wrong), wrong.hint)
