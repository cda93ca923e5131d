"""What one run of a test met of what its source holds, and what that says against it."""

from __future__ import annotations

import ast
import sys

from .asserting import ACCEPTS_ANYTHING, ACCEPTS_SERVER_ERRORS, CONSTANT
from .reading import Place, Reading, places
from .unreached import some_never_ran


class Trail:
    """Follows one attempt at a test, from its call on; without a reading it knows only of the whole process."""

    def __init__(self, reading: Reading | None) -> None:
        self.reading = reading
        self.lines_are_told = True
        self.guard: Place | None = None
        self._held: set[Place] = set()
        self._reasons: list[tuple[str | None, bool]] = []
        self._swallowed = False

    def assertion_held(self, place: Place, *, after: bool) -> None:
        """One more assertion held, after the target's first byte or before it."""
        self._held.add(place)
        self._reasons.append((self.reading.weak.get(place) if self.reading else None, after))

    def line_ran(self, place: Place) -> bool:
        """Note a line of the code that is watched; whether a guard against failure stands there."""
        if self.reading is None:
            return False
        self._swallowed |= place in self.reading.swallowing
        return place in self.reading.guards

    def suppressed(self, place: Place) -> None:
        """Note a block that swallowed an error when it ended."""
        self._swallowed |= self.reading is not None and place in self.reading.suppressing

    def smells(self) -> list[str]:
        """What speaks against a pass, in the words of the stream."""
        met = {
            "swallows": self._swallowed or self._may_have_swallowed(),
            CONSTANT: self._only_weak(CONSTANT),
            ACCEPTS_ANYTHING: self._only_weak(ACCEPTS_ANYTHING) or self._has(ACCEPTS_SERVER_ERRORS),
            "never_ran": self._never_ran(),
            "optimised": sys.flags.optimize > 0,
        }
        return [smell for smell, is_met in met.items() if is_met]

    def _has(self, reason: str) -> bool:
        return any(each == reason for each, _ in self._reasons)

    def _only_weak(self, reason: str) -> bool:
        """Whether nothing but weak assertions held since the target answered, this kind among them."""
        since = [each for each, after in self._reasons if after] or [each for each, _ in self._reasons]
        return reason in since and None not in since

    def _may_have_swallowed(self) -> bool:
        return not self.lines_are_told and self.reading is not None and bool(self.reading.swallowing)

    def _never_ran(self) -> bool:
        if self.reading is None or not any(self._held.isdisjoint(lines) for lines in self.reading.assertions):
            return False
        if not self._reasons:
            return True
        function = self.reading.test
        return some_never_ran(function.node, function.names, self._ran)

    def _ran(self, node: ast.AST) -> bool:
        assert self.reading is not None
        return not self._held.isdisjoint(places(self.reading.test.code.co_filename, [node]))
