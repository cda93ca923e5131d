"""What git says of a project, and that nothing in the repository runs while it is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from netra_loop.adapters.git import read_git
from tests.adapters.children import bare_environment

CLEAN = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *WHO, *arguments],
        cwd=project,
        env=bare_environment(**CLEAN),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A repository without a commit."""
    git(tmp_path, "init", "--initial-branch", "main")
    return tmp_path


@pytest.fixture
def project(empty: Path) -> Path:
    """A repository with one commit and nothing changed."""
    (empty / "app.py").write_text("print(1)\n")
    git(empty, "add", ".")
    git(empty, "commit", "--message", "first")
    return empty


def dirty(project: Path) -> bool:
    found = read_git(project)
    assert found is not None
    return found.dirty


def test_a_commit_is_told_with_its_branch(project: Path) -> None:
    found = read_git(project)

    assert found is not None
    assert (found.sha, found.branch, found.dirty) == (git(project, "rev-parse", "HEAD"), "main", False)


def test_a_folder_outside_any_repository_has_no_git(tmp_path: Path) -> None:
    assert read_git(tmp_path) is None


def test_a_folder_that_is_not_there_has_no_git(tmp_path: Path) -> None:
    assert read_git(tmp_path / "gone") is None


def test_a_repository_without_a_commit_has_no_git(empty: Path) -> None:
    assert read_git(empty) is None


def test_without_git_there_is_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert read_git(project) is None


def test_a_detached_head_is_told(project: Path) -> None:
    git(project, "checkout", "--detach")

    found = read_git(project)
    assert found is not None
    assert found.branch == "HEAD"


def test_variables_of_a_git_that_called_us_do_not_lead_elsewhere(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("other")))
    monkeypatch.setenv("GIT_WORK_TREE", "/")

    assert read_git(project) is not None


def test_a_changed_file_is_dirt(project: Path) -> None:
    (project / "app.py").write_text("print(2)\n")
    assert dirty(project)


def test_a_removed_file_is_dirt(project: Path) -> None:
    (project / "app.py").unlink()
    assert dirty(project)


def test_a_staged_file_is_dirt(project: Path) -> None:
    (project / "app.py").write_text("print(2)\n")
    git(project, "add", ".")
    assert dirty(project)


def test_a_new_file_is_dirt_whatever_the_user_wants_to_see(project: Path) -> None:
    (project / "new.py").touch()
    assert dirty(project)
    git(project, "config", "status.showUntrackedFiles", "no")
    assert dirty(project)


def test_an_ignored_file_is_no_dirt(project: Path) -> None:
    (project / ".gitignore").write_text("*.log\n")
    git(project, "add", ".")
    git(project, "commit", "--message", "ignore")
    (project / "noise.log").touch()
    assert not dirty(project)


def test_our_own_worklogs_and_state_are_no_dirt(project: Path) -> None:
    for ours in ("worklogs", ".netra-loop/sessions"):
        (project / ours).mkdir(parents=True)
        (project / ours / "file").write_text("x")
    assert not dirty(project)
    (project / "worklogs-of-mine").touch()
    assert dirty(project), "only the folder itself is ours"


def test_a_project_in_a_folder_of_a_repository_is_judged_alone(project: Path) -> None:
    inner = project / "service"
    (inner / "worklogs").mkdir(parents=True)
    (inner / "worklogs" / "file").touch()
    (project / "outside.py").touch()
    assert not dirty(inner)
    (inner / "inside.py").touch()
    assert dirty(inner)


def test_what_the_repository_wants_to_run_does_not_run(project: Path) -> None:
    trace = project.parent / f"{project.name}-trace"
    trap = project / ".git" / "trap"
    trap.write_text(f"#!/bin/sh\necho ran >> {trace}\n")
    trap.chmod(0o755)
    hooks = project / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-index-change").symlink_to(trap)
    git(project, "config", "core.fsmonitor", str(trap))
    (project / "app.py").touch()
    git(project, "status")
    assert trace.exists(), "the traps work"
    trace.unlink()

    (project / "app.py").touch()
    assert not dirty(project)
    assert not trace.exists()
