"""Whole sessions from the command line, on a real service on the embedded Cloud Run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import jsonschema
import pytest

import netra_loop
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.supervise import marked_processes
from tests.small_project import Project, clean_environment, small_project

SCHEMA = json.loads((Path(netra_loop.__file__).parent / "views" / "result.schema.json").read_text(encoding="utf-8"))


def serving(project: Project) -> str:
    """The revision that the base URL's answer names."""
    (service,) = project.result["services"]
    with urllib.request.urlopen(service["url"] + "/health", timeout=10) as answer:
        return str(answer.headers["X-Revision"])


def test_a_green_session_promotes_what_it_proved_and_a_red_one_leaves_the_old_revision_serving(
    project: Project,
) -> None:
    done = project.run()
    assert (done.code, done.err) == (0, "")
    green = project.result
    assert green["verdict"] == "GREEN"
    jsonschema.validate(green, SCHEMA)
    (service,) = green["services"]
    assert serving(project) == service["revision"] == service["serving_revision"]
    for told in (service["revision"], service["image_digest"], "services?serviceId=backend revision", "-m pytest"):
        assert told in project.worklog
    rows = [line for line in project.worklog.splitlines() if line.startswith("| `test_basics.py::")]
    assert [row.split(" | ")[1:3] for row in rows] == [["passed", "proven"]] * 3

    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    done = project.run()
    assert done.code == 1
    red = project.result
    jsonschema.validate(red, SCHEMA)
    (tested,) = red["services"]
    assert red["verdict"] == "RED"
    assert tested["revision"] != service["revision"]
    assert serving(project) == tested["serving_revision"] == tested["previous_revision"] == service["revision"]
    assert red["previous"] == {"session_id": green["session_id"]}
    assert f"- Traffic before: `{service['revision']}` 100 %" in project.worklog.splitlines()


CASES = {
    "a suite that is cut by its timeout": (
        "\nimport time\ndef test_zz_hangs():\n    get('/health')\n    time.sleep(600)\ndef test_zzz_never(): pass\n",
        {"collected": 5, "passed": 3, "timeout": 1, "not_run": 1},
        ["timed_out", "partial"],
    ),
    "a suite that skips everything": (
        "\npytestmark = pytest.mark.skip(reason='not today')\n",
        {"collected": 3, "skipped": 3},
        ["all_skipped"],
    ),
    "a suite that never touches the target": (
        "\ndef get(path):\n    return {'status': 'healthy', 'items': [1, 2, 3]}\n"
        "def test_unknown_path():\n    assert True\n",
        {"collected": 3, "passed": 3},
        ["unproven"],
    ),
    "a suite that exits by itself in the middle": (
        "\nimport os\ndef test_zz_leaves():\n    get('/health')\n    os._exit(0)\n",
        {"collected": 4, "passed": 3, "error": 1},
        ["disagreement", "failed_tests"],
    ),
}


@pytest.mark.parametrize(("added", "expected", "reasons"), CASES.values(), ids=CASES)
def test_what_was_not_seen_to_pass_is_never_green(
    project: Project, added: str, expected: dict[str, int], reasons: list[str]
) -> None:
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + added)
    if "timed_out" in reasons:
        project.change("config/suites.yaml", "timeout: 60s", "timeout: 10s")

    red = "failed_tests" in reasons
    assert project.run().code == (1 if red else 3)
    suite = project.suite
    counts = {name: number for name, number in suite["counts"].items() if number}
    assert (counts, suite["outcome"], suite["reasons"]) == (expected, "failed" if red else "incomplete", reasons)
    assert sum(number for name, number in counts.items() if name != "collected") == counts["collected"]
    assert marked_processes(SessionFolder(project.sessions[-1])) == []


def test_a_suite_that_collects_nothing_is_incomplete(project: Project) -> None:
    project.write("e2e/test_basics.py", "")

    assert project.run().code == 3
    assert (project.suite["outcome"], project.suite["reasons"]) == ("incomplete", ["empty"])


def test_a_suite_whose_runner_cannot_start_is_an_error(project: Project) -> None:
    project.change("config/suites.yaml", "runner: pytest", "runner: pytest\n    python: /bin/false")

    assert project.run().code == 4
    assert (project.suite["outcome"], project.suite["reasons"][0]) == ("errored", "not_started")


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


def test_without_a_deploy_what_serves_is_tested_and_nothing_is_made(project: Project) -> None:
    assert project.run("--no-deploy").code == 4, "nothing is deployed yet"
    assert project.run().code == 0
    made = len(project.audit())

    assert project.run("--no-deploy").code == 0
    assert len(project.audit()) == made
    (service,) = project.result["services"]
    assert service["revision"] == serving(project)
    deploy = next(row for row in project.result["selection"] if row["kind"] == "deploy")
    assert (deploy["selected"], deploy["why"]) == (False, "no deploy was asked for")


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


def test_health_tells_a_table_and_json(project: Project) -> None:
    assert project.run().code == 0

    done = project.do("health")
    assert done.code == 0
    assert done.out.splitlines()[1].split()[:2] == ["backend", "healthy"]
    document = json.loads(project.do("health", "--json").out)
    (service,) = document["services"]
    assert (service["health"], service["revision"]) == ("healthy", serving(project))
    assert service["dependencies"] == [{"name": "store", "state": "connected", "required": False}]


def test_views_of_a_session_come_from_its_journal(project: Project) -> None:
    assert project.run().code == 0
    session, worklog = project.result["session_id"], project.worklog

    assert project.do("report", "last").out == worklog
    assert json.loads(project.do("report", session, "--format", "json").out) == project.result
    assert session in project.do("sessions", "list").out
    path = project.path / "worklogs" / f"{session}.md"
    path.write_text("# GREEN: everything is wonderful\n", encoding="utf-8")
    assert project.do("worklog", "rebuild", "last").code == 0
    assert project.worklog == worklog
    assert path.with_suffix(".edited-1.md").read_text(encoding="utf-8") == "# GREEN: everything is wonderful\n"


