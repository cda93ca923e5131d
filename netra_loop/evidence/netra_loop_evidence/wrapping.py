"""Puts a note beside a method that belongs to somebody else, without changing what the method does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any


def note_after(owner: type | ModuleType, name: str, note: Callable[..., None]) -> None:
    """Call ``note(result, *arguments)`` each time ``owner.name`` has returned; nothing when it raised."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def noted(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = method(*args, **kwargs)
        note(result, *args)
        return result

    setattr(owner, name, noted)


def note_after_awaiting(owner: type, name: str, note: Callable[..., None]) -> None:
    """Call ``note(result, *arguments)`` each time the coroutine ``owner.name`` has returned; nothing when it raised."""
    method = getattr(owner, name)

    @functools.wraps(method)
    async def noted(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = await method(*args, **kwargs)
        note(result, *args)
        return result

    setattr(owner, name, noted)


def note_before(owner: type, name: str, note: Callable[[], None]) -> None:
    """Call ``note()`` each time ``owner.name`` is about to be called."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def noted(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        note()
        return method(*args, **kwargs)

    setattr(owner, name, noted)
