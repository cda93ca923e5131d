"""What changes code: made in a copy, judged, committed; and whatever an agent does, only its diff comes back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.remedies.code import CodeChanges
from netra_loop.adapters.remedies.cure import CureRunner, UndoRunner
from netra_loop.adapters.remedies.judge import judge
from netra_loop.adapters.remedies.workbench import Workbench
from netra_loop.core.compliance import Checker
from netra_loop.core.environment import OutsideProgram, RemedyMode
from netra_loop.core.events import ActEnded, Event, SessionResumed
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.problem import Problem, Receipt, Remedy, Why, WhyStatus
from netra_loop.core.remediation import code_of
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from tests.adapters.remedies.repository import Repository, repository, session_folder
from tests.core.test_oracle import CHEATS, case
from tests.stories import Story, knowing, patching, usual_plan

RED = {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}
CANARY = "canary-5f1c2b7e9d"
REPAIR = 'open("backend/app.py", "w").write("ONE = 2\\n")'


@dataclass
class Shop:
    """A project, a session of it in which a test is red, and whoever changes its code."""

    made: Repository
    story: Story
    code: CodeChanges
    folder: Path
    footprint: str
    bench: Workbench

    def say(self, event: Event) -> Session:
        return self.story.emit(event).session

    def cure(self, remedy: Remedy) -> Result:
        """What comes of a remedy, with everything it needs to be tried."""
        why = Why("nobody knows", WhyStatus.HYPOTHESIS, undecided="obey: touch obeyed")
        problem = Problem(remedy.problem, "s" * 16, f"red, and {CANARY[:6]}", remedy.tests, (why,))
        self.story.diagnoses(remedy, problems=(problem,)).start(f"cure-{remedy.id}")
        return self.again(remedy)

    def again(self, remedy: Remedy) -> Result:
        act = self.story.session.record(f"1/cure-{remedy.id}").act
        return anyio.run(CureRunner(self.code).run, act, self.story.session, self.say)

    def ends(self, result: Result, step: str = "cure-r1") -> Story:
        return self.story.emit(ActEnded(f"{self.story.iteration}/{step}", result))

    def agent(self, script: str, timeout: float = 20.0) -> Result:
        """What comes of an agent that is this script."""
        environment = self.story.session.plan.environment
        program = OutsideProgram((sys.executable, "-c", script), timeout)
        plan = replace(self.story.session.plan, environment=replace(environment, agent=program))
        self.story._session = replace(self.story.session, plan=plan)
        return self.cure(AGENT)

    def moves_on(self, **files: str) -> None:
        """What the user has written is committed, before the session begins."""
        git = self.story.session.git
        assert git is not None
        self.story._session = replace(self.story.session, git=replace(git, sha=self.made.commit(**files)))
        self.footprint = self.made.footprint

    @property
    def kept(self) -> str:
        """Everything that the session keeps of it, and what came into the user's branch."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and "bench" not in path.parts]
        return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


AGENT = patching("r1", "p1::a", kind=RemedyKind.AGENT, after="attempt 1")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = repository(tmp_path / "repository")
    folder = session_folder(made)
    story = Story(knowing(usual_plan(3)), commit=made.git("rev-parse", "HEAD")).runs(RED)
    bench = Workbench(made.project, folder)
    code = CodeChanges(made.project, bench, folder, Redactor(), judge)
    shop = Shop(made, story, code, folder.path, made.footprint, bench)
    yield shop
    assert made.footprint == shop.footprint


def receipt(result: Result) -> Receipt:
    assert isinstance(result.seen, Receipt)
    return result.seen


def test_what_a_repair_changed_is_committed_on_a_branch_of_the_session(shop: Shop) -> None:
    result = shop.agent(REPAIR)
    branch = receipt(result).after["backend.source"].partition(" on ")[2]

    assert result.outcome is Outcome.PASSED
    assert shop.made.git("show", f"{branch}:backend/app.py") == "ONE = 2"
    message = shop.made.git("log", "-1", "--format=%an %s%n%b", branch)
    assert message.startswith("ultimate-test-deploy-loop backend: agent against missing-file\n")
    assert f"- p1: a\n\nSession: {shop.story.session.id}, remedy r1" in message
    assert "+ONE = 2" in shop.kept


