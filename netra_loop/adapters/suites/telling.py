"""From what a suite's process tells to events of its act, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import anyio

from netra_loop.adapters.suites.evidence_stream import News
from netra_loop.core.events import TestResult, TestsCollected, TestsObserved
from netra_loop.core.proof import Control
from netra_loop.core.suites import graded
from netra_loop.ports import Say

BEAT = 0.25  # seconds between two looks at the stream
BATCH = 100  # tests in one event


class Source(Protocol):
    def look(self) -> News:
        """What is new since the last look, as much as one look takes."""
        ...

    def look_at_all(self) -> News:
        """All of it that is new."""
        ...


class Teller:
    """Follows one stream and records what is new, in batches."""

    def __init__(
        self,
        act_id: str,
        stream: Source,
        control: Mapping[str, Control],
        mask: Callable[[str], str],
        say: Say,
    ) -> None:
        """control: what the negative control says of each test, by the name it is told under."""
        self._act_id = act_id
        self._stream = stream
        self._control = control
        self._mask = mask
        self._say = say
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    async def follow(self) -> None:
        """Tell until cancelled."""
        while True:
            await anyio.sleep(BEAT)
            self._tell(self._stream.look())

    def finish(self) -> None:
        """Tell the rest, once nobody writes any more."""
        self._tell(self._stream.look_at_all())

    def _tell(self, news: News) -> None:
        collected = [self._name(test) for test in news.collected]
        started = tuple(self._name(test) for test in news.started)
        results = [self._graded(result) for result in news.results]
        for first in range(0, len(collected), BATCH):
            self._say(TestsCollected(self._act_id, tuple(collected[first : first + BATCH])))
        for first in range(0, max(len(results), 1 if started else 0), BATCH):
            self._say(TestsObserved(self._act_id, tuple(results[first : first + BATCH]), started))
            started = ()

    def _graded(self, result: TestResult) -> TestResult:
        name = self._name(result.id)
        properties = {self._mask(key): value for key, value in result.properties.items()}  # values: with the event
        return graded(replace(result, id=name, properties=properties), self._control.get(name, Control()))

    def _name(self, test: str) -> str:
        """A test's name with its secrets masked; two tests that differ only in a secret keep two names."""
        if test not in self._names:
            masked = name = self._mask(test)
            number = 1
            while name in self._taken:
                number += 1
                name = f"{masked}#{number}"
            self._names[test] = name
            self._taken.add(name)
        return self._names[test]
