"""One key of a configuration file is changed, and nothing else of it."""

from __future__ import annotations

import pytest

from netra_loop.adapters.remedies.configedit import with_key

YAML = "# why\nlimits:\n  calls: 5 # a minute\n  'users': 10\nother: {calls: 7}\n"
JSON = '{\n  "limits": {"calls": 5,\t"name": "x"},\n  "calls": 7\n}\n'
TOML = "calls = 7 # of all\n\n[limits]\ncalls = 5 # a minute\nname = 'x'\n"
ENV = "# where\nexport CALLS=5\nNAME=x # a name\n"

EDITED = {
    "yaml": ("a.yaml", YAML, "limits.calls", "9", YAML.replace("calls: 5", "calls: 9")),
    "yaml with a quoted key": ("a.yml", YAML, "limits.users", "11", YAML.replace("10", "11")),
    "yaml in a flow": ("a.yaml", YAML, "other.calls", "8", YAML.replace("calls: 7", "calls: 8")),
    "json": ("a.json", JSON, "limits.calls", "9", JSON.replace('"calls": 5', '"calls": 9')),
    "json, a text": ("a.json", JSON, "limits.name", "y", JSON.replace('"x"', '"y"')),
    "toml": ("a.toml", TOML, "limits.calls", "9", TOML.replace("calls = 5", "calls = 9")),
    "toml at its top": ("a.toml", TOML, "calls", "8", TOML.replace("calls = 7", "calls = 8")),
    "env": ("app.env", ENV, "CALLS", "9", ENV.replace("CALLS=5", "CALLS=9")),
    "a file that is called .env": (".env", ENV, "NAME", "y", ENV.replace("NAME=x", "NAME=y")),
}


@pytest.mark.parametrize(("name", "text", "key", "value", "expected"), EDITED.values(), ids=EDITED)
def test_a_value_is_replaced_and_comments_and_order_stay(
    name: str, text: str, key: str, value: str, expected: str
) -> None:
    assert with_key(name, text, key, value) == expected


REFUSED = {
    "a key that is not there": ("a.yaml", YAML, "limits.colls", "9"),
    "a mapping": ("a.yaml", YAML, "limits", "9"),
    "a value that brings another key": ("a.yaml", YAML, "limits.calls", "9\nother: 1"),
    "a value that is no value": ("a.toml", TOML, "limits.calls", "no text"),
    "a key that is there twice": (".env", "A=1\nA=2\n", "A", "3"),
    "a file that cannot be read": ("a.yaml", "a: [", "a", "1"),
    "json that cannot be read": ("a.json", "{'a': 1}", "a", "1"),
    "another format": ("a.ini", "[a]\nb=1\n", "a.b", "2"),
}


@pytest.mark.parametrize(("name", "text", "key", "value"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_guessed(name: str, text: str, key: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_key(name, text, key, value)
