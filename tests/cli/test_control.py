"""The negative control from the command line: alone, without any service, and as a phase of a run."""

from __future__ import annotations

import jsonschema

from tests.cli.test_green import SCHEMA
from tests.small_project import PLAN, Project

VACUOUS = """
def test_that_takes_any_answer():
    try:
        get("/health")
    except urllib.error.HTTPError as refused:
        assert refused.code

def test_with_data_of_its_own():
    assert {"status": "healthy"}["status"] == "healthy"
"""


def test_every_test_that_still_passes_is_named_and_no_service_is_started(project: Project) -> None:
    suite = (project.path / "e2e/test_basics.py").read_text(encoding="utf-8")
    project.write("e2e/test_basics.py", suite + VACUOUS)
    done = project.do("control", "P1")

    named = [line for line in done.out.splitlines() if line.startswith("still passes")]
    assert (done.code, done.err) == (1, "")
    assert named == [
        "still passes: basics::test_basics.py::test_that_takes_any_answer (target sabotaged)",
        "still passes: basics::test_basics.py::test_with_data_of_its_own (target dead and sabotaged)",
    ]
    assert (project.result["verdict"], project.result["reason"]) == ("RED", "control-basics failed")
    jsonschema.validate(project.result, SCHEMA)
    assert "| `test_basics.py::test_with_data_of_its_own` | dead and sabotaged |" in project.worklog
    assert not (project.path / ".netra-loop" / "local" / "server.json").exists()


def test_a_control_of_nothing_known_touches_nothing(untouched: Project) -> None:
    done = untouched.do("control", "basic")

    assert (done.code, done.err) == (2, "no such suite: basic\nnext: known are: P1, basics\n")
    assert not (untouched.path / ".netra-loop").exists()


def test_what_a_run_learnt_beside_its_deploy_is_known_to_the_command(project: Project) -> None:
    control = "phases:\n  - {id: control, title: Control, steps: [{id: control, control: all}]}\n"
    project.write(
        "phases/default.yaml", PLAN.replace("phases:\n", control).replace("title: Deploy,", "title: Deploy, needs: [],")
    )
    run = project.run()
    jsonschema.validate(project.result, SCHEMA)
    tests = {test["id"].partition("::")[2]: (test["proof"], test["sensitive"]) for test in project.suite["tests"]}
    again = project.do("control")
    seen = project.result["iterations"][-1]["phases"][0]["steps"][0]["seen"]
    fresh = project.do("control", "--fresh", "basics")

    assert (run.code, again.code, fresh.code) == (0, 0, 0), run.out + again.out + fresh.out
    assert tests == dict.fromkeys(("test_health", "test_items", "test_unknown_path"), ("confirmed", True))
    assert (seen["cached"], seen["still_passing"]) == (True, [])
    assert again.out.splitlines()[-2].endswith("(every test fails without its target)")
    assert not project.result["iterations"][-1]["phases"][0]["steps"][0]["seen"]["cached"]
