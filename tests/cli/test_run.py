"""Whole sessions from the command line, on a real service on the embedded Cloud Run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import Any

import pytest

from tests.adapters.children import wait_until
from tests.small_project import Project, clean_environment

LONG = 60.0  # seconds that a session may take to come to something


def iterations(project: Project) -> list[dict[str, Any]]:
    """The iterations of the newest session as far as it has told of them."""
    return list(project.result["iterations"]) if project.told else []


def count(project: Project, outcome: str) -> int:
    """How many tests of the newest session have ended so by now."""
    return sum(suite["counts"][outcome] for i in iterations(project) for suite in i["suites"])


def test_a_service_that_does_not_start_is_red_and_nothing_is_tested(project: Project) -> None:
    project.change("backend/app.py", "import json, os", "import json, os, no_such_module")

    assert project.run().code == 1
    result = project.result
    deploy = result["iterations"][0]["phases"][0]["steps"][0]
    assert deploy["outcome"] == "failed"
    assert "is not ready" in deploy["reasons"][0]
    assert (project.suite["outcome"], project.suite["reasons"]) == ("incomplete", ["blocked"])


def test_a_required_dependency_that_is_down_is_red_and_an_optional_one_is_degraded(project: Project) -> None:
    project.change("config/local.yaml", "STORE: connected", "STORE: unreachable")
    assert project.run().code == 0
    assert project.worklog.startswith("# GREEN, DEGRADED: ")
    assert project.do("health").code == 0
    assert project.do("health", "--strict").code == 1

    project.change("config/local.yaml", "required: false", "required: true")
    project.change("config/local.yaml", "deadline: 10s", "deadline: 1s")
    assert project.run().code == 1
    assert "required dependency store is unreachable" in project.worklog


def test_a_focus_runs_what_it_names_and_what_that_needs(project: Project) -> None:
    project.write("e2e/test_more.py", "def test_nothing():\n    assert True\n")
    project.change(
        "config/suites.yaml",
        "suites:\n",
        "suites:\n  - {id: more, title: More, priority: P2, runner: pytest, cwd: e2e, paths: [test_more.py]}\n",
    )
    for focus in ("P1", "basics"):
        assert project.run("--focus", focus).code == 0
        suites = {suite["id"]: suite for suite in project.result["iterations"][0]["suites"]}
        assert suites["basics"]["outcome"] == "passed"
        assert (suites["more"]["outcome"], suites["more"]["reasons"]) == ("skipped", ["not in focus"])
        assert f"-{focus.lower()}-" in project.result["session_id"]


def test_a_worklog_that_cannot_be_written_ends_before_anything_runs(project: Project) -> None:
    project.write("worklogs", "a file where the folder should be")

    done = project.run()
    assert done.code == 74
    assert "cannot write" in done.err
    assert project.audit() == []


def test_a_full_disk_ends_with_its_own_code_and_the_session_goes_on_once_there_is_room(untouched: Project) -> None:
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)); "
    limited += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    assert untouched.do("local", "up").code == 0
    command = untouched.command("run", "--output", "plain")
    full = subprocess.run(
        [command[0], "-c", limited, *command[1:]],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert full.returncode == 74, full.stderr
    assert "Traceback" not in full.stderr

    resumed = untouched.do("resume", "last")
    assert resumed.code == 0, untouched.worklog
    assert untouched.result["headline"]["counted"] == 3


def test_a_service_of_an_earlier_day_serves_until_the_new_candidate_is_proven(untouched: Project) -> None:
    assert untouched.run().code == 0
    (first,) = untouched.result["services"]
    untouched.down()

    assert untouched.run("--redeploy").code == 0
    (second,) = untouched.result["services"]
    assert second["previous_revision"] == first["revision"] != second["revision"]
    assert second["serving_revision"] == second["revision"]


def test_a_spent_budget_and_red_that_nothing_repairs_have_their_own_code(project: Project) -> None:
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    assert project.run("--max-iterations", "3", "--remedies", "apply").code == 5
    assert (project.result["verdict"], len(project.result["iterations"])) == ("RED", 1)
    assert project.result["reason"].startswith("not repaired; ")

    assert project.run("--budget", "500ms").code == 5
    assert project.result["reason"].startswith("the time budget is spent; ")


def test_a_red_test_that_passes_after_a_crash_does_not_count(project: Project) -> None:
    wait = "\nimport time\ndef test_zz_waits():\n    get('/health')\n    time.sleep(600)\n"
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + wait)
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    process = project.start("run")
    wait_until(lambda: count(project, "failed"), LONG)
    process.kill()
    process.join()
    project.change("e2e/test_basics.py", "== [1, 2]", "== [1, 2, 3]")
    project.change("e2e/test_basics.py", "    time.sleep(600)\n", "    assert get('/health')['status'] == 'healthy'\n")

    assert project.do("resume", "last").code == 3
    items = next(test for test in project.suite["tests"] if test["id"].endswith("test_items"))
    assert (items["outcome"], items["proof"], items["attempts"]) == ("passed", "suspect", 2)


def test_an_old_session_does_not_take_the_traffic_back_from_a_newer_one(project: Project) -> None:
    last = "  - {id: wait, title: Wait, steps: [{id: wait, run: [python3, wait.py], class: rerun}]}\n"
    project.write("phases/default.yaml", (project.path / "phases/default.yaml").read_text(encoding="utf-8") + last)
    project.write("wait.py", "import time; time.sleep(600)\n")
    process = project.start("run")
    wait_until(lambda: "wait" in running_steps(project), LONG)
    process.kill()
    process.join()
    old = project.sessions[-1].name
    project.write("wait.py", "")
    assert project.run("--redeploy").code == 0
    newer = project.serving

    assert project.do("resume", old).code == 9
    assert project.serving == newer
    assert "somebody else changed backend" in project.do("report", old).out


def running_steps(project: Project) -> list[str]:
    """The steps of the newest session that run now."""
    steps = [step for i in iterations(project) for phase in i["phases"] for step in phase["steps"]]
    return [step["id"] for step in steps if step["reasons"] == ["running"]]


def test_services_that_no_counted_pass_met_are_not_promoted(project: Project) -> None:
    project.write("frontend/app.py", (project.path / "backend/app.py").read_text(encoding="utf-8"))
    project.write("frontend/Procfile", "web: python app.py\n")
    project.change("config/local.yaml", "services:\n", "services:\n  frontend: {source: frontend, health: {path: /}}\n")
    project.change("config/suites.yaml", "cwd: e2e", "cwd: e2e\n    targets: [backend]")

    assert project.run().code == 3
    assert project.result["reason"] == "no counted pass met frontend"
    assert project.result["iterations"][0]["shifts"] == []


def test_a_service_whose_first_revision_was_broken_can_be_repaired(project: Project) -> None:
    project.change("backend/app.py", "import json, os", "import json, os, no_such_module")
    assert project.run().code == 1
    project.change("backend/app.py", "import json, os, no_such_module", "import json, os")

    assert project.run().code == 0
    (service,) = project.result["services"]
    assert (service["strategy"], service["revision"]) == ("direct", project.serving)


def test_a_secret_never_reaches_a_file(project: Project) -> None:
    canary = "s3cr3t-canary-9471"
    leak = f"\ndef test_leaks():\n    print('{canary}')\n    assert get('/health') == '{canary}'\n"
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + leak)

    done = project.run(SERVICE_PASSWORD=canary)
    assert done.code == 1
    assert canary not in done.out + done.err
    kept = [path for path in project.path.rglob("*") if path.is_file() and "e2e" not in path.parts]
    assert len(kept) > 8
    assert [path for path in kept if canary.encode() in path.read_bytes()] == []
    assert "[masked]" in project.worklog


def test_a_secret_in_the_configuration_is_refused_before_anything_is_touched(untouched: Project) -> None:
    untouched.change("config/local.yaml", "STORE: connected", "STORE: s3cr3t-canary-9471")

    done = untouched.run(SERVICE_PASSWORD="s3cr3t-canary-9471")
    assert done.code == 2
    assert done.err.splitlines() == [
        "the plan or its configuration holds a secret: [masked]",
        "next: leave the variable without a value: it is taken from the environment then",
    ]
    assert not (untouched.path / ".netra-loop").exists()


def test_a_variable_without_a_value_comes_from_the_environment(project: Project) -> None:
    project.change("config/local.yaml", "STORE: connected", "STORE_STATE: , STORE: connected")
    project.change("backend/app.py", '"STORE", "connected"', '"STORE_STATE", "absent"')
    project.change("config/local.yaml", "required: false", "required: true")

    done = project.run(STORE_STATE="connected")
    assert done.code == 0
    assert project.run().code == 4
    assert "backend needs STORE_STATE in the environment" in project.worklog


def test_one_deploying_session_per_environment(project: Project) -> None:
    project.change("e2e/test_basics.py", "import pytest\n", "import pytest, time\n")
    project.change("e2e/test_basics.py", "def test_health():\n", "def test_health():\n    time.sleep(60)\n")
    first = subprocess.Popen(
        project.command("run", "--output", "none"), env=clean_environment(), start_new_session=True
    )
    wait_for_pid(project)
    second = project.run()
    first.send_signal(signal.SIGINT)

    assert first.wait(timeout=30) == 130
    assert second.code == 75
    assert f"environment local is held by session {project.result['session_id']}" in second.err
    assert len(project.sessions) == 1


def wait_for_pid(project: Project) -> int:
    """Until the suite's process is known; its pid."""

    def told() -> list[str]:
        worklogs = (project.path / "worklogs").glob("*.md")
        return re.findall(r"^- pid: `(\d+)`$", "\n".join(each.read_text("utf-8") for each in worklogs), re.M)

    return int(wait_until(told, LONG)[0])


