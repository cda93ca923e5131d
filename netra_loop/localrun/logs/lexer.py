"""The words of a log filter, and where each stands."""

import re
from dataclasses import dataclass
from enum import Enum

from netra_loop.localrun.errors import ApiError, invalid

LEXER = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<operator>=~|!~|!=|<=|>=|[=<>:])
      | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
      | (?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?(?![^\s()]))
      | (?P<minus>-(?=[A-Za-z_"(]))
      | (?P<word>(?:"(?:\\.|[^"\\])*"|[^\s"()=<>:!~,]|[!~](?![=~]))+)""",
    re.VERBOSE,
)
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')


class Kind(Enum):
    OPERATOR = "operator"
    OPEN = "open"
    CLOSE = "close"
    COMMA = "comma"
    MINUS = "minus"
    WORD = "word"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a filter and the offset where it stands."""

    kind: Kind
    text: str
    offset: int

    def is_word(self, keyword: str) -> bool:
        return self.kind is Kind.WORD and self.text == keyword


def unparseable(text: str, offset: int, problem: str) -> ApiError:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return invalid(f"Unparseable filter: syntax error at line {line}, column {column}: {problem}")


def tokenize(text: str) -> list[Token]:
    """The tokens of a filter, the last of kind END. Raises INVALID_ARGUMENT."""
    tokens = []
    offset = 0
    while offset < len(text):
        found = LEXER.match(text, offset)
        if found is None or found.lastgroup is None:
            raise unparseable(text, offset, f"unexpected {text[offset]!r}")
        if found.lastgroup != "space":
            kind = Kind.WORD if found.lastgroup == "time" else Kind(found.lastgroup)
            tokens.append(Token(kind, found[0], offset))
        offset = found.end()
    return [*tokens, Token(Kind.END, "", len(text))]


def unquote(text: str) -> str:
    """A value without the quotes around it. A backslash stays unless it escapes a quote or a backslash: it is regex."""
    return re.sub(r'\\(["\\])', r"\1", text[1:-1]) if QUOTED.fullmatch(text) else text


def key_path(text: str) -> tuple[str, ...]:
    """The segments of a field name; quoted ones may hold dots: `labels."a.b/c"` is ("labels", "a.b/c")."""
    parts = re.findall(r'"(?:\\.|[^"\\])*"|[^."]+', text)
    return tuple(unquote(part) for part in parts)
