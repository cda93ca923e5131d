"""What is doubtful in a plan that is valid, each at its place."""

from __future__ import annotations

import pytest

from netra_loop.adapters.planfile import warnings

from .conftest import Project

CASES = {
    "a timeout, at its own": (
        "services:\n",
        "timeouts: {connect: 3s, receive: 2s}\nservices:\n",
        "config/local.yaml:4:21: warning: "
        "timeouts.connect is 3 s and timeouts.receive 2 s: the outer one ends it first",
    ),
    "a deadline that is written": (
        "{path: /ws}",
        "{path: /ws, open_deadline: 10s}",
        "config/local.yaml:8:43: warning: "
        "open_deadline of backend is 10 s and deadline of backend 10 s: the outer one ends it first",
    ),
    "a deadline that is not written, at what holds it": (
        "{path: /ws}",
        "{path: /ws, deadline: 4s}",
        "config/local.yaml:8:5: warning: "
        "open_deadline of backend is 5 s and deadline of backend 4 s: the outer one ends it first",
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_limits_that_contradict_are_told_where_the_inner_one_is_written(
    base: Project, old: str, new: str, expected: str
) -> None:
    file = base.environment_file
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")

    assert [str(each).splitlines()[0] for each in warnings(base.folder, base.load())] == [expected]


def test_the_limit_of_a_suite_is_told_in_the_index_of_suites(base: Project) -> None:
    file = base.suites_file
    file.write_text(
        file.read_text("utf-8").replace("focus: [shop]", "focus: [shop]\n    timeout: 9s\n    idle_timeout: 9s"),
        "utf-8",
    )

    (warning,) = warnings(base.folder, base.load())
    text = "idle_timeout of checkout is 9 s and timeout of checkout 9 s: the outer one ends it first"
    assert str(warning).splitlines()[0] == f"config/suites.yaml:11:19: warning: {text}"


def test_a_sound_plan_has_none(base: Project) -> None:
    assert warnings(base.folder, base.load()) == []
