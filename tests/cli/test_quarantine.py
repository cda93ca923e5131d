"""R14: what was rolled back is not deployed by the next session, by its commit or by what it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netra_loop.adapters.content import content_of
from netra_loop.adapters.files import State
from netra_loop.core.errors import PreflightError
from netra_loop.core.events import Git, Quarantined
from netra_loop.core.goodness import Ledger
from netra_loop.core.plan import Plan
from netra_loop.core.redeploy import Wanted
from netra_loop.wiring.place import Place
from netra_loop.wiring.quarantine import refusing_quarantined
from netra_loop.wiring.sessions import Known
from tests.stories import BACKEND, usual_plan

BAD, NEWER = "b" * 40, "c" * 40
Refuse = Callable[..., Plan]


@pytest.fixture
def settled(tmp_path: Path) -> Refuse:
    """What becomes of a plan in a project whose backend has one file."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "app.py").write_text("print('rolled back')\n", encoding="utf-8")
    place = Place(tmp_path, State(tmp_path / ".netra-loop"))

    def settle(name: str, git: Git | None, plan: Plan | None = None) -> Plan:
        ledger = Ledger(quarantined=(Quarantined("backend", name, "backend-bad", "session-2"),))
        return refusing_quarantined(place)(Known(plan or usual_plan(), "http://127.0.0.1:9", git, ledger))

    return settle


def settings_of(folder: Path) -> str:
    return Wanted(content_of(BACKEND, folder), {}, "").settings


def git(sha: str, *, dirty: bool = False) -> Git:
    return Git(sha, "main", dirty)


@pytest.mark.parametrize("dirty", [False, True])
def test_a_commit_that_was_rolled_back_is_refused_whatever_lies_beside_it(settled: Refuse, dirty: bool) -> None:
    with pytest.raises(PreflightError) as refused:
        settled(BAD, git(BAD, dirty=dirty))
    assert refused.value.exit_code == 8
    assert refused.value.message == f"backend: commit {BAD[:12]} was rolled back by session session-2"
    assert refused.value.hint == "deploy another commit, or say --allow-quarantined"


@pytest.mark.parametrize("commit", [None, git(NEWER, dirty=True)], ids=["no repository", "a dirty tree"])
def test_the_same_source_with_the_same_variables_is_refused(
    settled: Refuse, tmp_path: Path, commit: Git | None
) -> None:
    with pytest.raises(PreflightError, match="the same source or image with the same variables was rolled back"):
        settled(settings_of(tmp_path), commit)


def test_a_newer_commit_and_another_source_are_not_refused(settled: Refuse, tmp_path: Path) -> None:
    rolled_back = settings_of(tmp_path)
    (tmp_path / "backend" / "app.py").write_text("print('repaired')\n", encoding="utf-8")

    assert settled(BAD, git(NEWER)) == settled(rolled_back, git(NEWER)) == settled(rolled_back, None) == usual_plan()


def test_who_deploys_nothing_is_not_refused(settled: Refuse) -> None:
    plan = replace(usual_plan(), deploys=False).focused("all")

    assert settled(BAD, git(BAD), plan) == plan
    assert settled("", None) == usual_plan(), "a revision alone says nothing of a commit"