def test_the_next_iteration_deploys_that_commit_and_one_that_takes_it_back_the_next(shop: Shop) -> None:
    shop.ends(shop.agent(REPAIR))
    shop.story.runs(RED, changes=("r1",)).start("undo-r1")
    act = shop.story.session.record("2/undo-r1").act
    shop.ends(anyio.run(UndoRunner(shop.code).run, act, shop.story.session, shop.say), "undo-r1").begin()
    cured, undone = (each.acts for each in shop.story.session.iterations[:2])

    assert code_of(shop.story.session, 2, "backend") == receipt_of(cured["1/cure-r1"].result).commit
    assert code_of(shop.story.session, 3, "backend") == ""
    assert shop.made.git("show", f"{receipt_of(undone['2/undo-r1'].result).commit}:backend/app.py") == "ONE = 1"


def receipt_of(result: Result | None) -> Receipt:
    assert result is not None
    return receipt(result)


def test_back_to_a_good_commit_only_the_folder_of_the_service_goes(shop: Shop) -> None:
    good = shop.story.session.git
    assert good is not None
    shop.moves_on(app="ONE = 0\n")
    result = shop.cure(replace(patching("r1", "p1::a"), commit=good.sha))

    assert shop.made.git("show", f"{receipt(result).commit}:backend/app.py") == "ONE = 1"


def test_a_patch_of_the_project_and_a_command_change_code_too(shop: Shop) -> None:
    diff = "diff --git a/backend/app.py b/backend/app.py\n--- a/backend/app.py\n+++ b/backend/app.py\n"
    shop.made.write(".netra-loop/fix.diff", f"{diff}@@ -1 +1 @@\n-ONE = 1\n+ONE = 2\n")
    by_file = shop.cure(replace(patching("r1", "p1::a"), commit="", file=".netra-loop/fix.diff"))

    assert shop.made.git("show", f"{receipt(by_file).commit}:backend/app.py") == "ONE = 2"


def test_a_command_is_a_program_that_changes_the_copy(shop: Shop) -> None:
    remedy = patching("r1", "p1::a", kind=RemedyKind.COMMAND)
    result = shop.cure(replace(remedy, argv=(sys.executable, "-c", REPAIR)))

    assert shop.made.git("show", f"{receipt(result).commit}:backend/app.py") == "ONE = 2"


FAILED = {
    "claims that all is fixed": ("print('All tests are green now.')", "it changed nothing"),
    "crashes": ("import os; open('backend/app.py', 'w'); os.abort()", "exit "),
    "says that it failed": (f"{REPAIR}; import sys; sys.exit('no idea')", "exit 1: no idea"),
    "hangs": ("import time; time.sleep(600)", "it took longer than 1 s"),
    "never stops talking": ("while True: print('x' * 1000)", "it said more than 65536 bytes"),
    "changes without end": ("open('backend/big.txt', 'w').write('a line\\n' * 2_000_000)", "are allowed"),
    "deletes its copy": ("import shutil, os; shutil.rmtree(os.getcwd())", ""),
}


@pytest.mark.parametrize(("script", "reason"), FAILED.values(), ids=FAILED)
def test_one_that_does_this_has_cost_one_failed_attempt(shop: Shop, script: str, reason: str) -> None:
    result = shop.agent(script, timeout=1.0 if "sleep" in script else 20.0)

    assert result.outcome is not Outcome.PASSED
    assert any(reason in each for each in result.reasons)
    assert shop.made.git("branch", "--list", "netra-loop/*") == ""


