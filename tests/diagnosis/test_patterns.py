"""Patterns: what messages say without what changes, exact in small numbers, bounded in large ones."""

from __future__ import annotations

import random

import pytest

from netra_loop.core.logs import Pattern
from netra_loop.diagnosis import patterns
from netra_loop.diagnosis.patterns import BlockMiner, Mined, Patterns, mined, top


def texts(found: Mined) -> list[tuple[str, int]]:
    return [(pattern.text, pattern.count) for pattern in found.patterns]


def said(line: bytes) -> tuple[str, str]:
    """A line as `SEVERITY message`."""
    severity, _, message = line.decode("utf-8", "replace").partition(" ")
    return severity, message


def by_blocks(lines: list[bytes], size: int = 100) -> Mined:
    miner = BlockMiner(said)
    for begin in range(0, len(lines), size):
        miner.feed(b"\n".join(lines[begin : begin + size]))
    return miner.mined()


def test_messages_that_differ_in_numbers_ids_and_hosts_are_one_pattern_with_its_first_example() -> None:
    found = mined(
        [
            ("ERROR", "order 17 of 10.0.0.1:6379 failed after 3.2 s, run 0af3c41b77de"),
            ("ERROR", "order 4 of cache.internal failed after 11 s, run 3fa9c1"),
        ]
    )

    assert found.patterns == (
        Pattern(
            "ERROR",
            "order # of HOST failed after # s, run #",
            2,
            "order 17 of 10.0.0.1:6379 failed after 3.2 s, run 0af3c41b77de",
        ),
    )


def test_the_same_words_of_two_severities_are_two_patterns() -> None:
    found = mined([("INFO", "slow"), ("WARNING", "slow"), ("INFO", "slow")])

    assert [(each.severity, each.count) for each in found.patterns] == [("WARNING", 1), ("INFO", 2)]


def test_severe_patterns_come_first_then_the_most_frequent_ones() -> None:
    found = mined([("INFO", "b")] * 3 + [("DEFAULT", "a")] * 9 + [("ERROR", "d")] + [("CRITICAL", "c")] * 2)

    assert [text for text, _ in texts(found)] == ["c", "d", "a", "b"]
    assert [each.text for each in top(found.patterns, 1)] == ["c", "a"]


def test_a_traceback_is_told_by_the_error_that_it_ends_with() -> None:
    message = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 7, in ask\n    fail()\nTimeoutError: after 30 s\n'
    )

    assert texts(mined([("ERROR", message)])) == [("TimeoutError: after # s", 1)]


def test_of_any_other_message_the_first_line_is_told() -> None:
    assert texts(mined([("INFO", "\n began with 3 workers\nand more")])) == [("began with # workers", 1)]


def test_a_long_message_is_one_pattern_wherever_its_numbers_make_it_end() -> None:
    long = "word " * 200

    assert [count for _, count in texts(mined([("INFO", f"{10**n} {long}") for n in range(20)]))] == [20]


def test_what_is_beyond_the_limit_is_counted_as_other_and_noise_does_not_crowd_out_errors() -> None:
    counted = Patterns(most=10)
    for number in range(100):
        counted.add("INFO", f"{word(number)} happened")
    counted.add("ERROR", "the one that matters")
    found = counted.mined()

    assert texts(found)[0] == ("the one that matters", 1)
    assert (len(found.patterns), found.other, found.count) == (6, 95, 101)


def word(number: int) -> str:
    """A word of its own for each number, without digits and letters from a to f."""
    return "".join("ghijklmnop"[int(digit)] for digit in f"{number:05}")


def test_blocks_give_what_single_messages_give() -> None:
    chance = random.Random(3)
    sentences = ["order {} was taken", "order {} was refused", "hello", "user user-{} left"]
    messages = [
        (chance.choice(["INFO", "ERROR"]), chance.choice(sentences).format(chance.getrandbits(40))) for _ in range(5000)
    ]
    one_by_one = mined(messages)
    blockwise = by_blocks([f"{severity} {message}".encode() for severity, message in messages])

    assert texts(blockwise) == texts(one_by_one)
    assert blockwise.count == 5000


def test_words_that_differ_only_in_the_letters_a_to_f_are_told_apart() -> None:
    lines = [b"INFO start %d" % n if n % 2 else b"INFO started %d" % n for n in range(1000)]

    assert sorted(texts(by_blocks(lines))) == [("start #", 500), ("started #", 500)]


def test_a_pattern_that_later_shares_a_key_is_found_once_samples_differ() -> None:
    lines = [b"INFO fetch %d" % n for n in range(300)] + [b"INFO fetched %d" % n for n in range(9700)]
    found = dict(texts(by_blocks(lines, 10)))

    assert sum(found.values()) == 10_000
    assert found["fetched #"] > 9000, "what was counted before the check stays where it was"


def test_messages_of_nothing_but_hexadecimal_letters_are_read_each() -> None:
    lines = [b"INFO dead", b"INFO beef", b"INFO cafe"] * 50

    assert sorted(texts(by_blocks(lines))) == [("beef", 50), ("cafe", 50), ("dead", 50)]


def test_blank_lines_are_none_and_lines_of_digits_alone_are_lines() -> None:
    miner = BlockMiner(lambda line: ("INFO", line.decode()))
    miner.feed(b"\n12\n\n  \n345\nhello\n")

    assert sorted(texts(miner.mined())) == [("#", 2), ("hello", 1)]


@pytest.mark.parametrize("separator", [b"\r", b"\x00", b"\x0b", b"\x85", "\u2028".encode()])
def test_only_a_line_feed_ends_a_line(separator: bytes) -> None:
    assert by_blocks([b"INFO one" + separator + b"two"]).count == 1


def test_distinct_messages_without_end_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "MOST_KEYS", 50)
    miner = BlockMiner(said)
    for begin in range(0, 6000, 100):
        miner.feed(b"\n".join(b"INFO %s" % word(number).encode() for number in range(begin, begin + 100)))
    found = miner.mined()

    assert (len(found.patterns), found.count) == (patterns.MOST_PATTERNS // 2, 6000)
    assert len(miner._known) <= 50


def test_garbage_is_counted_like_any_other_line() -> None:
    chance = random.Random(11)
    lines = [bytes(chance.choices([*range(10), *range(11, 256)], k=80)) for _ in range(500)]

    assert by_blocks(lines).count == sum(bool(line.strip()) for line in lines)
