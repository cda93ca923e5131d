"""Counts what verifies an answer without an assertion: an HTTP client's own check, a child's exit code, a browser's."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from .assertions import Count, is_own
from .wrapping import note_after, note_after_awaiting

_RESPONSES = (
    ("httpx", "Response", "url"),
    ("httpx2", "Response", "url"),
    ("requests.models", "Response", "url"),
    ("aiohttp.client_reqrep", "ClientResponse", "url"),
)
_BROWSER = ("playwright._impl._assertions", "AssertionsBase", "_expect_impl")
_PORTS = {"http": 80, "https": 443}


class VerificationWatch:
    """Calls ``count(file, line)`` for each check of a target that passed.

    ``raise_for_status`` counts for an answer to a request at a target's own host and port, asked by the project or by
    an aiohttp session told to. A child's exit code counts if it was checked and the target had not answered before:
    then, and only then, it is the child that the target answered.
    """

    def __init__(self, count: Count, is_target: Callable[[str, int], bool], has_answered: Callable[[], bool]) -> None:
        self._count = count
        self._is_target = is_target
        self._has_answered = has_answered
        self._watched: set[str] = set()

    def install(self) -> None:
        """Wrap what runs children, for the life of the process."""
        for name in ("run", "check_call"):
            setattr(subprocess, name, self._checked(getattr(subprocess, name), always=name != "run"))

    def look_for_imports(self) -> None:
        """Watch what has been imported since the last look; cheap enough for every test."""
        for module, owner, _ in _RESPONSES:
            self._once(module, owner, self._watch_response)
        self._once(_BROWSER[0], _BROWSER[1], self._watch_browser)

    def _once(self, module: str, owner: str, watch: Callable[[type], None]) -> None:
        imported: ModuleType | None = sys.modules.get(module)
        if imported is not None and module not in self._watched:
            self._watched.add(module)
            with suppress(AttributeError):  # another version of the library, without that name
                watch(getattr(imported, owner))

    def _watch_response(self, response: type) -> None:
        note_after(response, "raise_for_status", self._note_status)

    def _watch_browser(self, assertions: type) -> None:
        note_after_awaiting(assertions, _BROWSER[2], self._note_browser)

    def _note_status(self, _: object, response: Any, *__: Any) -> None:
        caller = sys._getframe(2)
        by_session = caller.f_globals.get("__name__") == "aiohttp.client"
        if (by_session or is_own(caller.f_code.co_filename)) and self._is_of_target(response):
            self._count(caller.f_code.co_filename, caller.f_lineno)

    def _is_of_target(self, response: Any) -> bool:
        try:
            url = urlsplit(str(response.url))
            port = url.port or _PORTS.get(url.scheme, 0)
        except (RuntimeError, ValueError):  # httpx: an answer without a request
            return False
        return self._is_target(url.hostname or "", port)

    def _note_browser(self, *_: Any) -> None:
        self._count("", 0)

    def _checked(self, run: Callable[..., Any], *, always: bool) -> Callable[..., Any]:
        @functools.wraps(run)
        def noted(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            unanswered = not self._has_answered()
            result = run(*args, **kwargs)
            caller = sys._getframe(1)
            if unanswered and (always or kwargs.get("check")) and is_own(caller.f_code.co_filename):
                self._count(caller.f_code.co_filename, caller.f_lineno)
            return result

        return noted
