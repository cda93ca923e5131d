"""One key of a configuration file gets another value; every other character of the file stays."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import yaml


def with_key(name: str, text: str, key: str, value: str) -> str:
    """The text of a YAML, JSON, TOML or env file with another scalar at a key; `.` leads into mappings.

    The key must be there. Raises ValueError where it is not, and where anything else would change.
    """
    parts = key.split(".")
    match PurePath(name).suffix or PurePath(name).name:
        case ".yaml" | ".yml":
            edited = _in_yaml(text, parts, value)
            _check(yaml.safe_load(text), yaml.safe_load(edited), parts)
        case ".json":
            edited = _in_yaml(text, parts, _as_json(value))
            _check(json.loads(text), json.loads(edited), parts)
        case ".toml":
            edited = _in_lines(text, parts, value, assign=r"\s*=\s*")
            _check(tomllib.loads(text), tomllib.loads(edited), parts)
        case ".env":
            edited = _in_lines(text, [key], value, assign="=")
        case other:
            raise ValueError(f"{other} is no format of configuration that is known: .yaml, .json, .toml, .env")
    return edited


def _in_yaml(text: str, parts: list[str], value: str) -> str:
    """JSON is read the same way: its parser tells where each value stands."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"it cannot be read: {error}") from None
    for part in parts:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((inner for name, inner in pairs if name.value == part), None)
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"it has no value at {'.'.join(parts)}")
    return f"{text[: node.start_mark.index]}{value}{text[node.end_mark.index :]}"


def _in_lines(text: str, parts: list[str], value: str, assign: str) -> str:
    """A line that assigns the key, in the table that the parts before it name."""
    table, found = "", []
    pattern = re.compile(rf"(\s*(?:export )?{re.escape(parts[-1])}{assign})([^#\n]*?)(\s*(?:#.*)?)")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if header := re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?", line):
            table = header[1].strip()
        elif table == ".".join(parts[:-1]) and (match := pattern.fullmatch(line)):
            found.append((number, f"{match[1]}{value}{match[3]}"))
    if len(found) != 1:
        raise ValueError(f"it assigns {'.'.join(parts)} {len(found)} times, not once")
    ((number, line),) = found
    return "\n".join((*lines[:number], line, *lines[number + 1 :])) + ("\n" if text.endswith("\n") else "")


def _as_json(value: str) -> str:
    try:
        json.loads(value)
    except ValueError:
        return json.dumps(value)
    return value


def _check(before: Any, after: Any, parts: list[str]) -> None:
    """Raise ValueError unless the two differ in nothing but the value at a key."""
    if _without(before, parts) != _without(after, parts):
        raise ValueError(f"more than {'.'.join(parts)} would change")


def _without(tree: Any, parts: list[str]) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    first, rest = parts[0], parts[1:]
    kept = {name: value for name, value in tree.items() if str(name) != first or rest}
    return {name: _without(value, rest) if str(name) == first else value for name, value in kept.items()}
