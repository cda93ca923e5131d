"""What is believed of the file that a suite's process writes: our own whole lines, and nothing else."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netra_loop.adapters.suites.evidence_stream import READ_SIZE, EvidenceStream
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.proof import Facts, Smell

NONCE = "0123456789abcdef"
HELLO = {"kind": "hello", "nonce": NONCE, "asserts": "counted"}
FACTS: dict[str, Any] = {
    "bytes_in": 120,
    "bytes_out": 80,
    "shared_bytes_in": 0,
    "others": [],
    "refused": [],
    "asserts": 2,
    "asserts_after": 1,
    "replaced": [],
    "children": 0,
    "blind": [],
}


WHOLE = {"kind": "collection_ended", "count": 2, "deselected": 1, "errors": []}


def ended(test: str = "a", **changes: object) -> dict[str, Any]:
    plain = {
        "kind": "result",
        "id": test,
        "outcome": "passed",
        "attempt": 1,
        "duration_s": 0.12345678,
        "message": None,
        "facts": FACTS,
        "properties": {},
    }
    return {**plain, **changes}


def line(record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


class Suite:
    """A suite's process, as far as the reader sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = EvidenceStream(path, NONCE)

    def writes(self, *parts: object) -> Suite:
        with self.path.open("ab") as file:
            for part in parts:
                file.writelines(self._as_lines(part))
        return self

    def _as_lines(self, part: object) -> list[bytes]:
        """A result that is written as a record is announced first, as the plugin does."""
        if not isinstance(part, dict) or part.get("kind") != "result":
            return [part if isinstance(part, bytes) else line(part)]
        test = part["id"]
        return [line({"kind": "collected", "ids": [test]}), line({"kind": "started", "id": test}), line(part)]

    def results(self) -> list[str]:
        return [result.id for result in self.stream.look().results]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path / "evidence.jsonl")


def test_before_the_file_is_there_nothing_is_new(suite: Suite) -> None:
    news = suite.stream.look()

    assert (news.collected, news.started, news.results) == ([], [], [])


def test_a_whole_stream_is_told(suite: Suite) -> None:
    suite.writes(HELLO, {"kind": "collected", "ids": ["a", "b"]}, WHOLE)
    suite.writes({"kind": "started", "id": "a"}, line(ended("a")), {"kind": "ended", "exit": 0})
    news = suite.stream.look()

    assert (news.collected, news.started) == (["a", "b"], ["a"])
    (result,) = news.results
    assert (result.id, result.outcome, result.duration_s) == ("a", TestOutcome.PASSED, 0.1235)
    assert result.facts == Facts(bytes_in=120, bytes_out=80, asserts=2, asserts_after=1)
    assert (suite.stream.greeted, suite.stream.finished, suite.stream.strange_lines) == (True, True, 0)
    assert suite.stream.told_exit == 0


def test_what_was_told_is_not_told_again(suite: Suite) -> None:
    suite.writes(HELLO, ended("a"))
    assert suite.results() == ["a"]
    assert suite.results() == []
    assert suite.writes(ended("b")).results() == ["b"]


def test_a_line_is_told_once_it_is_whole_wherever_it_was_cut(suite: Suite) -> None:
    suite.writes(HELLO, ended("größe"))
    suite.stream.look()
    for offset in range(1, 200):
        whole = json.dumps(ended("größe", attempt=offset + 1), ensure_ascii=False).encode() + b"\n"
        assert suite.writes(whole[:offset]).results() == [], f"cut at {offset}"
        assert suite.writes(whole[offset:]).results() == ["größe"], f"cut at {offset}"
    assert suite.stream.strange_lines == 0


def test_the_last_line_of_a_killed_process_is_not_guessed_at(suite: Suite) -> None:
    suite.writes(HELLO, ended("a"), line(ended("b"))[:-10])

    assert suite.results() == ["a"]
    assert not suite.stream.finished


