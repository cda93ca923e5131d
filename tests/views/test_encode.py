"""Other people's text shows what it says and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.views.encode import code, fenced, visible

HOSTILE = {
    "an escape sequence": ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    "a window title": ("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07"),
    "a C1 control": ("\x9b2J", "\\x9b2J"),
    "a carriage return": ("PASSED\rFAILED", "PASSED\\x0dFAILED"),
    "reversed text": ("user\u202egnp.exe", "user<U+202E>gnp.exe"),
    "a zero-width joiner": ("a\u200db", "a<U+200D>b"),
    "a line break": ("one\ntwo", "one\\ntwo"),
    "a line separator": ("one\u2028two", "one<U+2028>two"),
    "a lone surrogate": ("a\ud800", "a<U+D800>"),
    "Rich markup": (
        "t[default_db-stay] [/x] [link=http://127.0.0.1]",
        "t[default_db-stay] [/x] [link=http://127.0.0.1]",
    ),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_a_shown_text_is_one_printable_line(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


@given(st.text(alphabet="`|a \n<\\", max_size=30))
def test_a_code_span_cannot_be_left(text: str) -> None:
    span = code(text)
    if span != "-":
        fence = re.match(r"`+", span)
        assert fence is not None
        inside = span[len(fence[0]) : -len(fence[0])]
        assert fence[0] not in re.findall(r"`+", inside)
        assert re.search(r"(?<!\\)\|", inside) is None, "an unescaped bar would end the table's cell"


@given(st.text(alphabet="`~#\n a-", max_size=60))
def test_a_block_cannot_be_left(text: str) -> None:
    first, *inside, last = fenced(text).split("\n")
    fence = first.removesuffix("text")
    assert last == fence
    assert all(line.strip() == "" or set(line.strip()) != {"`"} or len(line.strip()) < len(fence) for line in inside)
