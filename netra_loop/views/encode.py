"""Other people's text made harmless, one encoder a sink: the terminal, Markdown. (JSON has its own escapes.)

Tests, services, logs and files may say anything: escape sequences, markup, forged headings, reversed text. What is
shown is what was said, with everything that would act made visible instead.
"""

from __future__ import annotations

import re

_RUNS = re.compile(r"`+")


def visible(text: str) -> str:
    """The text on one line without a character that acts: controls as \\xNN, other unprintable ones as <U+NNNN>."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character in "\n\t":
        return {"\n": "\\n", "\t": " "}[character]
    number = ord(character)
    return f"\\x{number:02x}" if number < 0xA0 else f"<U+{number:04X}>"


def code(text: str) -> str:
    """A Markdown code span, also inside a table; a dash for nothing."""
    shown = visible(text).replace("|", "\\|")
    if not shown.strip():
        return "-"
    fence = "`" * (max(map(len, _RUNS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str) -> str:
    """A Markdown code block, its fence longer than any run of backticks inside."""
    lines = [visible(line) for line in text.splitlines()]
    longest = max((len(run) for line in lines for run in _RUNS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}text", *lines, fence))
