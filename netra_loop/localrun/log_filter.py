"""The Cloud Logging query language: a filter's text becomes a predicate over log entries.

Grammar, loosest first (cloud.google.com/logging/docs/view/logging-query-language): comparisons side by side or joined
by AND, then OR, then NOT or a leading minus. A comparison is `key OP value`, `key OP (value OR value)`, `log_id("x")`
or a text to look for anywhere.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from netra_loop.localrun.errors import ApiError, invalid
from netra_loop.localrun.fields import Document
from netra_loop.localrun.log_match import Comparison, contains_text, has_log_id

LONGEST_FILTER = 20_000
DEEPEST_NESTING = 50
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

Predicate = Callable[[Document], bool]


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


def compile_filter(text: str) -> Predicate:
    """The predicate of a filter; an empty one accepts every entry.

    Raises INVALID_ARGUMENT with line and column for a filter that cannot be read.
    """
    if len(text) > LONGEST_FILTER:
        raise invalid(f"Unparseable filter: it is longer than {LONGEST_FILTER} characters")
    parser = Parser(text)
    return parser.whole() if parser.token.kind is not Kind.END else lambda _: True


class Parser:
    """Recursive descent over the tokens of one filter; `token` is the next one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def whole(self) -> Predicate:
        predicate = self._conjunction()
        if self.token.kind is not Kind.END:
            raise self._unexpected("the end")
        return predicate

    def _conjunction(self) -> Predicate:
        parts = [self._disjunction()]
        while self.token.kind not in (Kind.END, Kind.CLOSE):
            if self.token.is_word("AND"):
                self._take()
            parts.append(self._disjunction())
        return parts[0] if len(parts) == 1 else lambda entry: all(part(entry) for part in parts)

    def _disjunction(self) -> Predicate:
        parts = [self._negation()]
        while self.token.is_word("OR"):
            self._take()
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda entry: any(part(entry) for part in parts)

    def _negation(self) -> Predicate:
        negated = False
        while self.token.is_word("NOT") or self.token.kind is Kind.MINUS:
            self._take()
            negated = not negated
        inner = self._group() if self.token.kind is Kind.OPEN else self._comparison()
        return (lambda entry: not inner(entry)) if negated else inner

    def _group(self) -> Predicate:
        self._enter()
        predicate = self._conjunction()
        self._leave()
        return predicate

    def _comparison(self) -> Predicate:
        key = self._word("a field or a text")
        if self.token.kind is Kind.OPEN and key.text == "log_id":
            self._enter()
            name = unquote(self._word("a log id").text)
            self._leave()
            return has_log_id(name)
        if self.token.kind is not Kind.OPERATOR:
            return contains_text(unquote(key.text))
        return self._values_or_value(key, self._take().text)

    def _values_or_value(self, key: Token, operator: str) -> Predicate:
        return self._values(key, operator) if self.token.kind is Kind.OPEN else self._compare(key, operator)

    def _values(self, key: Token, operator: str) -> Predicate:
        """`(a OR b)` or `(a AND b)` after an operator; OR binds tighter, as everywhere."""
        self._enter()
        alternatives = [[self._value(key, operator)]]
        while self.token.kind is not Kind.CLOSE:
            if self.token.is_word("OR"):
                self._take()
                alternatives[-1].append(self._value(key, operator))
            else:
                if self.token.is_word("AND"):
                    self._take()
                alternatives.append([self._value(key, operator)])
        self._leave()
        return lambda entry: all(any(part(entry) for part in parts) for parts in alternatives)

    def _value(self, key: Token, operator: str) -> Predicate:
        negated = self.token.is_word("NOT")
        if negated:
            self._take()
        inner = self._values_or_value(key, operator)
        return (lambda entry: not inner(entry)) if negated else inner

    def _compare(self, key: Token, operator: str) -> Predicate:
        minus = self._take().text if self.token.kind is Kind.MINUS else ""
        value = self._word("a value")
        try:
            return Comparison.of(key_path(key.text), operator, minus + unquote(value.text)).matches
        except ValueError as error:
            raise self._wrong(value, str(error)) from None

    def _take(self) -> Token:
        token = self.token
        self._next += 1
        return token

    def _word(self, expected: str) -> Token:
        if self.token.kind is not Kind.WORD or self.token.text in ("AND", "OR", "NOT"):
            raise self._unexpected(expected)
        return self._take()

    def _enter(self) -> None:
        self._take()
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise self._wrong(self.token, f"nested deeper than {DEEPEST_NESTING}")

    def _leave(self) -> None:
        if self.token.kind is not Kind.CLOSE:
            raise self._unexpected("')'")
        self._take()
        self._depth -= 1

    def _unexpected(self, expected: str) -> ApiError:
        found = f"'{self.token.text}'" if self.token.text else "the end"
        return self._wrong(self.token, f"expected {expected}, found {found}")

    def _wrong(self, token: Token, problem: str) -> ApiError:
        return unparseable(self._text, token.offset, problem)


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
