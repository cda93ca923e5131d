"""The syntax of RE2's regular expressions (github.com/google/re2/wiki/Syntax), read into a tree."""

import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

DEEPEST_NESTING = 100
MOST_REPEATS = 1000
ESCAPED = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
REPEAT = re.compile(r"([*+?]|\{(\d+)(,?)(\d*)\})\??")
GROUP = re.compile(r"\((?:\?(?:P?<(\w+)>|([imsU]*)(?:-([imsU]+))?([:)])))?")
CODE = re.compile(r"x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|(0[0-7]{0,2}|[1-7][0-7]{1,2})")
CATEGORY = re.compile(r"[pP](?:([A-Z])|\{(\^?)([A-Z][a-z]?)\})")
POSIX = re.compile(r"\[:(\^?)(\w+):\]")

Test = Callable[[str], bool]


class Edge(Enum):
    """What can be asked of a place between two characters."""

    TEXT_START = "A"
    TEXT_END = "z"
    LINE_START = "^"
    LINE_END = "$"
    WORD = "b"
    NO_WORD = "B"


@dataclass(frozen=True, slots=True)
class Char:
    """One character that passes a test."""

    test: Test


@dataclass(frozen=True, slots=True)
class Chain:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` times or more, up to `most` if that is not None."""

    part: "Node"
    least: int
    most: int | None


Node = Char | Edge | Chain | Choice | Repeat


def is_word(char: str) -> bool:
    """Whether \\w takes a character; classes are ASCII in RE2."""
    return char == "_" or (char.isascii() and char.isalnum())


CLASSES: dict[str, Test] = {"d": lambda char: "0" <= char <= "9", "w": is_word, "s": lambda char: char in "\t\n\f\r "}
POSIX_CLASSES: dict[str, Test] = {
    "alnum": lambda char: char.isascii() and char.isalnum(),
    "alpha": lambda char: char.isascii() and char.isalpha(),
    "ascii": str.isascii,
    "blank": lambda char: char in "\t ",
    "cntrl": lambda char: char < " " or char == "\x7f",
    "digit": CLASSES["d"],
    "graph": lambda char: "!" <= char <= "~",
    "lower": lambda char: "a" <= char <= "z",
    "print": lambda char: " " <= char <= "~",
    "punct": lambda char: "!" <= char <= "~" and not char.isalnum(),
    "space": lambda char: char in "\t\n\v\f\r ",
    "upper": lambda char: "A" <= char <= "Z",
    "word": is_word,
    "xdigit": lambda char: char in "0123456789abcdefABCDEF",
}


def parse(pattern: str) -> Node:
    """The tree of a pattern. Raises ValueError for what RE2 refuses, such as look-around and back references."""
    return Parser(pattern).whole()


class Parser:
    """Recursive descent over one pattern; the flags are those in force at the place reached."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._flags = frozenset[str]()

    def whole(self) -> Node:
        node = self._choice()
        if self._at < len(self._pattern):
            raise ValueError("unexpected )")
        return node

    def _choice(self) -> Node:
        parts = [self._chain()]
        while self._skip("|"):
            parts.append(self._chain())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _chain(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            if self._skip("\\Q"):
                parts += [self._char(char) for char in self._quoted()]
            else:
                parts.append(self._atom())
            if parts:
                parts[-1] = self._repeated(parts[-1])
        return Chain(tuple(parts))

    def _quoted(self) -> str:
        text, found, _ = self._pattern[self._at :].partition("\\E")
        self._at += len(text) + len(found)
        return text

    def _repeated(self, part: Node) -> Node:
        found = REPEAT.match(self._pattern, self._at)
        if found is None:
            return part
        self._at = found.end()
        if REPEAT.match(self._pattern, self._at):
            raise ValueError(f"bad repetition operator: {self._pattern[found.start() : self._at + 1]}")
        return Repeat(part, *_bounds(found))

    def _atom(self) -> Node:
        char = self._pattern[self._at]
        if char == "(":
            return self._group()
        if char == "[":
            return Char(self._class())
        if REPEAT.match(self._pattern, self._at):
            raise ValueError(f"no argument for repetition operator: {char}")
        self._at += 1
        match char:
            case ".":
                return Char(_anything if "s" in self._flags else lambda found: found != "\n")
            case "^":
                return Edge.LINE_START if "m" in self._flags else Edge.TEXT_START
            case "$":
                return Edge.LINE_END if "m" in self._flags else Edge.TEXT_END
            case "\\":
                return self._escape()
            case _:
                return self._char(char)

    def _group(self) -> Node:
        found = GROUP.match(self._pattern, self._at)
        assert found is not None
        _, on, off, end = found.groups()
        if self._pattern.startswith("(?", self._at) and found[0] == "(":
            raise ValueError(f"invalid perl operator: {self._pattern[self._at : self._at + 4]}")
        self._at = found.end()
        outside = self._flags
        self._flags = (outside | set(on or "")) - set(off or "")
        if end == ")":
            return Chain(())
        node = self._inside()
        self._flags = outside
        return node

    def _inside(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise ValueError("nested too deeply")
        node = self._choice()
        if not self._skip(")"):
            raise ValueError("missing )")
        self._depth -= 1
        return node

    def _escape(self) -> Node:
        edge = self._pattern[self._at : self._at + 1]
        if edge in ("A", "z", "b", "B"):
            self._at += 1
            return Edge(edge)
        if self._skip("C"):
            return Char(_anything)
        escaped = self._escaped()
        return Char(escaped) if callable(escaped) else self._char(escaped)

    def _escaped(self) -> str | Test:
        """What stands after a backslash: a character, or a class of them."""
        letter = self._pattern[self._at : self._at + 1]
        if found := CODE.match(self._pattern, self._at):
            self._at = found.end()
            number = int(found[1] or found[2] or found[3], 8 if found[3] else 16)
            if number > sys.maxunicode:
                raise ValueError(f"invalid escape sequence: \\{found[0]}")
            return chr(number)
        if found := CATEGORY.match(self._pattern, self._at):
            self._at = found.end()
            return _category(found[1] or found[3], (letter == "P") != bool(found[2]))
        self._at += 1
        if letter.lower() in CLASSES:
            test = CLASSES[letter.lower()]
            return test if letter.islower() else _other_than(test)
        if letter in ESCAPED:
            return ESCAPED[letter]
        if not letter:
            raise ValueError("trailing \\")
        if letter.isascii() and letter.isalnum():
            raise ValueError(f"invalid escape sequence: \\{letter}")
        return letter

    def _class(self) -> Test:
        """A bracket expression; the first `]` in it is a character."""
        self._at += 1
        negated = self._skip("^")
        tests = [self._class_item()]
        while not self._skip("]"):
            tests.append(self._class_item())
        test = self._folded(lambda char: any(item(char) for item in tests))
        return _other_than(test) if negated else test

    def _class_item(self) -> Test:
        if found := POSIX.match(self._pattern, self._at):
            self._at = found.end()
            if found[2] not in POSIX_CLASSES:
                raise ValueError(f"invalid character class range: {found[0]}")
            return _other_than(POSIX_CLASSES[found[2]]) if found[1] else POSIX_CLASSES[found[2]]
        low = self._class_char()
        if callable(low):
            return low
        if self._pattern[self._at : self._at + 1] != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return lambda char: char == low
        self._at += 1
        high = self._class_char()
        if callable(high) or high < low:
            raise ValueError("invalid character class range")
        return lambda char: low <= char <= high

    def _class_char(self) -> str | Test:
        if self._at >= len(self._pattern):
            raise ValueError("missing ]")
        self._at += 1
        char = self._pattern[self._at - 1]
        return self._escaped() if char == "\\" else char

    def _char(self, wanted: str) -> Char:
        return Char(self._folded(lambda char: char == wanted))

    def _folded(self, test: Test) -> Test:
        """A test that ignores case where the flags say so."""
        if "i" not in self._flags:
            return test
        return lambda char: test(char) or test(char.lower()) or test(char.upper())

    def _skip(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) * found
        return found


def _bounds(found: "re.Match[str]") -> tuple[int, int | None]:
    simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    if found[1] in simple:
        return simple[found[1]]
    least = int(found[2])
    most = int(found[4]) if found[4] else None if found[3] else least
    if least > MOST_REPEATS or (most is not None and not least <= most <= MOST_REPEATS):
        raise ValueError(f"bad repetition operator: {found[0]}")
    return least, most


def _anything(_: str) -> bool:
    return True


def _other_than(test: Test) -> Test:
    return lambda char: not test(char)


def _category(name: str, negated: bool) -> Test:
    return lambda char: unicodedata.category(char).startswith(name) != negated
