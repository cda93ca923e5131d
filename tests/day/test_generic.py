"""The product knows nothing of its sample: what the sample is called, says and counts stands in no module of ours."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.day.day import ROOT, STORE

PACKAGE = ROOT / "netra_loop"
SAMPLE = PACKAGE / "sample"
_WRITTEN = re.compile(r'log\.write\(\s*"[A-Z]+",\s*"([^"]+)"|ApiError\(\d+, "(\w+)"|unauthorized\(\s*"(\w+)"')
_TEST = re.compile(r"def (test_\w+)")


def our_modules() -> list[Path]:
    """Every file of the package outside the sample that a person wrote."""
    return [
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and not path.is_relative_to(SAMPLE) and path.suffix in (".py", ".json", ".typed")
    ]


def configured() -> set[str]:
    """Names, values and addresses in the sample's configuration."""
    index = yaml.safe_load((ROOT / "config/suites.yaml").read_text(encoding="utf-8"))
    environment = yaml.safe_load((ROOT / "config/local.yaml").read_text(encoding="utf-8"))
    knowledge = yaml.safe_load((ROOT / "config/knowledge.yaml").read_text(encoding="utf-8"))
    words = {value for suite in index["suites"] for value in (suite["id"], suite["title"], *suite["paths"])}
    values = [priority["value"] for priority in index["priorities"].values()]
    words |= {word for each in values for word in (f"{each['amount']} {each['unit']}", each["unit"], each["source"])}
    words |= {variable for service in environment["services"].values() for variable in service["env"]}
    words |= {text for cause in knowledge["causes"] for text in (cause["id"], cause["title"])}
    words |= {why["claim"] for cause in knowledge["causes"] for why in cause["whys"]}
    return words | set(environment["users"]["pool"]) | {STORE, STORE.rpartition(":")[2]}


def written_in_the_sample() -> set[str]:
    """Log messages and error codes of the services, and the names of the tests."""
    sources = [path.read_text(encoding="utf-8") for path in SAMPLE.rglob("*.py")]
    written = {word for source in sources for groups in _WRITTEN.findall(source) for word in groups if word}
    return written | {name for source in sources for name in _TEST.findall(source)}


def test_no_module_of_ours_holds_a_name_address_or_text_of_the_sample() -> None:
    words = configured() | written_in_the_sample()
    any_word = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
    found = {
        f"{path.relative_to(ROOT)}: {word}"
        for path in our_modules()
        for word in any_word.findall(path.read_text(encoding="utf-8"))
    }

    assert len(words) > 100
    assert found == set()


def test_no_module_of_ours_holds_a_count_of_the_sample() -> None:
    counts = re.compile(r"(?<![\w.])(?:41|44|55)(?![\w.])|30 ?/ ?41|11 (?:red|failing|tests)")

    assert {str(path) for path in our_modules() if counts.search(path.read_text(encoding="utf-8"))} == set()
