"""What to say about a word that names nothing: the known one that comes closest, and which are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from netra_loop.adapters.planfile.yamldocument import quoted

LONGEST_WORD = 120
MAX_LISTED = 20


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or nothing."""
    folded = {each.lower(): each for each in known}
    likeness = 0.5 if len(word) <= 2 else 0.65  # one wrong letter of two is half of the word
    close = difflib.get_close_matches(word.lower()[:LONGEST_WORD], folded, 1, likeness)
    return folded[close[0]] if close else ""


def did_you_mean(word: str) -> str:
    """The question for a word that `nearest` found, nothing where it found none."""
    return f"did you mean {quoted(word)}?" if word else ""


def known_words(word: str, known: Sequence[str]) -> str:
    """The hint for a word that names nothing: the nearest known one, and the known ones as far as they fit."""
    if not known:
        return "none is known"
    listed = ", ".join(known[:MAX_LISTED])
    more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
    return f"{did_you_mean(nearest(word, known))} known are: {listed}{more}".strip()
