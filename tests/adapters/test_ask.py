"""A person at a real standard input is asked, and only a clear yes is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.ask import LONGEST_ANSWER, AskRunner
from netra_loop.core.acts import follow_up
from netra_loop.core.environment import RemedyMode
from netra_loop.core.events import Event, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from tests.stories import Story, knowing, leasing, raising, usual_plan

FIRST, SECOND = raising("r1", "p1::a", "p1::b"), leasing("r2", "p1::c")
YES = Result(Outcome.PASSED)
DECLINED = Result(Outcome.SKIPPED, ("declined",))
CLOSED = Result(Outcome.SKIPPED, ("nobody to ask: standard input is closed",))
LONG = 60.0  # seconds; no test waits that long


@dataclass
class Person:
    """Whoever sits at the other end of a pipe that is our standard input."""

    end: int

    def types(self, text: str | bytes) -> Person:
        os.write(self.end, text if isinstance(text, bytes) else text.encode())
        return self

    def leaves(self) -> Person:
        os.close(self.end)
        self.end = -1
        return self


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    ours, theirs = os.pipe()
    with os.fdopen(ours) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        person = Person(theirs)
        yield person
        if person.end >= 0:
            person.leaves()


def ask(*remedy_ids: str, timeout: float = LONG, said: list[Event] | None = None) -> list[Result]:
    """Ask about these remedies, one after the other."""
    story = Story(knowing(usual_plan(3), RemedyMode.ASK)).begin().diagnoses(FIRST, SECOND)

    def say(event: Event) -> Session:
        if said is not None:
            said.append(event)
        return story.session

    async def answers() -> list[Result]:
        acts = [replace(follow_up(story.session, 1, Kind.ASK, name), timeout=timeout) for name in remedy_ids]
        return [await AskRunner().run(act, story.session, say) for act in acts]

    return anyio.run(answers)


ANSWERS = {
    "y\n": YES,
    "yes\n": YES,
    "Y\n": YES,
    "YES\n": YES,
    "  y \r\n": YES,
    "n\n": DECLINED,
    "no\n": DECLINED,
    "\n": DECLINED,
    "   \n": DECLINED,
    "yy\n": DECLINED,
    "yes please\n": DECLINED,
    "j\n": DECLINED,
    "\u00ff\n": DECLINED,
    "y\0\n": DECLINED,
}


@pytest.mark.parametrize(("typed", "expected"), ANSWERS.items(), ids=map(repr, ANSWERS))
def test_only_y_and_yes_are_a_yes(person: Person, typed: str, expected: Result) -> None:
    person.types(typed)

    assert ask("r1") == [expected]


def test_bytes_that_are_no_text_are_no_yes(person: Person) -> None:
    person.types(b"\xff\xfey\n")

    assert ask("r1") == [DECLINED]


@pytest.mark.parametrize(("typed", "expected"), [("", CLOSED), ("y", YES), ("n", DECLINED)])
def test_an_answer_needs_no_end_of_line_when_its_giver_leaves(person: Person, typed: str, expected: Result) -> None:
    person.types(typed).leaves()

    assert ask("r1") == [expected]


def test_the_question_is_recorded_before_it_is_answered(person: Person) -> None:
    person.types("y\n")
    said: list[Event] = []
    ask("r1", timeout=LONG, said=said)

    assert said == [
        HandleKnown(
            "1/ask-r1",
            {"question": "apply r1, backend AGENT_TIMEOUT: 1 -> 2.1, for 2 red tests? [y/N, within 60 s]"},
        )
    ]


def test_two_questions_get_a_line_each(person: Person) -> None:
    person.types("no\nyes\n")
    assert ask("r1", "r2") == [DECLINED, YES]

    person.types("y\n\n")
    assert ask("r1", "r2") == [YES, DECLINED]


def test_one_line_answers_one_question_only(person: Person) -> None:
    person.types("y\n").leaves()

    assert ask("r1", "r2") == [YES, CLOSED]


def test_an_answer_as_long_as_it_may_be_is_one(person: Person) -> None:
    person.types(" " * (LONGEST_ANSWER - 2) + "y\nn\n")

    assert ask("r1", "r2") == [YES, DECLINED]


def test_a_line_that_is_too_long_answers_one_question_only(person: Person) -> None:
    person.types("x" * LONGEST_ANSWER + "y\nn\n")

    assert ask("r1", "r2") == [DECLINED, DECLINED]


@pytest.mark.parametrize("typed", ["", "y"], ids=["nothing", "half a line"])
def test_nobody_who_answers_in_time_is_no_yes(person: Person, typed: str) -> None:
    person.types(typed)

    assert ask("r1", timeout=0.05) == [Result(Outcome.SKIPPED, ("nobody answered in 0.05 s",))]


def test_somebody_who_answers_late_answers_the_next_question(person: Person) -> None:
    async def late() -> Result:
        story = Story(knowing(usual_plan(3), RemedyMode.ASK)).begin().diagnoses(FIRST)
        act = replace(follow_up(story.session, 1, Kind.ASK, "r1"), timeout=LONG)
        asked = anyio.Event()

        def say(_: Event) -> Session:
            asked.set()
            return story.session

        results: list[Result] = []

        async def answered() -> None:
            results.append(await AskRunner().run(act, story.session, say))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answered)
            await asked.wait()
            assert results == [], "nothing was typed yet"
            person.types("ye")
            await anyio.lowlevel.checkpoint()
            person.types("s\n")
        return results[0]

    assert anyio.run(late) == YES


def test_no_standard_input_at_all_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert ask("r1") == [CLOSED]


def test_a_closed_standard_input_is_nobody(person: Person) -> None:
    sys.stdin.close()

    assert ask("r1") == [CLOSED]


def test_the_null_device_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        assert ask("r1") == [CLOSED]


def test_a_file_may_hold_the_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("no\ny\n")
    with (tmp_path / "answers").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        assert ask("r1", "r2", "r1") == [DECLINED, YES, CLOSED]


def test_a_terminal_is_asked_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as stdin, os.fdopen(ours, "wb", buffering=0) as keyboard:
        monkeypatch.setattr(sys, "stdin", stdin)
        keyboard.write(b"no\nyes\n\x04")

        assert ask("r1", "r2", "r1") == [DECLINED, YES, CLOSED]
