"""Notices transports replaced while a test runs: by a mock, by monkeypatch, by assignment, by an in-process one."""

from __future__ import annotations

import functools
import operator
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import pytest

from .wrapping import note_after, note_before

_HTTPX = ("httpx", "httpx2")
_NETWORK = (
    "_socket", "socket", "ssl", "http.client", "urllib", "urllib3", "requests",
    *_HTTPX, "httpcore", "httpcore2", "aiohttp", "websockets",
)  # fmt: skip
_MOCK_MODULES = ("unittest.mock", "mock.mock")

# What the names of stand-ins begin with, in whoever's code.
_STAND_IN = re.compile(r"_*(Async|Magic|NonCallable)*(Mock|Fake|Stub|Dummy)", re.IGNORECASE)

# Values that tune a transport; whoever changes one has not replaced it.
_SETTINGS = (int, float, str, bytes, tuple, type(None))

# Transports that answer inside the test's own process.
_IN_PROCESS = (
    *((httpx, "MockTransport.handle_request") for httpx in _HTTPX),
    *((httpx, "MockTransport.handle_async_request") for httpx in _HTTPX),
    *((httpx, "ASGITransport.handle_async_request") for httpx in _HTTPX),
    *((httpx, "WSGITransport.handle_request") for httpx in _HTTPX),
    ("starlette.testclient", "_TestClientTransport.handle_request"),
    ("werkzeug.test", "Client.open"),
    ("django.test.client", "Client.request"),
    ("requests_mock.adapter", "Adapter.send"),
)

# Names that some libraries replace by plain assignment, which nothing but a comparison shows.
_DOORS = (
    ("socket", "socket"),
    ("socket", "create_connection"),
    ("http.client", "HTTPConnection.request"),
    ("urllib.request", "urlopen"),
    ("urllib3.connectionpool", "HTTPConnectionPool.urlopen"),
    ("requests", "get"),
    ("requests.sessions", "Session.request"),
    ("requests.sessions", "Session.get_adapter"),
    ("requests.adapters", "HTTPAdapter.send"),
    *((httpx, "get") for httpx in _HTTPX),
    *((httpx, "Client.send") for httpx in _HTTPX),
    *((httpx, "AsyncClient.send") for httpx in _HTTPX),
    *((httpx, "HTTPTransport.handle_request") for httpx in _HTTPX),
    *((httpx, "AsyncHTTPTransport.handle_async_request") for httpx in _HTTPX),
    ("aiohttp.client", "ClientSession._request"),
)


class TransportWatch:
    """Says which transports are replaced: to ``note`` when it happens, by ``in_force`` for as long as it lasts.

    To ``note_stand_in`` it says what may have been a transport of the project's own: mocks made, and what a mock or a
    fake was put in the place of.
    """

    def __init__(self, note: Callable[[str], None], note_stand_in: Callable[[str], None]) -> None:
        self._note = note
        self._note_stand_in = note_stand_in
        self._patched: dict[int, list[str]] = {}
        self._watched: set[tuple[str, str]] = set()
        self._doors: list[_Door] = []

    def install(self) -> None:
        """Wrap pytest's own patcher, for the life of the process."""
        note_after(pytest.MonkeyPatch, "setattr", self._note_monkeypatch)
        note_after(pytest.MonkeyPatch, "setitem", self._note_item)
        note_after(pytest.MonkeyPatch, "undo", self._note_undone)

    def look_for_imports(self) -> None:
        """Watch what has been imported since the last look; cheap enough for every test."""
        for module in _MOCK_MODULES:
            self._once(module, "_patch", self._watch_mock)
            self._once(module, "_patch_dict", self._watch_mock_of_dict)
            self._once(module, "NonCallableMock", self._watch_mocks_made)
        for module, path in _IN_PROCESS:
            self._once(module, path, self._watch_in_process)
        for module, path in _DOORS:
            self._once(module, path, self._remember_door)

    def in_force(self) -> set[str]:
        """The names replaced at this moment."""
        patched = {name for names in self._patched.values() for name in names}
        return patched.union(door.name for door in self._doors if door.is_replaced())

    def _once(self, module: str, path: str, watch: Callable[[ModuleType, str], None]) -> None:
        imported = sys.modules.get(module)
        if imported is not None and (module, path) not in self._watched:
            self._watched.add((module, path))
            with suppress(AttributeError):  # another version of the library, without that name
                watch(imported, path)

    def _watch_mock(self, module: ModuleType, path: str) -> None:
        patcher = getattr(module, path)
        note_after(patcher, "__enter__", self._note_mock)
        note_after(patcher, "__exit__", self._note_undone)

    def _watch_mock_of_dict(self, module: ModuleType, path: str) -> None:
        patcher = getattr(module, path)
        note_after(patcher, "__enter__", self._note_mock_of_dict)
        note_after(patcher, "__exit__", self._note_undone)

    def _watch_mocks_made(self, module: ModuleType, path: str) -> None:
        note_before(getattr(module, path), "__init__", functools.partial(self._note_stand_in, "unittest.mock"))

    def _watch_in_process(self, module: ModuleType, path: str) -> None:
        owner, method = path.split(".")
        note_before(getattr(module, owner), method, functools.partial(self._note, f"{module.__name__}.{owner}"))

    def _remember_door(self, module: ModuleType, path: str) -> None:
        self._doors.append(_Door(module, path))

    def _note_mock(self, _: Any, patcher: Any) -> None:
        self._note_patch(patcher, patcher.target, patcher.attribute, patcher.temp_original)

    def _note_monkeypatch(self, _: Any, patcher: Any, *__: Any) -> None:
        self._note_patch(patcher, *patcher._setattr[-1])

    def _note_patch(self, patcher: object, owner: object, attribute: str, original: object) -> None:
        name = f"{_origin(owner)}.{attribute}"
        if isinstance(original, _SETTINGS):
            return
        if _is_network(_origin(owner)) or _is_network(_origin(original)):
            self._note_replaced(patcher, name)
        elif _STAND_IN.match(_origin(getattr(owner, attribute, None)).rpartition(".")[2]):
            self._note_stand_in(name)

    def _note_item(self, _: Any, patcher: object, items: object, key: object, *__: Any) -> None:
        if items is sys.modules and _is_network(str(key)):
            self._note_replaced(patcher, str(key))

    def _note_mock_of_dict(self, _: Any, patcher: Any) -> None:
        for key in patcher.values:
            self._note_item(None, patcher, patcher.in_dict, key)

    def _note_replaced(self, patcher: object, name: str) -> None:
        self._patched.setdefault(id(patcher), []).append(name)
        self._note(name)

    def _note_undone(self, _: Any, patcher: object, *__: Any) -> None:
        self._patched.pop(id(patcher), None)


class _Door:
    """One name through which requests leave, as it was when its module had been imported."""

    def __init__(self, module: ModuleType, path: str) -> None:
        self.name = f"{module.__name__}.{path}"
        self._module = module
        self._look = operator.attrgetter(path)
        self._original = self._look(module)

    def is_replaced(self) -> bool:
        """Whether it leads elsewhere now; a subclass of the original still leads to the network."""
        current = self._look(self._module)
        both_classes = isinstance(current, type) and isinstance(self._original, type)
        return current is not self._original and not (both_classes and issubclass(current, self._original))


def _origin(thing: object) -> str:
    """The dotted name of a module, class or function; of anything else, its class's."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    named = thing if isinstance(thing, (type, FunctionType, BuiltinFunctionType, MethodType)) else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


def _is_network(name: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in _NETWORK)
