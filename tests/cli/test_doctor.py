"""`doctor`: what would keep a session from beginning, each with what to do about it."""

from __future__ import annotations

import json

from tests.small_project import Project


def test_a_sound_project_can_begin_and_nothing_is_touched(untouched: Project) -> None:
    done = untouched.do("doctor")
    assert done.code == 0, done.out
    assert "failed" not in done.out
    assert not (untouched.path / ".netra-loop").exists()


def test_everything_that_fails_is_told_with_its_remedy(untouched: Project) -> None:
    untouched.change("config/local.yaml", "STORE: connected", "STORE: ")
    untouched.change("config/suites.yaml", "runner: pytest", "runner: pytest\n    python: gone/bin/python")
    done = untouched.do("doctor", "--json")
    found = {each["check"]: each for each in json.loads(done.out)["findings"]}
    failed = {name for name, each in found.items() if each["state"] == "failed"}
    assert (done.code, failed) == (8, {"variables", "interpreters"})
    assert found["variables"]["said"] == "backend needs STORE"
    assert all(found[name]["remedy"] for name in failed)


def test_a_plan_that_is_wrong_is_told_first(untouched: Project) -> None:
    untouched.change("phases/default.yaml", "version: 1", "version: 2")
    assert untouched.do("doctor").code == 2


def test_there_is_no_journal_to_verify_before_the_first_session(untouched: Project) -> None:
    assert untouched.do("doctor", "--verify", "last").code == 2
