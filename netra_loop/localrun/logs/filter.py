"""The Cloud Logging query language: a filter's text becomes a predicate over log entries and a condition to find them.

Grammar, loosest first (cloud.google.com/logging/docs/view/logging-query-language): comparisons side by side or joined
by AND, then OR, then NOT or a leading minus. A comparison is `key OP value`, `key OP (value OR value)`, a function such
as `log_id("x")` or a text to look for anywhere.
"""

from collections.abc import Sequence

from netra_loop.localrun.errors import ApiError, invalid
from netra_loop.localrun.logs import functions as log_functions
from netra_loop.localrun.logs.index import both, either
from netra_loop.localrun.logs.lexer import Kind, Token, key_path, tokenize, unparseable, unquote
from netra_loop.localrun.logs.match import Filter, comparison, contains_text, field_path

LONGEST_FILTER = 20_000
DEEPEST_NESTING = 50


def compile_filter(text: str) -> Filter:
    """The meaning of a filter; an empty one accepts every entry.

    Raises INVALID_ARGUMENT with line and column for a filter that cannot be read.
    """
    if len(text) > LONGEST_FILTER:
        raise invalid(f"Unparseable filter: it is longer than {LONGEST_FILTER} characters")
    parser = Parser(text)
    return parser.whole() if parser.token.kind is not Kind.END else Filter(lambda _: True)


def all_of(filters: Sequence[Filter]) -> Filter:
    if len(filters) == 1:
        return filters[0]
    return Filter(lambda entry: all(one.matches(entry) for one in filters), both(one.condition for one in filters))


def any_of(filters: Sequence[Filter]) -> Filter:
    if len(filters) == 1:
        return filters[0]
    return Filter(lambda entry: any(one.matches(entry) for one in filters), either(one.condition for one in filters))


def negated(filter_: Filter) -> Filter:
    return Filter(lambda entry: not filter_.matches(entry))


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

    def whole(self) -> Filter:
        filter_ = self._conjunction()
        if self.token.kind is not Kind.END:
            raise self._unexpected("the end")
        return filter_

    def _conjunction(self) -> Filter:
        parts = [self._disjunction()]
        while self.token.kind not in (Kind.END, Kind.CLOSE):
            if self.token.is_word("AND"):
                self._take()
            parts.append(self._disjunction())
        return all_of(parts)

    def _disjunction(self) -> Filter:
        parts = [self._negation()]
        while self.token.is_word("OR"):
            self._take()
            parts.append(self._negation())
        return any_of(parts)

    def _negation(self) -> Filter:
        is_negated = False
        while self.token.is_word("NOT") or self.token.kind is Kind.MINUS:
            self._take()
            is_negated = not is_negated
        inner = self._group() if self.token.kind is Kind.OPEN else self._comparison()
        return negated(inner) if is_negated else inner

    def _group(self) -> Filter:
        self._enter()
        filter_ = self._conjunction()
        self._leave()
        return filter_

    def _comparison(self) -> Filter:
        key = self._word("a field or a text")
        if self.token.kind is Kind.OPEN and key.text in log_functions.NAMES:
            return self._function(key)
        if self.token.kind is not Kind.OPERATOR:
            return contains_text(unquote(key.text))
        return self._values_or_value(key, self._take().text)

    def _function(self, name: Token) -> Filter:
        self._enter()
        arguments = [self._word("an argument").text]
        while self.token.kind is Kind.COMMA:
            self._take()
            arguments.append(self._word("an argument").text)
        self._leave()
        try:
            return log_functions.call(name.text, [(field_path(key_path(one)), unquote(one)) for one in arguments])
        except ValueError as error:
            raise self._wrong(name, str(error)) from None

    def _values_or_value(self, key: Token, operator: str) -> Filter:
        return self._values(key, operator) if self.token.kind is Kind.OPEN else self._compare(key, operator)

    def _values(self, key: Token, operator: str) -> Filter:
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
        return all_of([any_of(parts) for parts in alternatives])

    def _value(self, key: Token, operator: str) -> Filter:
        if not self.token.is_word("NOT"):
            return self._values_or_value(key, operator)
        self._take()
        return negated(self._values_or_value(key, operator))

    def _compare(self, key: Token, operator: str) -> Filter:
        minus = self._take().text if self.token.kind is Kind.MINUS else ""
        value = self._word("a value")
        text = None if value.text == "NULL_VALUE" else minus + unquote(value.text)
        try:
            return comparison(field_path(key_path(key.text)), operator, text)
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