def test_a_worklog_that_cannot_be_written_ends_before_anything_runs(project: Project) -> None:
    project.write("worklogs", "a file where the folder should be")

    done = project.run()
    assert done.code == 74
    assert "cannot write" in done.err
    assert project.audit() == []


def test_a_full_disk_ends_with_its_own_code_and_the_session_goes_on_once_there_is_room(project: Project) -> None:
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)); "
    limited += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    assert project.do("local", "up").code == 0
    command = project.command("run", "--output", "plain")
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

    resumed = project.do("resume", "last")
    assert resumed.code == 0, project.worklog
    assert project.result["headline"]["counted"] == 3


def test_a_spent_budget_and_iterations_without_progress_have_their_own_code(project: Project) -> None:
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    assert project.run("--max-iterations", "3").code == 5
    assert (project.result["verdict"], len(project.result["iterations"])) == ("RED", 2)
    assert project.result["reason"].startswith("no progress; ")

    assert project.run("--budget", "500ms").code == 5
    assert project.result["reason"].startswith("the time budget is spent; ")


def test_the_shipped_project_is_green_with_all_its_tests(tmp_path: Path) -> None:
    root = Path(netra_loop.__file__).parents[1]
    with small_project(tmp_path / "shipped") as project:
        shutil.rmtree(project.path)
        for name in ("config", "phases", "netra_loop/sample"):
            shutil.copytree(root / name, project.path / name)

        assert project.run().code == 0
        headline = project.result["headline"]
        assert (headline["collected"], headline["counted"]) == (30, 30)


def test_a_red_test_that_passes_after_a_crash_does_not_count(project: Project) -> None:
    wait = "\nimport time\ndef test_zz_waits():\n    get('/health')\n    time.sleep(600)\n"
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + wait)
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    process = subprocess.Popen(project.command("run", "--output", "none"), env=clean_environment())
    while not project.sessions or '"outcome": "failed"' not in project.do("report", "last", "--format", "json").out:
        time.sleep(0.2)
    process.kill()
    process.wait()
    project.change("e2e/test_basics.py", "== [1, 2]", "== [1, 2, 3]")
    project.change("e2e/test_basics.py", "    time.sleep(600)\n", "    assert True\n")

    assert project.do("resume", "last").code == 3
    items = next(test for test in project.suite["tests"] if test["id"].endswith("test_items"))
    assert (items["outcome"], items["proof"], items["attempts"]) == ("passed", "suspect", 2)


def test_an_old_session_does_not_take_the_traffic_back_from_a_newer_one(project: Project) -> None:
    last = "  - {id: wait, title: Wait, steps: [{id: wait, run: [python3, wait.py], class: rerun}]}\n"
    project.write("phases/default.yaml", (project.path / "phases/default.yaml").read_text(encoding="utf-8") + last)
    project.write("wait.py", "import time; time.sleep(600)\n")
    process = subprocess.Popen(project.command("run", "--output", "none"), env=clean_environment())
    while not project.sessions or '"id": "wait"' not in running_steps(project):
        time.sleep(0.2)
    process.kill()
    process.wait()
    old = project.sessions[-1].name
    project.write("wait.py", "")
    assert project.run().code == 0
    newer = serving(project)

    assert project.do("resume", old).code == 9
    assert serving(project) == newer
    assert "somebody else changed backend" in project.do("report", old).out


def running_steps(project: Project) -> str:
    """The steps of the newest session that run now, as JSON."""
    document = json.loads(project.do("report", "last", "--format", "json").out)
    steps = [step for i in document["iterations"] for phase in i["phases"] for step in phase["steps"]]
    return json.dumps([step for step in steps if step["reasons"] == ["running"]])


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
    assert (service["strategy"], service["revision"]) == ("direct", serving(project))


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


def test_a_secret_in_the_configuration_is_refused_before_anything_is_touched(project: Project) -> None:
    project.change("config/local.yaml", "STORE: connected", "STORE: s3cr3t-canary-9471")

    done = project.run(SERVICE_PASSWORD="s3cr3t-canary-9471")
    assert done.code == 2
    assert done.err.splitlines() == [
        "the plan or its configuration holds a secret: [masked]",
        "next: leave the variable without a value: it is taken from the environment then",
    ]
    assert not (project.path / ".netra-loop").exists()


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
    while True:
        for worklog in (project.path / "worklogs").glob("*.md"):
            if found := re.search(r"^- pid: `(\d+)`$", worklog.read_text(encoding="utf-8"), re.M):
                return int(found[1])
        time.sleep(0.05)


def test_an_interrupted_session_keeps_what_it_saw_and_leaves_nothing_running(project: Project) -> None:
    hang = "\nimport time\ndef test_zz_hangs():\n    get('/health')\n    time.sleep(600)\n"
    project.write("e2e/test_basics.py", (project.path / "e2e/test_basics.py").read_text(encoding="utf-8") + hang)
    process = subprocess.Popen(
        project.command("run", "--output", "none"), env=clean_environment(), start_new_session=True
    )
    pid = wait_for_pid(project)
    while project.suite["counts"]["passed"] < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 143
    assert project.result["verdict"] == "INCOMPLETE"
    assert project.suite["counts"] | {"collected": 4, "passed": 3, "timeout": 1} == project.suite["counts"]
    assert "stopped" in project.suite["reasons"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    project.change("e2e/test_basics.py", "    time.sleep(600)\n", "    assert True\n")
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
