"""What earlier sessions tell a new one at its opening, bounded in size: it enters the new journal with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """How a test ended in a session, in one character. REPAIRED: red at first, a counted pass later in that session.

    RETRIED: a pass after a red end, nothing changed in between. NONE: it did not run to an end, or was skipped.
    """

    COUNTED = "."
    UNPROVEN = "p"
    RED = "F"
    REPAIRED = "R"
    RETRIED = "~"
    NONE = "-"


RED_MARKS = frozenset({Mark.RED, Mark.REPAIRED, Mark.RETRIED})


@dataclass(frozen=True, slots=True)
class GoodSession:
    """A GREEN session that left proven revisions serving: by target, and when it ended."""

    session_id: str
    ended: str
    revisions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a signature was seen; times are those of the sessions' openings.

    in_a_row: in how many of the newest sessions that ran its tests, beginning with the session row_began. gone_in: the
    newest session since in which all of them passed with proof, empty for none. same_commit: whether it was ever gone
    again with nothing changed in between, neither commit nor what was deployed.
    """

    signature: str
    first_session: str
    first_seen: str
    last_session: str
    last_seen: str
    sessions: int
    in_a_row: int
    row_began: str
    gone_in: str = ""
    same_commit: bool = False


@dataclass(frozen=True, slots=True)
class Refuted:
    """A cause whose remedy was applied in a session and left the tests of this signature red."""

    signature: str
    cause: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SuitePast:
    """The newest sessions that ran a suite, the newest first, and for each test a mark for each of them."""

    suite: str
    sessions: tuple[str, ...]
    tests: Mapping[str, str]

    def marks(self, test: str) -> tuple[Mark, ...]:
        """How a test ended in each of the sessions; none for one that is not known."""
        return tuple(map(Mark, self.tests.get(test, "")))

    @property
    def was_red(self) -> bool:
        """Whether a test of it was red in the newest of the sessions."""
        return any(Mark(marks[0]) in RED_MARKS for marks in self.tests.values())


@dataclass(frozen=True, slots=True)
class OpenAction:
    """A next action that nothing has closed yet. since: the session that named it first.

    about: the suites, and the tests as `suite::test`, whose counted passes close it.
    """

    id: str
    horizon: str
    text: str
    since: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What is known at a session's opening of its environment. actions: of the newest session of the same focus.

    skipped: how many journals could not be read. trouble: why the history could not be used, empty if it was.
    """

    last_good: GoodSession | None = None
    sightings: tuple[Sighting, ...] = ()
    refuted: tuple[Refuted, ...] = ()
    suites: tuple[SuitePast, ...] = ()
    actions: tuple[OpenAction, ...] = ()
    skipped: int = 0
    trouble: str = ""

    def sighting(self, signature: str) -> Sighting | None:
        """What is known of a signature."""
        return next((each for each in self.sightings if each.signature == signature), None)

    def suite(self, suite: str) -> SuitePast | None:
        """What is known of a suite."""
        return next((each for each in self.suites if each.suite == suite), None)


@dataclass(frozen=True, slots=True)
class Word:
    """What one session says of a signature: that it was there, or that all of its tests passed with proof.

    commit: a digest of what was tested, empty where that is not known. Words sort by their time.
    """

    at: str
    session_id: str
    commit: str
    is_seen: bool


def sighting_of(signature: str, words: Sequence[Word]) -> Sighting:
    """All words about a signature, at least one of which saw it, in one."""
    ordered = sorted(words, key=lambda word: (word.at, word.session_id))
    seen = [word for word in ordered if word.is_seen]
    gone = [position for position, word in enumerate(ordered) if not word.is_seen]
    last = ordered.index(seen[-1])
    before = max((position for position in gone if position < last), default=-1)
    return Sighting(
        signature=signature,
        first_session=seen[0].session_id,
        first_seen=seen[0].at,
        last_session=seen[-1].session_id,
        last_seen=seen[-1].at,
        sessions=len(seen),
        in_a_row=last - before,
        row_began=ordered[before + 1].session_id,
        gone_in=ordered[-1].session_id if not ordered[-1].is_seen else "",
        same_commit=_left_by_itself(ordered),
    )


def _left_by_itself(words: Sequence[Word]) -> bool:
    """Whether it was seen and then gone at one and the same commit."""
    return any(
        word.is_seen and not later.is_seen and word.commit and word.commit == later.commit
        for position, word in enumerate(words)
        for later in words[position + 1 :]
    )


def suite_past(suite: str, sessions: Sequence[tuple[str, Mapping[str, Mark]]], most: int) -> SuitePast:
    """The newest sessions that ran something of a suite, of all that are given with their marks, the newest first."""
    ran = [(session, marks) for session, marks in sessions if set(marks.values()) != {Mark.NONE}][:most]
    tests = dict.fromkeys(test for _, marks in ran for test in marks)
    told = {test: "".join(marks.get(test, Mark.NONE).value for _, marks in ran) for test in tests}
    return SuitePast(suite, tuple(session for session, _ in ran), told)
