"""The one door of all events: numbered, stamped, masked, kept, folded, and only then shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from netra_loop.adapters.redact import Redactor
from netra_loop.core import codec
from netra_loop.core.errors import StorageError
from netra_loop.core.events import (
    ActEnded,
    ActStarted,
    Event,
    HandleKnown,
    IterationBegun,
    ReaderUnplugged,
    TestResult,
    TestsObserved,
    Ticked,
)
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import Result
from netra_loop.core.session import replay
from netra_loop.stream import Stream
from tests.loop.world import HandClock, MemoryJournal, Notebook, opening
from tests.stories import START, Story, usual_plan

SECRET = "tr0ub4dor&3"


def as_it_is(text: str) -> str:
    return text


def stream_of(
    journal: MemoryJournal, *readers: Notebook, clock: HandClock | None = None, secrets: tuple[str, ...] = ()
) -> Stream:
    mask = Redactor(secrets).text if secrets else as_it_is
    return Stream(journal, clock or HandClock(), mask, readers)


def opened(journal: MemoryJournal, *readers: Notebook, secrets: tuple[str, ...] = ()) -> Stream:
    stream = stream_of(journal, *readers, secrets=secrets)
    stream.emit(opening(usual_plan()))
    stream.emit(IterationBegun(1))
    return stream


def test_before_the_first_event_there_is_no_session() -> None:
    stream = stream_of(MemoryJournal())

    assert not stream.is_open
    with pytest.raises(ValueError, match="not open yet"):
        _ = stream.session
    stream.emit(opening(usual_plan()))
    assert stream.is_open


def test_entries_are_numbered_from_one_without_gaps() -> None:
    journal = MemoryJournal()
    stream = opened(journal)
    for _ in range(5):
        stream.emit(Ticked())

    assert [entry.seq for entry in journal.kept] == [1, 2, 3, 4, 5, 6, 7]
    assert stream.session.seq == 7


def test_a_stream_of_a_journal_goes_on_where_it_ended() -> None:
    story = Story(usual_plan()).begin().deploys()
    journal = MemoryJournal(story.entries)
    stream = stream_of(journal)

    assert stream.session == story.session
    assert stream.emit(Ticked()).seq == len(story.entries) + 1


def test_what_emit_returns_is_the_session_that_includes_the_event() -> None:
    stream = opened(MemoryJournal())
    act = Story(usual_plan()).begin().start("deploy-backend").session.record("1/deploy-backend").act

    session = stream.emit(ActStarted(act))

    assert session is stream.session
    assert session.record(act.id).running


def test_time_never_goes_back() -> None:
    journal, clock = MemoryJournal(), HandClock()
    stream = stream_of(journal, clock=clock)
    stream.emit(opening(usual_plan()))
    for turn in (10.0, -3600.0, 1.0, 86400.0, -1.0):
        clock.turn(turn)
        stream.emit(Ticked())

    passed = [(entry.at - START).total_seconds() for entry in journal.kept]
    assert passed == [0, 10, 10, 10, 82811, 82811]


def test_time_does_not_go_back_over_a_restart_either() -> None:
    story = Story(usual_plan()).begin()
    journal = MemoryJournal(story.entries)
    stream_of(journal, clock=HandClock(START - timedelta(days=1))).emit(Ticked())

    assert journal.kept[-1].at == story.entries[-1].at


def told(act_id: str) -> list[Event]:
    """Every place where a runner can tell of something it saw."""
    failure = TestResult(f"test[{SECRET}]", TestOutcome.FAILED, message=f"said {SECRET}", properties={"x": SECRET})
    evidence = Evidence("output", f"line\n{SECRET}\n", "artifacts/output.txt", "0" * 64)
    return [
        HandleKnown(act_id, {"command": f"curl -u user:{SECRET}", "url": f"https://user:{SECRET}@host/"}),
        TestsObserved(act_id, (failure,), (SECRET,)),
        ActEnded(act_id, Result(Outcome.FAILED, (f"reason {SECRET}",), None, (evidence,))),
        ReaderUnplugged("live", f"RuntimeError: {SECRET}"),
    ]


def test_a_secret_is_masked_before_it_is_kept_folded_or_shown() -> None:
    journal, reader = MemoryJournal(), Notebook()
    stream = opened(journal, reader, secrets=(SECRET,))
    act = Story(usual_plan()).begin().start("p1").session.record("1/p1").act
    stream.emit(ActStarted(act))
    for event in told(act.id):
        stream.emit(event)
    stream.show_all()

    for where in (journal.events, reader.events, stream.session):
        assert SECRET not in repr(where)
        assert "[masked]" in repr(where)


def test_what_is_folded_is_what_a_replay_of_the_journal_gives() -> None:
    journal = MemoryJournal()
    stream = opened(journal, secrets=(SECRET,))
    act = Story(usual_plan()).begin().start("p1").session.record("1/p1").act
    for event in (ActStarted(act), *told(act.id)):
        stream.emit(event)

    assert replay(journal.kept) == stream.session
    assert [codec.decode(codec.encode(event)) for event in journal.events] == journal.events


def test_what_cannot_be_kept_did_not_happen_and_nothing_happens_after_it() -> None:
    journal, reader = MemoryJournal(fails_at=3), Notebook()
    stream = opened(journal, reader)
    before = stream.session
    stream.show_all()

    for _ in range(3):
        with pytest.raises(StorageError, match="no space for entry 3"):
            stream.emit(Ticked())

    assert stream.session is before
    assert journal.asked == 3, "a journal that failed is not written again"
    stream.show_all()
    assert [entry.seq for entry in reader.seen] == [1, 2]


def test_an_event_that_does_not_fit_is_not_kept() -> None:
    journal = MemoryJournal()
    stream = opened(journal)

    with pytest.raises(ValueError, match="opens once"):
        stream.emit(opening(usual_plan()))
    assert len(journal.kept) == 2


def test_whoever_waits_is_told_once_the_event_is_kept() -> None:
    journal = MemoryJournal(fails_at=4)
    stream = opened(journal)
    seen: list[int] = []
    stream.on_change = lambda: seen.append(stream.session.seq)
    stream.emit(Ticked())
    with pytest.raises(StorageError):
        stream.emit(Ticked())

    assert seen == [3]


def test_every_reader_gets_every_entry_once_and_in_order() -> None:
    often, seldom = Notebook("often"), Notebook("seldom")
    stream = opened(MemoryJournal(), often, seldom)
    for _ in range(6):
        stream.show(stream.seats[0])
        stream.emit(Ticked())
    stream.show_all()
    stream.show_all()

    assert [entry.seq for entry in often.seen] == [entry.seq for entry in seldom.seen] == list(range(1, 9))
    assert (often.readings, seldom.readings) == (7, 1), "who has no news is not asked to read"


def test_a_reader_that_raises_is_unplugged_named_and_never_called_again() -> None:
    journal, torn, whole = MemoryJournal(), Notebook("live", breaks_at=Ticked), Notebook("worklog")
    stream = opened(journal, torn, whole)
    stream.emit(Ticked())
    for _ in range(3):
        stream.show_all()
        stream.emit(Ticked())
    stream.show_all()

    unplugged = ReaderUnplugged("live", "RuntimeError: live is torn")
    assert torn.readings == 1
    assert stream.session.unplugged == (unplugged,)
    assert [event for event in journal.events if isinstance(event, ReaderUnplugged)] == [unplugged]
    assert len(whole.seen) == len(journal.kept), "the others are not disturbed"


def test_readers_that_were_shown_everything_are_told_of_one_that_breaks_after_them() -> None:
    first, last = Notebook("worklog"), Notebook("live", breaks_at=Ticked)
    stream = opened(MemoryJournal(), first, last)
    stream.emit(Ticked())
    stream.show_all()

    assert first.events[-1] == ReaderUnplugged("live", "RuntimeError: live is torn")


def test_readers_that_all_break_do_not_stop_anything() -> None:
    readers = [Notebook(name, breaks_at=ReaderUnplugged) for name in ("one", "two")]
    stream = opened(MemoryJournal(), *readers, Notebook("three", breaks_at=Ticked))
    stream.emit(Ticked())
    stream.show_all()

    assert [each.reader for each in stream.session.unplugged] == ["three", "one", "two"]
    assert stream.emit(Ticked()).seq == 7


def test_the_message_of_a_reader_that_breaks_is_masked_too() -> None:
    torn = Notebook(f"live of {SECRET}", breaks_at=Ticked)
    stream = opened(MemoryJournal(), torn, secrets=(SECRET,))
    stream.emit(Ticked())
    stream.show_all()

    assert SECRET not in repr(stream.session)
