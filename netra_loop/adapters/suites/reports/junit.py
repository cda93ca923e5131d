"""JUnit XML of any producer, read as a stream: no document type, no entity, no depth, nothing kept but the tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from netra_loop.adapters.suites.reports.report import Draft, RefusedError, Report, ReportFormat, identity, seconds
from netra_loop.adapters.suites.reports.xmltext import pieces
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import RED_OUTCOMES, TestOutcome

DEEPEST = 64  # elements
MOST_ATTRIBUTES = 64  # of one element
LONGEST_TAG = 512 * 1024  # bytes that bring the reader no further
MOST_SUITES = 20_000
MOST_IN_TEST = 5_000  # elements
MOST_PROPERTIES = 64  # of one test
LONGEST_TEXT = 4_000  # characters of one message or property

_ENDS = {"failure": TestOutcome.FAILED, "error": TestOutcome.ERROR, "skipped": TestOutcome.SKIPPED}
_OTHER_ATTEMPTS = {
    "flakyFailure": TestOutcome.PASSED,
    "flakyError": TestOutcome.PASSED,
    "rerunFailure": TestOutcome.FAILED,
    "rerunError": TestOutcome.ERROR,
}
_WORDS = {  # of the attributes status and result, for a case without an element that tells
    **dict.fromkeys(("notrun", "disabled", "skipped", "ignored", "pending", "suppressed"), TestOutcome.SKIPPED),
    **dict.fromkeys(("fail", "failed", "failure", "timeout"), TestOutcome.FAILED),
    **dict.fromkeys(("error", "errored", "broken", "aborted"), TestOutcome.ERROR),
}
_WEIGHT = (TestOutcome.PASSED, TestOutcome.XFAILED, TestOutcome.SKIPPED, TestOutcome.ERROR, TestOutcome.FAILED)
_DECLARED = {
    "tests": frozenset(TestOutcome),
    "failures": frozenset({TestOutcome.FAILED}),
    "errors": frozenset({TestOutcome.ERROR}),
    "skipped": frozenset({TestOutcome.SKIPPED, TestOutcome.XFAILED}),
}
_PRODUCERS = {  # by how the name of the first suites begins
    "pytest": "pytest",
    "Mocha Tests": "mocha",
    "jest tests": "jest",
    "vitest tests": "vitest",
    "nextest-run": "cargo-nextest",
    "AllTests": "googletest",
    "rspec": "rspec",
    "PHPUnit": "phpunit",
}


@dataclass(slots=True)
class _Suite:
    name: str
    declared: Mapping[str, str]
    own: Counter[TestOutcome] = field(default_factory=Counter)
    whole: Counter[TestOutcome] = field(default_factory=Counter)


@dataclass(slots=True)
class _Case:
    """A test whose element is open. `says` is what its elements said so far, in their order."""

    path: tuple[str, ...]
    attributes: Mapping[str, str]
    says: list[TestOutcome] = field(default_factory=list)
    attempts: int = 1
    elements: int = 0
    message: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    def outcome(self) -> TestOutcome:
        """The heaviest of what its elements say; without any, its attributes may say that it did not pass."""
        words = (self.attributes.get(name, "").lower() for name in ("status", "result"))
        said = self.says or [_WORDS[word] for word in words if word in _WORDS]
        if not said and self.attributes.get("executed", "").lower() == "false":
            return TestOutcome.SKIPPED
        return max(said, key=_WEIGHT.index, default=TestOutcome.PASSED)

    def result(self, outcome: TestOutcome) -> TestResult:
        return TestResult(
            id=identity(self.path, self.attributes.get("name", "")),
            outcome=outcome,
            duration_s=seconds(self.attributes.get("time")),
            message=self.message,
            attempt=self.attempts,
            properties=self.properties,
        )


def read_junit(data: bytes) -> Report:
    """Never raises on content. A document type is refused before the first entity is read."""
    reader = _Reader()
    try:
        reader.read(data)
    except expat.ExpatError as error:
        reader.draft.broken(f"the XML breaks off in line {error.lineno}: {expat.ErrorString(error.code)}")
    except RefusedError as error:
        reader.draft.broken(f"refused: {error}")
    return reader.finish()


class _Reader:
    """The handlers of one parser."""

    def __init__(self) -> None:
        self.draft = Draft(ReportFormat.JUNIT)
        self._suites: list[_Suite] = []
        self._open: list[str] = []
        self._seen_suites = 0
        self._case: _Case | None = None
        self._text: list[str] = []
        self._property = ""
        self._lacking: Counter[str] = Counter()
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse_document_type

    def read(self, data: bytes) -> None:
        taken = 0
        for piece in pieces(data, self.draft.problem):
            self._parser.Parse(piece, False)
            taken += len(piece)
            if taken - self._parser.CurrentByteIndex > LONGEST_TAG:
                raise RefusedError(f"a tag of more than {LONGEST_TAG:,} bytes")
        self._parser.Parse(b"", True)

    def finish(self) -> Report:
        if self._case:
            self._end_case(cut=True)
        for lacking, count in (+self._lacking).items():
            self.draft.problem(f"tests without {lacking}: {count}")
        return self.draft.finish()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self._check(tag, attributes)
        self._open.append(tag)
        if self._case:
            self._start_in_case(self._case, tag, attributes)
        elif tag in ("testsuites", "testsuite"):
            self._start_suite(tag, attributes)
        elif tag == "testcase":
            self._start_case(attributes)
        elif tag in ("failure", "error") and self._open[-2:-1] == ["testsuite"]:
            self._case = _Case(self._path(), {"name": f"({tag} of the suite)"})
            self._start_in_case(self._case, tag, attributes)

    def _check(self, tag: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) >= DEEPEST:
            raise RefusedError(f"more than {DEEPEST} elements within each other")
        if len(attributes) > MOST_ATTRIBUTES:
            raise RefusedError(f"an element with {len(attributes):,} attributes")
        if not self._open and tag not in ("testsuites", "testsuite"):
            raise RefusedError(f"{tag[:40]!r} is not JUnit XML; that begins with 'testsuites' or 'testsuite'")

    def _start_suite(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "")
        if not self.draft.producer:
            schema = attributes.get("xsi:noNamespaceSchemaLocation", "")
            guesses = (who for begin, who in _PRODUCERS.items() if name.startswith(begin))
            self.draft.producer = "surefire" if "surefire" in schema else next(guesses, "")
        self._seen_suites += 1
        if self._seen_suites > MOST_SUITES:
            raise RefusedError(f"more than {MOST_SUITES:,} suites")
        self._suites.append(_Suite(name if tag == "testsuite" else "", attributes))

    def _start_case(self, attributes: Mapping[str, str]) -> None:
        for wanted in ("name", "classname", "time"):
            self._lacking[wanted] += not attributes.get(wanted)
        self._lacking["a readable time"] += bool(attributes.get("time")) and seconds(attributes["time"]) is None
        self._case = _Case((*self._path(), attributes.get("classname", "")), attributes)

    def _start_in_case(self, case: _Case, tag: str, attributes: Mapping[str, str]) -> None:
        case.elements += 1
        if case.elements > MOST_IN_TEST:
            raise RefusedError(f"more than {MOST_IN_TEST:,} elements in one test")
        if tag in _ENDS:
            expected = tag == "skipped" and attributes.get("type") == "pytest.xfail"
            case.says.append(TestOutcome.XFAILED if expected else _ENDS[tag])
            self._listen(attributes.get("message", ""))
        elif tag in _OTHER_ATTEMPTS:
            case.says.append(_OTHER_ATTEMPTS[tag])
            case.attempts += 1
            self._listen(attributes.get("message", ""))
        elif tag == "property":
            self._property = attributes.get("name", "")
            self._listen(attributes.get("value", ""))

    def _listen(self, first: str) -> None:
        """From here to the end of the element, text is kept; all other text is passed over."""
        self._text = [first[:LONGEST_TEXT], ""]
        self._parser.CharacterDataHandler = self._hear

    def _hear(self, text: str) -> None:
        self._text[1] += text[: LONGEST_TEXT - len(self._text[1])]

    def _end(self, tag: str) -> None:
        tag = self._open.pop()
        if self._case:
            self._end_in_case(self._case, tag)
        if self._case and (tag == "testcase" or self._open[-1] == "testsuite"):
            self._end_case()
        elif tag in ("testsuites", "testsuite") and not self._case:
            self._end_suite()

    def _end_in_case(self, case: _Case, tag: str) -> None:
        if tag in _ENDS or tag in _OTHER_ATTEMPTS:
            attribute, body = self._heard()
            case.message = case.message or (body if body.startswith(attribute) else f"{attribute}\n{body}".strip())
        elif tag == "property" and len(case.properties) < MOST_PROPERTIES:
            attribute, body = self._heard()
            case.properties[self._property[:LONGEST_TEXT]] = attribute or body

    def _heard(self) -> tuple[str, str]:
        self._parser.CharacterDataHandler = None
        attribute, body = self._text or ["", ""]
        self._text = []
        return attribute, body.strip()

    def _end_case(self, *, cut: bool = False) -> None:
        """cut: the report ends inside this test, so that it cannot be told to have passed."""
        case, self._case = self._case, None
        assert case
        outcome = case.outcome()
        if cut and outcome not in RED_OUTCOMES:
            outcome, case.message = TestOutcome.ERROR, "the report breaks off inside this test"
        test = case.result(outcome)
        if len([said for said in case.says if said in RED_OUTCOMES]) > case.attempts:
            self.draft.problem(f"several failures in one test: {test.id}")
        self.draft.add(test)
        if self._suites:
            self._suites[-1].own[outcome] += 1
            self._suites[-1].whole[outcome] += 1

    def _end_suite(self) -> None:
        suite = self._suites.pop()
        if self._suites:
            self._suites[-1].whole.update(suite.whole)
        for problem in _disagreements(suite):
            self.draft.contradiction(problem)

    def _path(self) -> tuple[str, ...]:
        return tuple(suite.name for suite in self._suites)


def _refuse_document_type(*_: object) -> None:
    raise RefusedError("it declares a document type; no report needs one, and entities are an attack")


def _disagreements(suite: _Suite) -> Iterator[str]:
    """Declared counts that are neither those of the suite's own tests nor of all below it; producers do either."""
    disabled = suite.declared.get("disabled", "")
    for name, outcomes in _DECLARED.items():
        if not (declared := suite.declared.get(name)):
            continue
        counts = {sum(counter[outcome] for outcome in outcomes) for counter in (suite.own, suite.whole)}
        if name == "skipped" and disabled.isascii() and disabled.isdigit():
            counts |= {count - int(disabled[:9]) for count in counts}  # counted apart by CTest and GoogleTest
        if declared not in map(str, counts):
            yield f"suite {suite.name or '(all)'!r} declares {name}={declared!r}, the report has {max(counts)}"
