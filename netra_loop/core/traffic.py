"""A service's traffic as lines of percents: told, compared, and shifted in stages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netra_loop.core.seen import Share


def percents(shares: Iterable[Share]) -> dict[str, int]:
    """What each revision gets, several lines of one revision added up; those that get nothing are left out."""
    found: dict[str, int] = {}
    for share in shares:
        if share.percent:
            found[share.revision] = found.get(share.revision, 0) + share.percent
    return found


def spelled(shares: Iterable[Share]) -> str:
    """The lines as words: `REVISION=PERCENT`, with `@TAG` where there is one; `read` gives them back."""
    return " ".join(f"{s.revision}={s.percent}{'@' + s.tag if s.tag else ''}" for s in shares)


def read(words: str) -> tuple[Share, ...]:
    """The lines that `spelled` was given, without their URLs."""
    lines = (word.partition("=") for word in words.split())
    parts = ((revision, *rest.partition("@")) for revision, _, rest in lines)
    return tuple(Share(revision, int(percent), tag) for revision, percent, _, tag in parts)


def staged(before: Sequence[Share], revision: str, percent: int) -> list[Share]:
    """So many percent for a revision; the rest for what had traffic before, in the same proportion, 100 in all.

    What is lost to whole percents goes to the largest of the others. before: 100 percent, none of it the revision's.
    """
    others = percents(before)
    shares = {name: part * (100 - percent) // 100 for name, part in others.items()}
    shares[max(others, key=lambda name: others[name])] += 100 - percent - sum(shares.values())
    return [Share(revision, percent), *(Share(name, part) for name, part in shares.items() if part)]
