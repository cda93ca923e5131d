"""Tells which lines of a few functions run: all others run at full speed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

_TOOL = "netra_loop_evidence"


@contextmanager
def watching(codes: Iterable[CodeType], note: Callable[[str, int], None]) -> Iterator[bool]:
    """Call ``note(file, line)`` before each line of this code, in the block; whether that is possible at all.

    It is not where a debugger or a coverage tool took the one place there is, before Python 3.12.
    """
    if sys.version_info >= (3, 12):
        with _monitored(codes, note) as is_possible:
            yield is_possible
    elif sys.gettrace() is None:
        tracer = _tracer(frozenset(codes), note)
        sys.settrace(tracer)
        try:
            yield True
        finally:
            if sys.gettrace() is tracer:
                sys.settrace(None)
    else:
        yield False


def _tracer(codes: frozenset[CodeType], note: Callable[[str, int], None]) -> Callable[..., Any]:
    def trace_lines(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            note(frame.f_code.co_filename, frame.f_lineno)
        return trace_lines

    def trace_calls(frame: FrameType, _event: str, _: Any) -> Any:
        return trace_lines if frame.f_code in codes else None

    return trace_calls


if sys.version_info >= (3, 12):
    _monitoring = sys.monitoring

    @contextmanager
    def _monitored(codes: Iterable[CodeType], note: Callable[[str, int], None]) -> Iterator[bool]:
        tool = next((each for each in (4, 3) if _monitoring.get_tool(each) is None), None)
        if tool is None:
            yield False
            return
        _monitoring.use_tool_id(tool, _TOOL)
        _monitoring.register_callback(tool, _monitoring.events.LINE, lambda code, line: note(code.co_filename, line))
        for code in codes:
            _monitoring.set_local_events(tool, code, _monitoring.events.LINE)
        try:
            yield True
        finally:
            for code in codes:
                _monitoring.set_local_events(tool, code, 0)
            _monitoring.register_callback(tool, _monitoring.events.LINE, None)
            _monitoring.free_tool_id(tool)