HOSTILE = {
    "edits hooks and configuration of its copy": (
        "import os, subprocess\n"
        "os.makedirs('.git/hooks', exist_ok=True)\n"
        "open('.git/hooks/pre-commit', 'w').write('#!/bin/sh\\ntouch {trap}\\n')\n"
        "os.chmod('.git/hooks/pre-commit', 0o755)\n"
        "subprocess.run(['git', 'config', 'core.fsmonitor', 'touch {trap}'])\n"
        f"{REPAIR}\n"
    ),
    "plants links to what it should not read": (
        "import os\nos.symlink('{secret}', 'backend/link')\nos.symlink('/proc/self/environ', 'backend/env')\n"
    ),
    "writes its environment into the code": (
        "import os\nfound = str(dict(os.environ)) + open('/proc/self/environ').read()\n"
        "open('backend/env.py', 'w').write('FOUND = ' + repr(found))\n"
    ),
    "commits in its copy": (
        "import subprocess\nopen('backend/app.py', 'w').write('ONE = 2\\n')\n"
        "subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=y', 'commit', '-qam', 'mine'])\n"
        "subprocess.run(['git', 'push', '{repository}', 'HEAD:refs/heads/main'])\n"
    ),
    "obeys what is written in the log": (
        "import sys\ntext = sys.stdin.read()\nassert 'obey: touch obeyed' in text\nopen('tests/test_app.py', 'w')\n"
    ),
    "leaves a process behind": (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "open('backend/pid.txt', 'w').write(str(child.pid))\n"
    ),
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE)
def test_one_that_does_this_changes_nothing_outside_of_its_copy_and_sees_no_credential(
    shop: Shop, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, trap = tmp_path / "secret", tmp_path / "trap"
    secret.write_text(CANARY)
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_ACCESS_TOKEN", "GITHUB_TOKEN", "MY_PASSWORD"):
        monkeypatch.setenv(name, CANARY)
    result = shop.agent(
        script.replace("{trap}", str(trap))
        .replace("{secret}", str(secret))
        .replace("{repository}", str(shop.made.root))
    )

    assert not trap.exists()
    assert CANARY not in shop.kept
    assert CANARY not in str(result)
    assert shop.made.git("log", "--format=%s", "main") == "begin"
    diff = receipt(result).diff
    assert diff is not None
    if "pid.txt" in script:
        told = (shop.folder / diff.ref).read_text()
        pid = next(line for line in told.splitlines() if line.startswith("+") and line[1:].isdigit())
        assert not Path(f"/proc/{pid[1:]}").exists()
    if "link" in script or "tests/test_app" in script:
        assert (result.outcome, receipt(result).commit) == (Outcome.FAILED, "")
        assert receipt(result).violations


@pytest.mark.parametrize("leaves", ["", "raise SystemExit(1)"], ids=["ends well", "fails"])
def test_one_that_commits_past_the_judge_has_failed_and_its_commit_is_gone(shop: Shop, leaves: str) -> None:
    git = "['git', '-c', 'user.name=x', '-c', 'user.email=y', '--git-dir=../tree.git', '--work-tree=.'"
    script = f"import subprocess\n{REPAIR}\nsubprocess.run({git}, 'commit', '-qam', 'evil'], check=True)\n{leaves}"
    result = shop.agent(script)

    assert result.outcome is Outcome.FAILED
    assert result.reasons == ("it changed the session's own copy, which is as it was again",)
    assert shop.bench.tip == shop.made.git("rev-parse", "HEAD")
    assert shop.made.git("branch", "--list", "netra-loop/*") == ""


def test_what_is_of_no_use_is_taken_back_also_while_the_user_looks_at_the_branch(shop: Shop) -> None:
    result = shop.agent(REPAIR)
    branch = receipt(result).after["backend.source"].partition(" on ")[2]
    shop.ends(result)
    shop.made.git("switch", "-q", branch)
    shop.footprint = shop.made.footprint
    shop.story.runs(RED, changes=("r1",)).start("undo-r1")
    act = shop.story.session.record("2/undo-r1").act
    undone = anyio.run(UndoRunner(shop.code).run, act, shop.story.session, shop.say)

    assert undone.outcome is Outcome.PASSED
    assert receipt(undone).after["backend.source"].endswith(f"on (no branch: refs/heads/{branch} is checked out)")
    assert (shop.bench.at(receipt(undone).commit) / "backend/app.py").read_text() == "ONE = 1\n"


def test_the_judge_sees_the_whole_of_a_file_around_a_change(shop: Shop) -> None:
    handler = "\n".join(
        ["@app.get('/health')", "def status():", *("    wait()" for _ in range(9)), "    return f()", ""]
    )
    shop.moves_on(app=handler)
    result = shop.agent(f"open('backend/app.py', 'w').write({handler.replace('f()', 'True')!r})")

    assert receipt(result).violations == ("backend/app.py: it changes what health says: return True",)


@pytest.mark.parametrize("file", CHEATS[::3], ids=lambda file: file.stem)
def test_a_cheat_is_never_committed(shop: Shop, file: Path) -> None:
    _, diff = case(file)
    shop.made.write(".netra-loop/cheat.diff", diff)
    result = shop.cure(replace(patching("r1", "p1::a"), commit="", file=".netra-loop/cheat.diff"))

    assert result.outcome is Outcome.FAILED
    assert result.reasons[0] == "a person must look at it first"
    assert (receipt(result).commit, bool(receipt(result).violations)) == ("", True)
    assert shop.made.git("branch", "--list", "netra-loop/*") == ""


def test_one_that_was_under_way_when_the_session_died_is_not_asked_again(shop: Shop) -> None:
    counter = shop.folder / "asked"
    script = f"open({str(counter)!r}, 'a').write('x')\n{REPAIR}"
    shop.agent(script)
    asked = [e.event for e in shop.story.entries if "asked" in getattr(e.event, "handle", {})]
    assert asked
    shop.story.entries.clear()
    shop.story = Story(shop.story.session.plan, commit=shop.made.git("rev-parse", "HEAD")).runs(RED)
    shop.story.diagnoses(AGENT).start("cure-r1").emit(asked[0]).emit(SessionResumed("resume last")).starts()
    result = shop.again(AGENT)

    assert result == Result(Outcome.FAILED, ("the session ended while it was asked; its copy is discarded",))
    assert counter.read_text() == "x"


def test_a_diff_that_was_made_when_the_session_died_is_committed_once(shop: Shop) -> None:
    first = shop.agent(REPAIR)
    second = shop.again(AGENT)

    assert receipt(second).commit == receipt(first).commit


def checked_by(shop: Shop, *argv: str) -> None:
    program = Checker((sys.executable, *argv), "strict", r"(\d+) files", r"(\d+) bad")
    environment = replace(shop.story.session.plan.environment, compliance=program)
    shop.story._session = replace(shop.story.session, plan=replace(shop.story.session.plan, environment=environment))


COUNTING = (
    "import glob; files = [open(name).read() for name in glob.glob('backend/*.py')]; "
    "n, bad = len(files), sum('bad' in each for each in files)"
)
CHECKERS = {
    "passes it": (f"{COUNTING}; print(n, 'files,', bad, 'bad'); raise SystemExit(bool(bad))", REPAIR, Outcome.PASSED),
    "finds something new": (
        f"{COUNTING}; print(n, 'files,', bad, 'bad'); raise SystemExit(bool(bad))",
        'open("backend/app.py", "w").write("ONE = 2 # bad\\n")',
        Outcome.FAILED,
    ),
    "finds less than before": (
        "print('9 files,', 3 - ('2' in open('backend/app.py').read()), 'bad'); raise SystemExit(1)",
        REPAIR,
        Outcome.PASSED,
    ),
    "finds as much as before, in other files": (
        "import os; n = len(os.listdir('backend')); print(n, 'files, 1 bad'); raise SystemExit(1)",
        f"{REPAIR}; open('backend/more.py', 'w').write('')",
        Outcome.FAILED,
    ),
    "changes what is not its own": ("open('../tree.git/new', 'w'); print('9 files, 0 bad')", REPAIR, Outcome.FAILED),
    "finds what it found before": ("print('9 files, 3 bad'); raise SystemExit(1)", REPAIR, Outcome.PASSED),
    "checks nothing": ("print('0 files, 0 bad')", REPAIR, Outcome.FAILED),
    "contradicts itself": ("print('9 files, 3 bad')", REPAIR, Outcome.FAILED),
    "does not say what it checked": ("print('100 % compliant')", REPAIR, Outcome.FAILED),
}


@pytest.mark.parametrize(("checker", "script", "expected"), CHECKERS.values(), ids=CHECKERS)
def test_before_a_commit_stands_the_environment_s_checker_where_it(
    shop: Shop, checker: str, script: str, expected: Outcome
) -> None:
    checked_by(shop, "-c", checker)
    result = shop.agent(script)

    assert result.outcome is expected
    assert bool(receipt(result).commit) is (expected is Outcome.PASSED)
    assert expected is Outcome.PASSED or result.reasons[0] == "the checker does not pass it"


def test_what_a_checker_loads_of_a_remedy_sees_no_credential(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", CANARY)
    monkeypatch.setenv("HOME", f"/home/{CANARY}")
    checked_by(shop, "-c", "import sys; sys.path.insert(0, 'backend'); import rules; print('9 files, 0 bad')")
    result = shop.agent(
        "open('backend/rules.py', 'w').write('import os\\nprint(dict(os.environ), os.path.expanduser(\"~\"))')"
    )

    assert result.outcome is Outcome.PASSED
    assert "'HOME': " in shop.kept
    assert CANARY not in shop.kept


def test_a_remedy_cannot_change_the_program_that_checks_it(shop: Shop) -> None:
    shop.moves_on(lint="print('9 files, 0 bad')\n")
    checked_by(shop, "./backend/lint.py")
    result = shop.agent("open('backend/lint.py', 'w').write('print(9)')")

    assert (result.outcome, receipt(result).violations) == (Outcome.FAILED, ("backend/lint.py: it is protected",))


@pytest.mark.parametrize("file", ["../config/limits.yaml", "folder/limits.yaml", "limits.yaml", "../../outside.yaml"])
def test_a_file_of_configuration_is_edited_in_the_service_s_source_only(shop: Shop, file: str) -> None:
    limits = shop.made.write("config/limits.yaml", "limit: 1\n")
    (shop.made.project / "backend/folder").symlink_to("../config")
    (shop.made.project / "backend/limits.yaml").symlink_to("../config/limits.yaml")
    shop.made.write("../outside.yaml", "limit: 1\n")
    shop.moves_on()
    remedy = replace(patching("r1", "p1::a", kind=RemedyKind.CONFIG_EDIT), commit="")
    result = shop.cure(replace(remedy, file=file, key="limit", after="99"))

    assert (result.outcome, result.reasons) == (Outcome.FAILED, (f"backend has no file {file}",))
    assert limits.read_text() == "limit: 1\n"


def test_a_source_of_which_git_keeps_only_a_part_gets_no_change_of_code(shop: Shop) -> None:
    shop.made.write(".gitignore", "worklogs/\n.netra-loop/\n.pytest_cache/\nbackend/made*.py\n")
    for number in range(4):
        shop.made.write(f"backend/made{number}.py", "X = 1\n")
    shop.made.write("backend/.pytest_cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
    shop.moves_on()
    (reason,) = shop.agent(REPAIR).reasons

    assert reason == (
        "the commit does not hold backend as it is deployed: commit, or move elsewhere, "
        "made0.py, made1.py, made2.py and 1 more"
    )


ANSWERS = {
    "a yes": ("y\n", Outcome.PASSED, ()),
    "a no": ("n\n", Outcome.SKIPPED, ("declined",)),
    "nobody": ("", Outcome.SKIPPED, ("nobody to ask: standard input is closed",)),
}


@pytest.mark.parametrize(("typed", "outcome", "reasons"), ANSWERS.values(), ids=ANSWERS)
def test_a_person_who_is_asked_sees_the_diff_first_and_nothing_is_committed_without(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, typed: str, outcome: Outcome, reasons: tuple[str, ...]
) -> None:
    shop.story._session = replace(shop.story.session, plan=replace(shop.story.session.plan, remedies=RemedyMode.ASK))
    ours, theirs = os.pipe()
    os.write(theirs, typed.encode())
    os.close(theirs)
    with os.fdopen(ours) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        result = shop.agent(REPAIR)
    told = next(e.event.handle for e in shop.story.entries if "question" in getattr(e.event, "handle", {}))  # type: ignore[union-attr]

    assert (result.outcome, result.reasons, bool(receipt(result).commit)) == (outcome, reasons, not reasons)
    assert "+ONE = 2" in told["shown"].splitlines()
    assert told["question"].startswith("apply r1, backend source: ")
    assert bool(shop.made.git("branch", "--list", "netra-loop/*")) is not bool(reasons)


def test_where_nobody_can_answer_no_agent_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.story._session = replace(shop.story.session, plan=replace(shop.story.session.plan, remedies=RemedyMode.ASK))
    with Path(os.devnull).open() as nowhere:
        monkeypatch.setattr(sys, "stdin", nowhere)
        result = shop.agent(REPAIR)

    assert result == Result(Outcome.SKIPPED, ("nobody to ask: standard input is closed",))
    assert not any("asked" in getattr(entry.event, "handle", {}) for entry in shop.story.entries)


def test_a_second_change_of_code_builds_on_the_first(shop: Shop) -> None:
    shop.ends(shop.agent(REPAIR))
    other = replace(
        patching("r2", "p1::b", kind=RemedyKind.COMMAND),
        argv=(sys.executable, "-c", "open('backend/b.py', 'w').write('B = 1')"),
    )
    found = shop.story.session.iterations[0].acts["1/diagnose"]
    assert found.result is not None
    seen = replace(found.result.seen, remedies=(AGENT, other))  # type: ignore[type-var]
    shop.story.emit(ActEnded("1/diagnose", replace(found.result, seen=seen))).start("cure-r2")
    act = shop.story.session.record("1/cure-r2").act
    result = anyio.run(CureRunner(shop.code).run, act, shop.story.session, shop.say)

    assert shop.made.git("ls-tree", "-r", "--name-only", receipt(result).commit, "backend/").splitlines() == [
        "backend/app.py",
        "backend/b.py",
    ]
    assert shop.made.git("show", f"{receipt(result).commit}:backend/app.py") == "ONE = 2"


def test_a_secret_in_a_diff_that_is_not_applied_is_not_kept(shop: Shop) -> None:
    token = "ghp_" + "b2C3" * 9
    result = shop.agent(f"open('backend/key.py', 'w').write('KEY = \"{token}\"')")

    assert any("it holds a secret" in reason for reason in result.reasons)
    assert "KEY = " in shop.kept
    assert token not in shop.kept
