"""Code is changed in the session's own copy; of the user's repository only our branch is ever written."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from netra_loop.adapters.files import State
from netra_loop.adapters.leftovers import left_files, remove_left
from netra_loop.adapters.remedies.workbench import AGENT_FILES, Workbench, WorkbenchError
from tests.adapters.remedies.repository import AT, Repository, bench_of, repository, session_folder


@pytest.fixture(params=["", "services/shop"], ids=["at the top", "in a folder"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """A project at the top of its repository, or somewhere in it."""
    return repository(tmp_path / "repository", request.param)


in_a_folder = pytest.mark.parametrize("made", ["services/shop"], ids=["in a folder"], indirect=True)


def edited(bench: Workbench, name: str = "r1", **files: str) -> str:
    """The diff of a throw-away copy in which these files of the service were written."""
    place = bench.disposable(name)
    for file, text in files.items():
        (place / f"backend/{file}.py").write_text(text, "utf-8")
    return bench.diff_of(name)


def test_the_copy_is_the_commit_and_not_what_the_user_has_changed_since(made: Repository) -> None:
    made.write("backend/app.py", "ONE = 2\n")
    bench = bench_of(made)

    assert (bench.project / "backend/app.py").read_text() == "ONE = 1\n"
    assert bench.tip == made.git("rev-parse", "HEAD")


def test_a_change_is_committed_in_the_copy_and_the_user_s_files_stay(made: Repository) -> None:
    before = made.footprint
    bench = bench_of(made)
    commit = bench.commit(edited(bench, app="ONE = 3\n", new="TWO = 2\n"), "more\n", AT)

    assert (bench.at(commit) / "backend/app.py").read_text() == "ONE = 3\n"
    assert (bench.at(commit) / "backend/new.py").read_text() == "TWO = 2\n"
    assert made.footprint == before


def test_the_same_change_twice_is_one_commit(made: Repository) -> None:
    bench = bench_of(made)
    diff = edited(bench, app="ONE = 3\n")

    assert bench.commit(diff, "more\n", AT) == bench.commit(diff, "more\n", AT)


def test_the_same_change_of_the_same_commit_has_the_same_name_in_every_copy(made: Repository) -> None:
    names = {bench.commit(edited(bench, app="ONE = 3\n"), "more\n", AT) for bench in (bench_of(made), bench_of(made))}

    assert len(names) == 1


def test_a_change_can_be_taken_back_also_after_others(made: Repository) -> None:
    bench = bench_of(made)
    first = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    bench.commit(edited(bench, other="TWO = 2\n"), "second\n", AT)
    back = bench.revert(first, "back\n", AT)

    assert (bench.at(back) / "backend/app.py").read_text() == "ONE = 1\n"
    assert (bench.at(back) / "backend/other.py").exists()
    assert bench.revert(first, "back\n", AT) == back


def test_what_others_build_on_cannot_be_taken_back(made: Repository) -> None:
    bench = bench_of(made)
    first = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    tip = bench.commit(edited(bench, app="ONE = 4\n"), "second\n", AT)

    with pytest.raises(WorkbenchError, match="git apply"):
        bench.revert(first, "back\n", AT)
    assert bench.tip == tip


def test_a_folder_can_be_made_what_it_was_at_an_earlier_commit(made: Repository) -> None:
    good = made.git("rev-parse", "HEAD")
    made.write("tests/test_app.py", "def test_one(): assert False\n")
    made.commit(app="ONE = 0\n", more="TWO = 2\n")
    bench = bench_of(made)
    commit = bench.commit(bench.restoring_diff(good, "backend"), "back\n", AT)

    assert sorted(path.name for path in (bench.at(commit) / "backend").iterdir()) == ["app.py"]
    assert (bench.at(commit) / "backend/app.py").read_text() == "ONE = 1\n"
    assert "assert False" in (bench.at(commit) / "tests/test_app.py").read_text()


def test_a_copy_that_was_left_half_done_is_made_whole_and_keeps_its_commits(made: Repository) -> None:
    folder = session_folder(made)
    bench = Workbench(made.project, folder)
    bench.open(made.git("rev-parse", "HEAD"))
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    (bench.project / "backend/app.py").write_text("half don")
    (bench.project / "backend/left.py").write_text("left over")
    again = Workbench(made.project, folder)
    again.open(made.git("rev-parse", "HEAD"), commit)

    assert again.tip == commit
    assert (again.project / "backend/app.py").read_text() == "ONE = 3\n"
    assert not (again.project / "backend/left.py").exists()


def test_the_user_gets_a_branch_with_the_commits_and_nothing_else(made: Repository) -> None:
    before, head = made.footprint, made.git("rev-parse", "HEAD")
    bench = bench_of(made)
    bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    branch = bench.publish()
    bench.commit(edited(bench, app="ONE = 4\n"), "second\n", AT)

    assert bench.publish() == branch
    assert made.git("log", "--format=%s", f"{head}..{branch}").splitlines() == ["second", "first"]
    assert made.git("fsck", "--no-dangling") == ""
    assert made.footprint == before


def test_a_branch_that_somebody_else_has_moved_is_left_as_it_is(made: Repository) -> None:
    bench = bench_of(made)
    bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    branch = bench.publish()
    made.commit(other="1\n")
    made.git("update-ref", f"refs/heads/{branch}", "HEAD")
    bench.commit(edited(bench, app="ONE = 4\n"), "second\n", AT)

    with pytest.raises(WorkbenchError):
        bench.publish()
    assert made.git("rev-parse", branch) == made.git("rev-parse", "HEAD")


def test_no_hook_filter_or_configuration_of_the_user_is_run(made: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for hook in ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "pre-applypatch"):
        path = made.root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {trap}\n")
        path.chmod(0o755)
    made.write(".gitattributes", "*.py filter=trap diff=trap\n")
    made.git("-c", "core.hooksPath=/dev/null", "add", "-A")
    made.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "attributes")
    for key in (
        "filter.trap.smudge",
        "filter.trap.clean",
        "diff.trap.textconv",
        "core.fsmonitor",
        "uploadpack.packObjectsHook",
    ):
        made.git("config", key, f"touch {trap}; cat")
    bench = bench_of(made)
    bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    bench.publish()

    assert not trap.exists()


def test_a_throw_away_copy_has_no_remote_no_history_and_no_instructions(made: Repository) -> None:
    for name in AGENT_FILES[:7]:
        made.write(f"{name}/x" if name.startswith(".c") else name, "Obey.\n")
    made.write("backend/claude.md", "Obey here.\n")
    made.commit()
    place = bench_of(made).disposable("r1")
    told = subprocess.run(("git", "log", "--format=%s"), cwd=place, capture_output=True, text=True, check=True)

    assert told.stdout == "as it is\n"
    assert not [found for name in AGENT_FILES for found in place.rglob(name)]
    assert not (place / "backend/claude.md").exists()
    assert not (place / "../.git/hooks").exists()


def test_instructions_that_are_missing_or_new_in_it_are_no_difference(made: Repository) -> None:
    bench = bench_of(made)
    place = bench.disposable("r1")
    (place / "AGENTS.md").write_text("Obey me.\n")
    (place / ".claude").mkdir()
    (place / ".claude/settings.json").write_text("{}")

    assert bench.diff_of("r1") == ""


def test_what_its_own_git_dir_says_has_no_influence_on_the_difference(made: Repository, tmp_path: Path) -> None:
    bench = bench_of(made)
    place = bench.disposable("r1")
    trap = tmp_path / "trap"
    top = next(path.parent for path in (place / ".git", *(each / ".git" for each in place.parents)) if path.exists())
    (top / ".git/config").write_text(f'[core]\n\tfsmonitor = touch {trap}\n[filter "x"]\n\tclean = touch {trap}\n')
    (place / ".gitattributes").write_text("*.py filter=x\n")
    (place / "backend/app.py").write_text("ONE = 3\n")

    assert "+ONE = 3" in bench.diff_of("r1")
    assert not trap.exists()


def test_a_link_is_told_as_a_link_and_nothing_is_read_through_it(made: Repository, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the canary")
    bench = bench_of(made)
    (bench.disposable("r1") / "backend/link").symlink_to(secret)
    diff = bench.diff_of("r1")

    assert "new file mode 120000" in diff
    assert "canary" not in diff


@in_a_folder
@pytest.mark.parametrize("target", ["/etc", "/nowhere/at/all", "../" * 9, "app.py/../../../../../.."])
def test_a_project_with_a_link_that_leads_out_of_it_gets_no_throw_away_copy(made: Repository, target: str) -> None:
    (made.project / "backend/inner").symlink_to("app.py")
    made.commit()
    bench_of(made).disposable("r1")
    (made.project / "backend/outer").symlink_to(target)
    made.commit()

    with pytest.raises(WorkbenchError, match=r"links that lead out of it: .*backend/outer$"):
        bench_of(made).disposable("r1")


def test_a_difference_without_end_is_refused(made: Repository) -> None:
    bench = bench_of(made)
    (bench.disposable("r1") / "backend/big.txt").write_text("a line\n" * 2_000_000)

    with pytest.raises(WorkbenchError, match="are allowed"):
        bench.diff_of("r1")


@pytest.mark.parametrize("diff", ["", "no diff at all", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-never there\n+new\n"])
def test_what_does_not_apply_changes_nothing(made: Repository, diff: str) -> None:
    bench = bench_of(made)
    tip = bench.tip

    with pytest.raises(WorkbenchError):
        bench.commit(diff, "first\n", AT)
    assert bench.tip == tip


def test_a_diff_that_leads_out_of_the_copy_is_refused(made: Repository, tmp_path: Path) -> None:
    outside = "--- /dev/null\n+++ b/../../../out\n@@ -0,0 +1 @@\n+new\n"

    with pytest.raises(WorkbenchError):
        bench_of(made).commit(outside, "first\n", AT)
    assert not list(tmp_path.rglob("out"))


def test_a_commit_that_is_not_there_is_told(made: Repository) -> None:
    with pytest.raises(WorkbenchError):
        Workbench(made.project, session_folder(made)).open("0" * 40)


def test_instructions_behind_a_link_stay_where_they_are(made: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "copilot-instructions.md").write_text("mine")
    (made.project / ".github").symlink_to(elsewhere)
    made.commit()
    with pytest.raises(WorkbenchError, match="lead out of it"):
        bench_of(made).disposable("r1")

    assert (elsewhere / "copilot-instructions.md").read_text() == "mine"


def run(place: Path, *words: str) -> None:
    who = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "x"}
    env = os.environ | who | {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "x"}
    subprocess.run(words, cwd=place, env=env, check=True, capture_output=True)


def test_a_repository_in_a_copy_is_a_folder_and_what_it_configures_is_not_run(made: Repository, tmp_path: Path) -> None:
    inner = made.project / "backend/inner"
    trap = tmp_path / "trap"
    made.write("backend/inner/app.py", "ONE = 1\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "inner")):
        run(inner, "git", *words)
    made.commit()
    bench = bench_of(made)
    again = bench.disposable("r1") / "backend/inner"
    shutil.copytree(inner, again, dirs_exist_ok=True)
    run(again, "git", "config", "filter.x.clean", f"touch {trap}; cat")
    (again / ".gitattributes").write_text("*.py filter=x\n")
    (again / "app.py").write_text("ONE = 2\n")
    bench.diff_of("r1")

    assert not trap.exists()


def test_a_copy_that_has_become_a_link_is_not_read(made: Repository, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    bench = bench_of(made)
    bench.disposable("r1")
    place = next((made.project / ".netra-loop").rglob("throwaway-r1"))
    shutil.rmtree(place)
    place.symlink_to(tmp_path / "secret")

    with pytest.raises(WorkbenchError, match="is a link now"):
        bench.diff_of("r1")


REACHES = {
    "commits": "git --git-dir=../tree.git --work-tree=. commit -q --allow-empty -m evil",
    "configures": "git config -f ../tree.git/config filter.x.clean false",
    "puts an object in place of another": "mkdir -p ../tree.git/objects/00 && touch ../tree.git/objects/00/00",
    "writes what nobody knows": "touch ../tree.git/new",
    "links its parts elsewhere": "mv ../tree.git/config ../config && ln -s ../config ../tree.git/config",
    "reads objects elsewhere": "echo /nonexistent > ../tree.git/objects/info/alternates",
    "configures another": (
        "cp -r ../tree.git ../../evil && echo ../../evil > ../tree.git/commondir && mkdir -p ../../evil/info"
        " && git config -f ../../evil/config filter.x.smudge 'touch ../../trap; cat'"
        " && git config -f ../../evil/config filter.x.clean 'touch ../../trap; cat'"
        " && echo '*.py filter=x' > ../../evil/info/attributes"
    ),
    "spoils what we keep": "echo spoilt > ../commits.pack",
    "has us wait for what we keep": "rm -f ../commits.pack && mkfifo ../commits.pack",
    "links all of it": "cd .. && mv ../bench ../other && ln -s other ../bench",
    "deletes it": "rm -rf ../tree.git ../tree",
    "puts a link in its place": "mv ../tree.git ../other && ln -s other ../tree.git",
}


def beside(made: Repository, command: str) -> tuple[Workbench, str]:
    """A copy with a published commit, after a program ran beside it."""
    bench = bench_of(made)
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    bench.publish()
    bench.disposable("r2")
    run(next((made.project / ".netra-loop").rglob("throwaway-r2")), "sh", "-c", command)
    return bench, commit


@in_a_folder
@pytest.mark.parametrize("command", [command for name, command in REACHES.items() if "keep" not in name])
def test_what_a_program_does_to_our_git_dir_is_noticed(made: Repository, command: str) -> None:
    assert beside(made, command)[0].reclaim("r2")


@in_a_folder
@pytest.mark.parametrize("is_killed", [False, True], ids=["was ended", "was killed with us"])
@pytest.mark.parametrize("command", REACHES.values(), ids=REACHES)
def test_our_git_dir_is_as_it_was_after_a_program_that(made: Repository, command: str, is_killed: bool) -> None:
    bench, commit = beside(made, command)
    if is_killed:
        bench = Workbench(made.project, session_folder(made))
    else:
        bench.reclaim("r2")
    bench.open(made.git("rev-parse", "HEAD"), commit)

    assert bench.tip == commit
    assert bench.commit(edited(bench, app="ONE = 4\n"), "second\n", AT) == bench.tip
    assert (bench.at(bench.tip) / "backend/app.py").read_text() == "ONE = 4\n"
    assert not list((made.project / ".netra-loop").rglob("trap"))


def test_an_object_in_place_of_another_is_not_believed_after_we_were_killed(made: Repository) -> None:
    folder, head, evil = session_folder(made), made.git("rev-parse", "HEAD"), b"EVIL = 1\n"
    bench = Workbench(made.project, folder)
    bench.open(head)
    bench.disposable("r1")
    path = (made.project / "backend/app.py").relative_to(made.root)
    name = made.git("rev-parse", f"HEAD:{path}")
    planted = folder.bench / "tree.git/objects" / name[:2] / name[2:]
    planted.parent.mkdir(exist_ok=True)
    planted.write_bytes(zlib.compress(b"blob %d\0%b" % (len(evil), evil)))
    again = Workbench(made.project, folder)
    again.open(head)

    assert (again.project / "backend/app.py").read_text() == made.git("show", f"HEAD:{path}") + "\n"


def test_what_was_to_be_deployed_is_made_anew_after_a_program_ran_beside_it(made: Repository) -> None:
    bench = bench_of(made)
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    place = bench.at(commit)
    bench.disposable("r2")
    (place / "backend/app.py").write_text("EVIL = 1\n")
    (bench.project / "backend/sitecustomize.py").write_text("EVIL = 1\n")

    assert not bench.reclaim("r2")
    assert (bench.at(commit) / "backend/app.py").read_text() == "ONE = 3\n"
    changed = bench.disposable("r3", edited(bench, app="ONE = 4\n"))
    assert [path.name for path in (changed / "backend").iterdir()] == ["app.py"]
    assert (changed / "backend/app.py").read_text() == "ONE = 4\n"


@pytest.mark.parametrize(
    "name", ["tree.git/index.lock", "tree.git/HEAD.lock", "index-throwaway-r1.lock", "index-r1.lock"]
)
def test_a_lock_that_a_killed_git_has_left_is_no_obstacle(made: Repository, name: str) -> None:
    folder = session_folder(made)
    Workbench(made.project, folder).open(made.git("rev-parse", "HEAD"))
    (folder.path / "bench" / name).touch()
    bench = Workbench(made.project, folder)
    bench.open(made.git("rev-parse", "HEAD"))

    assert bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT) == bench.tip


def test_services_that_are_deployed_side_by_side_get_the_same_copy(made: Repository) -> None:
    bench = bench_of(made)
    head = made.git("rev-parse", "HEAD")
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)

    def opened(_: int) -> str:
        bench.open(head, commit)
        return (bench.at(commit) / "backend/app.py").read_text()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(opened, range(24))) == {"ONE = 3\n"}


def test_a_branch_that_the_user_works_on_is_left_as_it_is(made: Repository) -> None:
    bench = bench_of(made)
    bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    branch = bench.publish()
    made.git("switch", "-q", branch)
    before = made.footprint
    assert bench.publish() == branch
    bench.commit(edited(bench, app="ONE = 4\n"), "second\n", AT)

    with pytest.raises(WorkbenchError, match="is checked out"):
        bench.publish()
    assert made.footprint == before
    assert made.git("status", "--porcelain") == ""


def test_a_clone_without_its_history_gets_its_branch_too(made: Repository, tmp_path: Path) -> None:
    made.commit(app="ONE = 2\n")
    run(tmp_path, "git", "clone", "-q", "--depth=1", f"file://{made.root}", "clone")
    clone = Repository(tmp_path / "clone", tmp_path / "clone" / made.project.relative_to(made.root))
    bench = bench_of(clone)
    first = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    bench.revert(first, "back\n", AT)

    assert clone.git("log", "--format=%s", bench.publish()).splitlines() == ["back", "first", "more"]


def test_what_a_program_did_to_our_git_dir_before_we_were_killed_is_not_believed(
    made: Repository, tmp_path: Path
) -> None:
    folder, trap = session_folder(made), tmp_path / "trap"
    bench = Workbench(made.project, folder)
    head = made.git("rev-parse", "HEAD")
    bench.open(head)
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    place = bench.disposable("r1")
    git_dir = folder.path / "bench/tree.git"
    ours = ("git", "-c", "user.name=x", "-c", "user.email=y", f"--git-dir={git_dir}", f"--work-tree={place}")
    (place / "backend/evil.py").write_text("EVIL = 1\n")
    for command in (("add", "-A"), ("commit", "-q", "-m", "mine"), ("config", "filter.x.clean", f"touch {trap}")):
        subprocess.run((*ours, *command), check=True)
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info/attributes").write_text("*.py filter=x\n")
    (folder.path / "bench" / commit).mkdir()
    again = Workbench(made.project, folder)
    again.open(head, commit)
    last = again.commit(edited(again, app="ONE = 4\n"), "second\n", AT)

    assert not trap.exists()
    assert sorted(path.name for path in (again.at(last) / "backend").iterdir()) == ["app.py"]
    assert (again.at(commit) / "backend/app.py").read_text() == "ONE = 3\n"


def test_a_copy_is_left_for_gc_and_the_commits_are_found_again_in_the_user_s_repository(made: Repository) -> None:
    folder = session_folder(made)
    bench, head = Workbench(made.project, folder), made.git("rev-parse", "HEAD")
    bench.open(head)
    commit = bench.commit(edited(bench, app="ONE = 3\n"), "first\n", AT)
    bench.publish()
    (found,) = left_files(State(made.project / ".netra-loop"), made.project / "worklogs")

    assert found == (folder, folder.bench)
    assert remove_left(*found)
    assert not folder.bench.exists()
    again = Workbench(made.project, folder)
    again.open(head, commit)
    assert (again.at(commit) / "backend/app.py").read_text() == "ONE = 3\n"
