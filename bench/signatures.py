"""Ten thousand failure texts: their signatures against hashing the raw texts, side by side."""

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from netra_loop.diagnosis.signatures import shape, signature

CAUSES, NOISE = 60, 40  # what truly differs, and lines of captured log below each text
ROUNDS = 5


def texts(count: int) -> list[str]:
    """Texts of about 3 KB: one line that says what went wrong, numbers and hosts that change, and a log."""
    log = "\n".join(
        f"17:10:{line % 60:02} INFO backend request {line} answered 200 in {line * 7} ms" for line in range(NOISE)
    )
    return [
        f"AssertionError: step {'abcdefghij'[number % CAUSES // 6]}{'uvwxyz'[number % 6]} of 10.0.0.{number % 250}"
        f" gave up after {number / 7:.3f} s, run {number:012x}\n{number}\n{log}"
        for number in range(count)
    ]


def seconds(work: Callable[[Sequence[str]], int], given: Sequence[str]) -> tuple[float, int]:
    """The median of some rounds, and how many groups there were."""
    took = []
    groups = 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        groups = work(given)
        took.append(time.perf_counter() - begun)
    return statistics.median(took), groups


def raw(given: Sequence[str]) -> int:
    return len({hashlib.blake2b(text.encode()).digest() for text in given})


def grouped(given: Sequence[str]) -> int:
    return len({signature("unexplained", [words]) for words in {shape(text) for text in given}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    given = texts(parser.parse_args().count)
    whole, apart = seconds(raw, given)
    masked, groups = seconds(grouped, given)
    sys.stdout.write(f"{len(given)} texts of {sum(map(len, given)) // len(given)} characters, {CAUSES} causes\n")
    sys.stdout.write(f"hashed raw: {whole * 1000:.0f} ms, {apart} groups\n")
    sys.stdout.write(
        f"signatures: {masked * 1000:.0f} ms, {groups} groups, {masked / whole:.1f} times the raw hash (limit 6)\n"
    )


if __name__ == "__main__":
    main()
