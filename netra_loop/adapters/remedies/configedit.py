"""One key of a configuration file gets another value; every other character of the file stays."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
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
            return _sound(text, _in_yaml(text, parts, value), parts, _read_yaml)
        case ".json":
            spaced = text.replace("\t", " ")  # the parser of YAML tells where each value stands, and takes no tabs
            return _sound(text, _in_yaml(spaced, parts, _as_json(value), written=text), parts, json.loads)
        case ".toml":
            return _sound(text, _in_lines(text, parts, value, assign=r"\s*=\s*"), parts, tomllib.loads)
        case ".env":
            return _in_lines(text, [key], value, assign="=")
        case other:
            raise ValueError(f"{other} is no format of configuration that is known: .yaml, .json, .toml, .env")


def _sound(before: str, after: str, parts: list[str], read: Callable[[str], Any]) -> str:
    """The text after the change. Raises ValueError unless it can be read and differs in nothing else."""
    if _without(read(before), parts) != _without(read(after), parts):
        raise ValueError(f"more than {'.'.join(parts)} would change")
    return after


def _read_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it cannot be read: {error}") from None


def _in_yaml(text: str, parts: list[str], value: str, written: str = "") -> str:
    """written: the same text, character by character, as it is to stay; JSON is read the same way."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"it cannot be read: {error}") from None
    for part in parts:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((inner for name, inner in pairs if name.value == part), None)
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"it has no value at {'.'.join(parts)}")
    kept = written or text
    return f"{kept[: node.start_mark.index]}{value}{kept[node.end_mark.index :]}"


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


def _without(tree: Any, parts: list[str]) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    first, rest = parts[0], parts[1:]
    kept = {name: value for name, value in tree.items() if str(name) != first or rest}
    return {name: _without(value, rest) if str(name) == first else value for name, value in kept.items()}
