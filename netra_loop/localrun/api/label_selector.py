"""Label selectors of the v1 API, such as `run.googleapis.com/job = report,state in (Running,Failed)`."""

import re
from collections.abc import Callable, Mapping

from netra_loop.localrun.errors import invalid

Labels = Mapping[str, str]
EQUALITY = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<sign>=|==|!=)\s*(?P<value>[^\s=!,()]*)")
MEMBERSHIP = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<sign>in|notin)\s*\((?P<values>[^()]*)\)")
COMMA = re.compile(r",(?![^(]*\))")  # one that is not within parentheses


def read_selector(text: str) -> Callable[[Labels], bool]:
    """Whether labels satisfy all requirements of a selector; an empty one has none. Raises INVALID_ARGUMENT."""
    requirements = [_requirement(part.strip()) for part in COMMA.split(text) if part.strip()]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text: str) -> Callable[[Labels], bool]:
    if found := EQUALITY.fullmatch(text):
        values = {found["value"]}
    elif found := MEMBERSHIP.fullmatch(text):
        values = {value.strip() for value in found["values"].split(",")}
    else:
        raise invalid(f"labelSelector: '{text}' is not 'key = value', 'key != value' or 'key in (value, ...)'")
    key, wanted = found["key"], found["sign"] in ("=", "==", "in")
    return lambda labels: (labels.get(key) in values) == wanted