def test_a_stream_larger_than_one_read_is_told_whole(suite: Suite) -> None:
    names = [f"test-{number}-{'x' * 500}" for number in range(READ_SIZE // 700)]
    suite.writes(HELLO, *(ended(name) for name in names))
    assert suite.path.stat().st_size > READ_SIZE

    told = suite.stream.look().results
    assert 0 < len(told) < len(names), "one look takes one piece"
    assert [result.id for result in (*told, *suite.stream.look_at_all().results)] == names


GARBAGE: dict[str, bytes] = {
    "an empty line": b"\n",
    "text": b"hello world\n",
    "no UTF-8": b'{"kind": "started", "id": "\xff\xfe"}\n',
    "zeros": b"\0" * 64 + b"\n",
    "half a record": b'{"kind": "started", "id": \n',
    "a number": b"42\n",
    "nothing": b"null\n",
    "a list": b'["kind", "started"]\n',
    "an unknown kind": line({"kind": "teleported"}),
    "no kind": line({"id": "a"}),
    "a kind that is a list": line({"kind": ["started"]}),
    "a start without a name": line({"kind": "started"}),
    "a collection of nothing": line({"kind": "collected", "ids": None}),
    "errors that are none": line({"kind": "collection_ended", "errors": [1]}),
    "brackets without end": b"[" * 100_000 + b"\n",
    "a huge number": b"9" * 10_000 + b"\n",
    "an unknown outcome": line(ended(outcome="splendid")),
    "a duration that is none": line(ended(duration_s="long")),
    "a duration that is no number": line(ended(duration_s=math.nan)),
    "a duration without end": line(ended(duration_s=math.inf)),
    "a negative duration": line(ended(duration_s=-1)),
    "an attempt that is none": line(ended(attempt="first")),
    "bytes without end": line(ended(facts={**FACTS, "bytes_in": math.inf})),
    "bytes that are none": line(ended(facts={**FACTS, "bytes_in": None})),
    "facts that are none": line(ended(facts=[])),
    "properties that are none": line(ended(properties=7)),
}
MISSING = {f"a result without {name}": {**ended()} for name in ended()}
for absent, record in zip(ended(), MISSING.values(), strict=True):
    del record[absent]
LESS_FACTS = {f"facts without {name}": {key: FACTS[key] for key in FACTS if key != name} for name in FACTS}


@pytest.mark.parametrize(
    "garbage",
    [
        *GARBAGE.values(),
        *(line(record) for record in MISSING.values()),
        *(line(ended(facts=facts)) for facts in LESS_FACTS.values()),
    ],
    ids=[*GARBAGE, *MISSING, *LESS_FACTS],
)
def test_a_line_that_is_no_record_of_ours_is_counted_and_not_believed(suite: Suite, garbage: bytes) -> None:
    suite.writes(HELLO, {"kind": "collected", "ids": ["a"]}, {"kind": "started", "id": "a"}, garbage, ended("after"))
    news = suite.stream.look_at_all()

    assert (news.collected, news.started) == (["a", "after"], ["a", "after"])
    assert [result.id for result in news.results] == ["after"]
    assert suite.stream.strange_lines == 1
    assert suite.stream.collection_errors == []


GREETINGS = {
    "another's nonce": {**HELLO, "nonce": "somebody else's"},
    "no nonce": {"kind": "hello", "asserts": "counted"},
    "no word on assertions": {"kind": "hello", "nonce": NONCE},
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_stream_with_a_wrong_greeting_is_not_believed(suite: Suite, greeting: object) -> None:
    assert suite.writes(greeting, ended("a"), {"kind": "ended"}).results() == []
    assert (suite.stream.greeted, suite.stream.finished, suite.stream.strange_lines) == (False, False, 5)


def test_a_wrong_greeting_does_not_silence_the_right_one(suite: Suite) -> None:
    suite.writes(HELLO, GREETINGS["another's nonce"], ended("a"))

    assert suite.results() == ["a"]
    assert suite.stream.strange_lines == 1


def test_a_stream_without_a_greeting_is_not_believed(suite: Suite) -> None:
    assert suite.writes(ended("a")).results() == []
    assert suite.stream.strange_lines == 3


def test_assertions_that_could_not_be_counted_are_unknown(suite: Suite) -> None:
    suite.writes({**HELLO, "asserts": "unknown"}, ended("a"))
    (result,) = suite.stream.look().results

    assert result.facts is not None
    assert (result.facts.asserts, result.facts.asserts_after) == (None, None)


@pytest.mark.parametrize("outcome", TestOutcome)
def test_every_outcome_is_told(suite: Suite, outcome: TestOutcome) -> None:
    suite.writes(HELLO, ended(outcome=outcome.value, message="it broke", duration_s=None))
    (result,) = suite.stream.look().results

    assert (result.outcome, result.message, result.duration_s) == (outcome, "it broke", None)


def test_each_attempt_is_told(suite: Suite) -> None:
    suite.writes(HELLO, ended(outcome="failed"), ended(attempt=2))

    assert [result.attempt for result in suite.stream.look().results] == [1, 2]


def test_what_speaks_against_a_test_is_told(suite: Suite) -> None:
    more = {"smells": ["swallows"], "unverified": ["t:443"], "visible": True, "unattributed": 9, "too_near": ["t:1"]}
    suite.writes(HELLO, ended(facts={**FACTS, **more}))
    (result,) = suite.stream.look().results

    known = Facts(bytes_in=120, bytes_out=80, asserts=2, asserts_after=1)
    assert result.facts == replace(
        known, smells=(Smell.SWALLOWS,), unverified=("t:443",), visible=True, unattributed=9, too_near=("t:1",)
    )


def test_errors_of_the_collection_are_kept_short(suite: Suite) -> None:
    suite.writes(HELLO, {**WHOLE, "count": 0, "errors": [{"id": "test_x.py", "message": "y" * 9000}]})
    suite.stream.look()

    assert suite.stream.collection_errors == [f"test_x.py: {'y' * 489}"]


FORGED: dict[str, list[object]] = {
    "a result of a test that was not collected": [line(ended("b"))],
    "a result of a test that did not start": [{"kind": "collected", "ids": ["b"]}, line(ended("b"))],
    "a second result of one attempt": [line(ended("a", outcome="passed"))],
    "a result after the end": [*([WHOLE, {"kind": "ended", "exit": 0}]), line(ended("a", attempt=2))],
    "an end without a collection": [{"kind": "ended", "exit": 0}],
    "a collection of another size": [{**WHOLE, "count": 7}],
    "a test collected after the collection": [WHOLE, {"kind": "collected", "ids": ["c"]}],
    "a start of a test that was not collected": [{"kind": "started", "id": "b"}],
    "an endless line": [b"x" * (1024 * 1024 + 1)],
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_what_contradicts_the_rest_is_not_believed(suite: Suite, forged: list[object]) -> None:
    suite.writes(HELLO, ended("a", outcome="failed"), {"kind": "collected", "ids": ["z"]}, *forged)
    news = suite.stream.look_at_all()

    assert [(result.id, result.outcome) for result in news.results] == [("a", TestOutcome.FAILED)]
    assert suite.stream.strange_lines == 1


def test_a_file_that_is_put_in_its_place_is_never_read(suite: Suite) -> None:
    suite.writes(HELLO)
    suite.path.unlink()
    os.mkfifo(suite.path)

    assert suite.results() == []
    suite.stream.close()


def test_the_file_of_an_earlier_attempt_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "evidence.jsonl").write_bytes(line(HELLO))

    with pytest.raises(FileExistsError):
        EvidenceStream(tmp_path / "evidence.jsonl", NONCE)
