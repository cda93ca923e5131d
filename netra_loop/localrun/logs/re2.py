"""Regular expressions as RE2 has them: searched in linear time, whatever the pattern and the text.

Python's own `re` knows other constructs, backtracks without bound and holds up all threads while it does.
"""

from dataclasses import dataclass, field
from typing import assert_never

from netra_loop.localrun.logs.re2_syntax import Chain, Char, Choice, Edge, Node, Repeat, Test, is_word, parse

LARGEST_PROGRAM = 1000  # instructions
MOST_LEARNT = 4000  # steps from a state to the next that are remembered

FOUND = 0  # the instruction that ends the program
END = ""  # stands for the character after the last one, and for the one before the first


@dataclass(frozen=True, slots=True)
class Take:
    """Go on after a character that passes the test."""

    test: Test
    then: int


@dataclass(frozen=True, slots=True)
class Look:
    """Go on where the edge is."""

    edge: Edge
    then: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Go on in several places at once."""

    ways: tuple[int, ...]


@dataclass(eq=False, slots=True)
class State:
    """Where the program may stand after `last`, and the states that are known to follow after the next character."""

    places: frozenset[int]
    last: str
    known: "dict[str, State]" = field(default_factory=dict)


class Pattern:
    """A compiled pattern: a deterministic automaton that is made as it is used. Raises ValueError."""

    def __init__(self, pattern: str) -> None:
        self._program: list[Take | Look | Fork] = [Fork(())]
        self._begin = self._emit(parse(pattern), FOUND)
        self._found = State(frozenset([FOUND]), END)
        self._states: dict[tuple[frozenset[int], str], State] = {}
        self._learnt = 0

    def is_in(self, text: str) -> bool:
        """Whether the pattern matches anywhere in a text."""
        state = self._state(frozenset(), END)
        for char in text:
            state = state.known.get(char) or self._advance(state, char)
            if state is self._found:
                return True
        return (state.known.get(END) or self._advance(state, END)) is self._found

    def _advance(self, state: State, char: str) -> State:
        """Learn which state follows; when that was much already, begin to forget."""
        self._learnt += 1
        if self._learnt % MOST_LEARNT == 0:
            self._states.clear()
        places = self._reach(state, char)
        if FOUND in places:
            follower = self._found
        else:
            steps = (self._program[place] for place in places)
            taken = frozenset(step.then for step in steps if char and isinstance(step, Take) and step.test(char))
            follower = self._state(taken, _kind(char))
        state.known[char] = follower
        return follower

    def _reach(self, state: State, char: str) -> set[int]:
        """All places the program can be in before a character is taken; a match may begin anywhere."""
        reached: set[int] = set()
        ahead = [*state.places, self._begin]
        while ahead:
            place = ahead.pop()
            if place not in reached:
                reached.add(place)
                step = self._program[place]
                if isinstance(step, Fork):
                    ahead += step.ways
                elif isinstance(step, Look) and _is_at(step.edge, state.last, char):
                    ahead.append(step.then)
        return reached

    def _state(self, places: frozenset[int], last: str) -> State:
        return self._states.setdefault((places, last), State(places, last))

    def _emit(self, node: Node, then: int) -> int:
        """Add the instructions of a node, after which the program goes on at `then`; returns where they begin."""
        match node:
            case Char(test):
                return self._add(Take(test, then))
            case Edge():
                return self._add(Look(node, then))
            case Chain(parts):
                for part in reversed(parts):
                    then = self._emit(part, then)
                return then
            case Choice(parts):
                return self._add(Fork(tuple(self._emit(part, then) for part in parts)))
            case Repeat():
                return self._emit_repeat(node, then)
            case _:
                assert_never(node)

    def _emit_repeat(self, node: Repeat, then: int) -> int:
        begin = then
        if node.most is None:
            begin = self._add(Fork(()))
            self._program[begin] = Fork((self._emit(node.part, begin), then))
        else:
            for _ in range(node.most - node.least):
                begin = self._add(Fork((self._emit(node.part, begin), then)))
        for _ in range(node.least):
            begin = self._emit(node.part, begin)
        return begin

    def _add(self, step: Take | Look | Fork) -> int:
        if len(self._program) >= LARGEST_PROGRAM:
            raise ValueError("pattern too large")
        self._program.append(step)
        return len(self._program) - 1


def _kind(char: str) -> str:
    """What of a character matters for the edge after it: whether it ends a line, or is part of a word."""
    return "\n" if char == "\n" else "w" if is_word(char) else "-"


def _is_at(edge: Edge, last: str, char: str) -> bool:
    match edge:
        case Edge.TEXT_START:
            return last == END
        case Edge.TEXT_END:
            return char == END
        case Edge.LINE_START:
            return last in (END, "\n")
        case Edge.LINE_END:
            return char in (END, "\n")
        case Edge.WORD | Edge.NO_WORD:
            return (is_word(last) != is_word(char)) == (edge is Edge.WORD)
        case _:
            assert_never(edge)
