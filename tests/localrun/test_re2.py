"""Regular expressions as RE2 takes them, and as no backtracking engine could."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.logs.re2 import LARGEST_PROGRAM, MOST_LEARNT, Pattern

FOUND = [
    ("", ""), ("a+b", "xaab"), ("^ab$", "ab"), ("(?i)HeLLo", "say hello"), (r"\bfoo\b", "a foo b"), ("(a|aa)*$", "aab"),
    ("(?m)^b$", "a\nb\nc"), ("[[:alpha:]]{3}", "1ab2abc"), (r"\d{3}-\d{2,}", "555-12"), ("a{0}b", "b"), (r"\pL", "é"),
    (r"\Qa.b\E+", "a.bbb"), ("[]a]", "]"), ("a{,3}", "a{,3}"), ("(?P<name>x)(?<other>y)", "xy"), ("(?s)a.b", "a\nb"),
    ("(?i:A)b", "ab"), (r"\x41\x{1F600}\101", "A\U0001f600A"), (r"[^[:^digit:]]", "7"), (r"[\d\-x]+$", "4-x"),
    (r"\p{Lu}\PL", "Ä1"), (r"\Aa\z", "a"), (r"a\Bb", "ab"), ("a|", "b"), ("[a-]", "-"), ("(?i)[A-C]", "b"),
    (r"\C", "ä"),
    ("(?:a*)*b", "b"), ("x*?y", "xy"), (r"\.\/\_", "./_"), (r"[\]\\]", "\\"), ("(?U)a+?", "a"), ("a(?i)b", "aB"),
]  # fmt: skip
NOT_FOUND = [
    ("^ab$", "ab\n"), (r"\bfoo\b", "afoo"), ("[^a-c]", "abc"), ("a.b", "a\nb"), ("(?i:A)b", "AB"), (r"\d", "٣"),
    (r"\w", "é"), ("(?-i)a", "A"), (r"\Qa.b\E", "axb"), (r"[[:upper:]]", "ä"), ("a{2,3}$", "ba"), (r"\PL", "a"),
]  # fmt: skip
REFUSED = {
    "(?=a)": "invalid perl operator", "(?!a)": "invalid perl operator", "(?<=a)b": "invalid perl operator",
    "(?<!a)b": "invalid perl operator", "(?P=a)": "invalid perl operator", "(?>a)": "invalid perl operator",
    "(?#a)": "invalid perl operator", "(?x)a": "invalid perl operator", r"(a)\1": "invalid escape sequence",
    r"\Z": "invalid escape sequence", "a**": "bad repetition operator", "a++": "bad repetition operator",
    "a{1001}": "bad repetition operator", "a{2,1}": "bad repetition operator", "*a": "no argument",
    "a)": "unexpected )",
    "(a": "missing )", "[a": "missing ]", "[b-a]": "invalid character class range", "[[:what:]]": "invalid character",
    "a\\": "trailing", "(" * 200: "nested too deeply", f"(a{{{LARGEST_PROGRAM}}}){{9}}": "pattern too large",
    r"\x{110000}": "invalid escape sequence",
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "text"), FOUND)
def test_a_pattern_that_is_found(pattern: str, text: str) -> None:
    assert Pattern(pattern).is_in(text)


@pytest.mark.parametrize(("pattern", "text"), NOT_FOUND)
def test_a_pattern_that_is_not_found(pattern: str, text: str) -> None:
    assert not Pattern(pattern).is_in(text)


@pytest.mark.parametrize(("pattern", "problem"), REFUSED.items())
def test_what_re2_refuses_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Pattern(pattern)


def test_patterns_that_would_never_end_elsewhere_end() -> None:
    assert not Pattern("^(a+)+$").is_in("a" * 20_000 + "b")
    assert not Pattern("^(a|aa|aaa)*$").is_in("a" * 20_000 + "b")
    assert not Pattern(".*.*.*.*=x").is_in("a" * 20_000)


def test_more_than_is_remembered_is_searched_all_the_same() -> None:
    text = "".join("ab"[(number * number >> 3) % 2] for number in range(4 * MOST_LEARNT))
    assert not Pattern("a(a|b){20}c").is_in(text)
    assert Pattern("a(a|b){20}c").is_in(text + "a" * 21 + "c")


PIECES = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "(?:a|b)", "(?:ab)", r"\b", "^", "$", r"\w", "(?:)", "\n"])
REPEATED = st.builds("(?:{}){}".format, PIECES, st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "{0,}"]))
PATTERNS = st.lists(REPEATED, min_size=1, max_size=4).map("".join)


@given(st.lists(PATTERNS, min_size=1, max_size=2).map("|".join), st.text("ab\n _", max_size=8))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    same = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    assert Pattern(pattern).is_in(text) == bool(same.search(text))


@given(st.text("ab(){}[]|*+?^$\\.,:-dQExpP12<>=!iA", max_size=12), st.text("ab1", max_size=5))
def test_any_pattern_is_understood_or_refused(pattern: str, text: str) -> None:
    try:
        Pattern(pattern).is_in(text)
    except ValueError as refusal:
        assert str(refusal)
