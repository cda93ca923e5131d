"""The command line before anything runs: what it loads, what it says, how it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.forked import Done
from tests.small_project import Project, clean_environment

HEAVY = {"google", "httpx", "pydantic", "websockets", "asyncio"}
COMMANDS = [
    ("run",),
    ("resume",),
    ("health",),
    ("doctor",),
    ("control",),
    ("report",),
    ("logs",),
    ("plan", "validate"),
    ("sessions", "list"),
    ("sessions", "show"),
    ("worklog", "rebuild"),
    ("local", "up"),
    ("local", "down"),
    ("local", "status"),
    ("local", "logs"),
]

PROBE = """
import contextlib, io, sys
sys.argv = ["netra-loop", *sys.argv[1:]]
from netra_loop.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if module}))
"""


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("run", "--help")], ids=" ".join)
def test_nothing_heavy_is_loaded_to_answer(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True, env=clean_environment()
    )

    assert HEAVY & set(done.stdout.split()) == set()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_ends_with_its_exit_codes(shared_project: Project, command: tuple[str, ...]) -> None:
    done = shared_project.do(*command, "--help", COLUMNS="200")

    assert done.code == 0
    assert re.search(r"Exit codes: 0 [^╰]*$", done.out)


@pytest.mark.parametrize("arguments", [("--version",), ("--color", "never", "--version")], ids=" ".join)
def test_the_version_is_told(shared_project: Project, arguments: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", "netra_loop", *arguments], capture_output=True, text=True, check=True)

    assert done.stdout == "ultimate-test-deploy-loop 0.1.0\n"


def test_an_unknown_focus_lists_the_known_and_touches_nothing(untouched: Project) -> None:
    done = untouched.run("--focus", "nonsense")

    assert done.code == 2
    assert "--focus names nothing known: nonsense" in done.err
    assert "known are: all, P1, basics," in done.err
    assert not (untouched.path / "worklogs").exists()
    assert not (untouched.path / ".netra-loop").exists()


def test_a_wrong_plan_reports_every_mistake_with_its_place_and_touches_nothing(untouched: Project) -> None:
    untouched.change("phases/default.yaml", "iterations: 1", "iteration: 1").change(
        "config/local.yaml", "deadline: 10s", "deadline: 10"
    )
    done = untouched.do("plan", "validate")

    assert done.code == 2
    assert "phases/default.yaml:5:21: error: unknown key 'iteration'; did you mean 'iterations'?" in done.err
    assert "config/local.yaml:15:17: error: 'deadline' needs a unit, like 30s or 5m" in done.err
    assert done.err.rstrip().endswith("nothing was touched")
    assert not (untouched.path / ".netra-loop").exists()


def test_a_valid_plan_is_told_so(shared_project: Project) -> None:
    done = shared_project.do("plan", "validate")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("valid: 3 phases, 3 steps, 1 suites, digest ")


def test_limits_that_contradict_are_warnings_and_the_plan_stays_valid(untouched: Project) -> None:
    untouched.change("config/local.yaml", "services:\n", "timeouts:\n  connect: 3s\n  receive: 2s\nservices:\n")
    done = untouched.do("plan", "validate")
    warning, source, caret, valid = done.out.splitlines()

    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"config/local\.yaml:\d+:12: warning: "
        r"timeouts\.connect is 3 s and timeouts\.receive 2 s: the outer one ends it first",
        warning,
    )
    assert (source.strip(), source[caret.index("^") :]) == ("connect: 3s", "3s")
    assert valid.startswith("valid: ")


def test_a_dry_run_shows_the_steps_and_does_nothing(untouched: Project) -> None:
    done = untouched.run("--dry-run", "--focus", "basics")

    assert done.code == 0
    assert [line.split()[:3] for line in done.out.splitlines()[2:5]] == [
        ["deploy", "deploy-backend", "deploy"],
        ["health", "health-backend", "health"],
        ["suites", "basics", "suite"],
    ]
    assert done.out.splitlines()[-2:] == ["then, if all is proven: promote backend", "nothing was done"]
    assert not (untouched.path / ".netra-loop").exists()


@pytest.mark.parametrize(
    ("budget", "message"),
    [("8", "needs a unit, like 30s or 5m"), ("0s", "must be more than 0"), ("9000h", "must be at most 7 days")],
    ids=["a bare number", "nothing", "years"],
)
def test_a_wrong_budget_is_refused(shared_project: Project, budget: str, message: str) -> None:
    done = shared_project.run("--budget", budget, COLUMNS="200")

    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize("word", ["last", "nothing", "../../etc/passwd", "a\x1b[31m"], ids=repr)
def test_a_session_that_is_not_there_is_a_usage_error(untouched: Project, word: str) -> None:
    done = untouched.do("sessions", "show", word)

    assert done.code == 2
    assert done.err.splitlines() == ["there is no session yet", "next: `run` makes one"]


def test_the_embedded_cloud_run_is_there_between_up_and_down(untouched: Project) -> None:
    assert untouched.do("local", "up").code == 0
    assert untouched.do("local", "status").code == 0
    assert untouched.do("local", "down") == Done(0, "the embedded Cloud Run is down\n", "")
    assert untouched.do("local", "down") == Done(0, "it was not running\n", "")


def test_what_the_embedded_cloud_run_keeps_is_deleted_when_asked_for(untouched: Project) -> None:
    assert untouched.do("local", "up").code == 0
    assert untouched.do("local", "down", "--purge") == Done(
        0,
        "the embedded Cloud Run is down\ndeleted: audit.jsonl, images, logs.sqlite, server.log, state.db, uploads\n",
        "",
    )
    assert untouched.do("local", "down", "--purge").out.splitlines()[1] == "deleted: nothing, for nothing was kept"


def test_local_status_without_a_server_says_how_to_start_it(untouched: Project) -> None:
    done = untouched.do("local", "status")

    assert done.code == 4
    assert done.err.splitlines()[-1] == "next: `local up` starts it, `run` deploys to it"


def test_health_without_a_server_could_not_look(untouched: Project) -> None:
    assert untouched.do("health").code == 4


def test_health_of_an_unknown_service_lists_the_known(untouched: Project) -> None:
    done = untouched.do("health", "frontend")

    assert done.code == 2
    assert done.err.splitlines() == ["no such service: frontend", "next: known are: backend"]


def test_an_exported_log_is_told_by_pattern_severe_ones_first_and_secrets_masked(shared_project: Project) -> None:
    token = "ghp_" + "a1B2" * 9
    entries: list[object] = [{"severity": "INFO", "textPayload": f"order {n} taken"} for n in range(40)]
    entries += [{"severity": "ERROR", "jsonPayload": {"message": f"refused {token} {n}"}} for n in range(3)]
    file = shared_project.path / "export.jsonl"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + "\nno entry\n")
    done = shared_project.do("logs", str(file))

    assert (done.code, done.err) == (0, "")
    assert token not in done.out
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["3", "ERROR"],
        ["40", "INFO"],
        ["1", "UNREADABLE"],
        ["44", "in"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot read"), ("", "holds no log entry"), ('[\n{"severity":\n', "holds no log entry")],
    ids=["no file", "an empty one", "an array in lines"],
)
def test_what_is_no_exported_log_is_refused(shared_project: Project, text: str | None, message: str) -> None:
    file = shared_project.path / "wrong.jsonl"
    file.unlink(missing_ok=True)
    if text is not None:
        file.write_text(text)
    done = shared_project.do("logs", str(file))

    assert done.code == 2
    assert message in done.err
    assert "next: " in done.err
