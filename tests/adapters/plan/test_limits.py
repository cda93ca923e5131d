"""Large files: what is allowed is read in time that grows with its size, what is not is refused fast."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from .conftest import Project

HEAD = "version: 1\nname: large\nenvironment: local\nphases:\n"


def plan_of_runs(count: int) -> str:
    steps = (f"  - id: p{n}\n    steps:\n      - {{id: s{n}, run: [make, s{n}]}}\n" for n in range(count))
    return HEAD + "".join(steps)


def plan_of_suites(selectors: Iterable[str]) -> str:
    steps = (f"      - {{id: s{n}, suite: {selector}}}\n" for n, selector in enumerate(selectors))
    return f"{HEAD}  - id: tests\n    steps:\n{''.join(steps)}"


def index_of(count: int) -> str:
    suites = (f"  - {{id: u{n}, priority: P1, cwd: e2e, paths: [checkout], focus: [t{n}]}}\n" for n in range(count))
    return "priorities: {P1: {}}\nsuites:\n" + "".join(suites)


def test_more_than_a_thousand_steps_are_refused(base: Project) -> None:
    base.plan_file.write_text(plan_of_runs(1001), "utf-8")
    assert base.complaint().startswith("phases/default.yaml:4:1: error: more than 1000 steps are too many\n")


def test_steps_count_as_what_they_expand_to(base: Project) -> None:
    services = "".join(f"  s{n}: {{image: x}}\n" for n in range(501))
    base.environment_file.write_text(f"endpoint: google\nproject: p\nregion: r\nservices:\n{services}", "utf-8")
    base.plan_file.write_text(
        f"{HEAD}  - {{id: main, steps: [{{id: a, deploy: all}}, {{id: b, logs: all}}]}}\n", "utf-8"
    )
    assert base.complaint().startswith("phases/default.yaml:4:1: error: more than 1000 steps are too many\n")


def test_more_than_a_thousand_suites_are_refused(base: Project) -> None:
    base.suites_file.write_text(index_of(1001), "utf-8")
    assert base.complaint().startswith("config/suites.yaml:2:1: error: more than 1000 suites are too many\n")


def knowledge_of(causes: int, whys: int) -> str:
    chain = "".join(f"      - {{claim: It was logged {n} times, log: x}}\n" for n in range(1, whys))
    return "causes:\n" + "".join(
        f"  - id: c{n}\n    title: Cause {n}\n    whys:\n      - {{claim: It failed, failure: x}}\n{chain}"
        for n in range(causes)
    )


def test_more_than_two_hundred_causes_or_twenty_whys_are_refused(base: Project) -> None:
    base.knowledge_file.write_text(knowledge_of(200, 20), "utf-8")
    assert [len(cause.whys) for cause in base.load().knowledge] == [20] * 200
    base.knowledge_file.write_text(knowledge_of(201, 1), "utf-8")
    assert base.complaint().startswith("config/knowledge.yaml:1:1: error: more than 200 causes are too many\n")
    base.knowledge_file.write_text(knowledge_of(1, 21), "utf-8")
    assert base.complaint().startswith("config/knowledge.yaml:4:5: error: more than 20 whys are too many\n")


def test_more_than_a_thousand_services_are_refused(base: Project) -> None:
    services = "".join(f"  s{n}: {{image: x}}\n" for n in range(1001))
    base.environment_file.write_text(f"endpoint: google\nproject: p\nregion: r\nservices:\n{services}", "utf-8")
    assert base.complaint().startswith("config/local.yaml:4:1: error: more than 1000 services are too many\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 1_000_000, id="a million brackets"),
        pytest.param("a: &a 1\nb: [" + "*a," * 250_000 + "]", id="a quarter million aliases"),
        pytest.param("a: 1\n" * 200_000, id="one key two hundred thousand times"),
        pytest.param("\u202e" * 300_000, id="nothing but direction marks"),
        pytest.param(plan_of_suites(["all"] * 1000), id="every suite in every step"),
        pytest.param(plan_of_suites(f"v{n}" for n in range(1000)), id="a thousand misspelt suites"),
    ],
)
def test_a_hostile_file_is_refused_in_a_bearable_message(base: Project, text: str) -> None:
    base.suites_file.write_text(index_of(1000), "utf-8")
    base.plan_file.write_text(text, "utf-8")
    assert len(base.complaint()) < 100_000


def test_beyond_a_hundred_mistakes_of_a_file_it_says_that_there_are_more(base: Project) -> None:
    base.plan_file.write_text("".join(f"key{n}: x\n" for n in range(500)), "utf-8")
    told = base.complaint().splitlines()
    assert told[0] == "phases/default.yaml: error: only the first 100 mistakes are shown"
    assert sum(": error: " in line for line in told) == 101