def test_an_interrupted_session_keeps_what_it_saw_and_leaves_nothing_running(project: Project) -> None:
    hang = "\nimport pathlib, time\ndef test_zz_hangs():\n    get('/health')\n"
    hang += "    pathlib.Path('hangs').touch()\n    time.sleep(600)\n"
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + hang)
    process = subprocess.Popen(
        project.command("run", "--output", "none"), env=clean_environment(), start_new_session=True
    )
    pid = wait_for_pid(project)
    wait_until(lambda: count(project, "passed") == 3 and (project.path / "e2e/hangs").exists(), LONG)
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 143
    assert project.result["verdict"] == "INCOMPLETE"
    assert project.suite["counts"] | {"collected": 4, "passed": 3, "not_run": 1} == project.suite["counts"]
    assert "stopped" in project.suite["reasons"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    project.change("e2e/test_basics.py", "    time.sleep(600)\n", "    assert get('/health')['status'] == 'healthy'\n")
    assert project.do("resume", "last").code == 0
    assert (project.result["verdict"], project.suite["counts"]["passed"]) == ("GREEN", 4)
    assert len(project.sessions) == 1


def test_a_reader_of_the_output_that_goes_away_changes_nothing(project: Project) -> None:
    piped = subprocess.Popen(
        project.command("run", "--output", "plain"),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert piped.stdout is not None and piped.stderr is not None
    piped.stdout.readline()
    piped.stdout.close()

    assert piped.wait(timeout=60) == 0
    assert piped.stderr.read() == b""
    assert [reader["reader"] for reader in project.result["unplugged_readers"]] == ["lines"]


def test_a_read_only_session_changes_nothing_and_is_judged_by_what_serves(project: Project) -> None:
    assert project.run().code == 0
    serving, audit = project.serving, len(project.audit())
    done = project.run("--read-only")

    assert (done.code, project.result["verdict"]) == (0, "GREEN"), done.out + done.err
    assert project.serving == serving
    assert {each["method"] for each in project.audit()[audit:]} <= {"GET", "POST"}
    steps = {
        step["id"]: step["outcome"] for phase in project.result["iterations"][0]["phases"] for step in phase["steps"]
    }
    assert steps == {"deploy-backend": "skipped", "health-backend": "passed", "basics": "passed"}


def test_a_read_only_session_that_finds_something_changed_ends_as_a_bug(project: Project) -> None:
    assert project.run().code == 0
    project.change("e2e/test_basics.py", "def test_items", "open('left', 'w').close()\n\ndef test_items")
    done = project.run("--read-only")

    assert done.code == 70
    assert "a read-only session found these changed at its end: the project's files" in done.err
