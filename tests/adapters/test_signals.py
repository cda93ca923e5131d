"""What differs from the last good revision: settings, variables without their secrets, commits and files."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netra_loop.adapters.cloudlogs import CloudLogs, RequestLine
from netra_loop.adapters.cloudrun import CloudRun, RevisionState
from netra_loop.adapters.redact import MASK, Redactor
from netra_loop.adapters.signals import MOST_REQUESTS, Signals
from netra_loop.core.events import Git, GoodRevision
from netra_loop.core.session import Session
from netra_loop.core.signals import MOST_PATHS, Changed, Drift
from tests.stories import Story, usual_plan

GOOD, TESTED = "backend-1", "backend-2"


class Revisions(CloudRun):
    """Has these revisions, by name."""

    def __init__(self, revisions: Mapping[str, RevisionState]) -> None:
        self._by_name = revisions

    def revision(self, service: str, name: str) -> RevisionState | None:
        return self._by_name.get(name)


class Served(CloudLogs):
    """Has these requests."""

    def __init__(self, lines: Sequence[RequestLine] = ()) -> None:
        self._lines = list(lines)

    def requests(self, query: str, limit: int) -> list[RequestLine]:
        return self._lines[:limit]


def state(name: str, env: Mapping[str, str], **settings: str) -> RevisionState:
    return RevisionState(name, {}, "image@sha256:1", "", True, "", env, settings)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("anything\n", "utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "more")
    return git(folder, "rev-parse", "HEAD").strip()


def session_of(good: tuple[GoodRevision, ...], sha: str = "") -> Session:
    return replace(Story(usual_plan()).session, good=good, git=Git(sha, "main", dirty=False) if sha else None)


def drift_of(folder: Path, session: Session, before: RevisionState, after: RevisionState) -> Drift | None:
    signals = Signals(Revisions({before.name: before}), Served(), folder, Redactor())
    return signals.drift(session, session.plan.environment.target("backend"), after)


def test_settings_and_variables_that_differ_are_told_and_of_a_secret_only_that_it_does(tmp_path: Path) -> None:
    session = session_of((GoodRevision("backend", GOOD, "x", "s-1"),))
    before = state(GOOD, {"LIMIT": "8", "API_TOKEN": "old-secret", "STAYS": "1"}, memory="512Mi")
    after = state(TESTED, {"LIMIT": "1", "API_TOKEN": "new-secret", "STAYS": "1"}, memory="256Mi")

    found = drift_of(tmp_path, session, before, after)

    assert found is not None
    assert (found.good, found.session_id, found.tested) == (GOOD, "s-1", TESTED)
    assert found.changed == (
        Changed("memory", "512Mi", "256Mi"),
        Changed("variable API_TOKEN", MASK, MASK),
        Changed("variable LIMIT", "8", "1"),
    )
    assert (found.commits, found.files, found.paths) == (None, None, ())


def test_commits_and_files_in_between_are_counted_and_the_first_files_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    first = commit(tmp_path, "app.py")
    commit(tmp_path, *(f"part{number:02}.py" for number in range(MOST_PATHS + 5)))
    last = commit(tmp_path, "-odd name.py", "worklogs/ours.md")
    session = session_of((GoodRevision("backend", GOOD, first, "s-1", built_from=first),), last)

    found = drift_of(tmp_path, session, state(GOOD, {}), state(TESTED, {}))

    assert found is not None
    assert (found.commits, found.files) == (2, MOST_PATHS + 6)
    assert len(found.paths) == MOST_PATHS
    assert found.paths[0] == "-odd name.py"


def test_a_word_that_is_no_commit_is_never_given_to_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    last = commit(tmp_path, "app.py")
    session = session_of((GoodRevision("backend", GOOD, "x", "s-1", built_from="--output=stolen"),), last)

    drift = drift_of(tmp_path, session, state(GOOD, {}), state(TESTED, {}))

    assert drift is not None
    assert (drift.commits, drift.files) == (None, None)
    assert not (tmp_path / "stolen").exists()


GONE, SETTINGS = "a" * 40, "b" * 40


def test_a_good_commit_is_one_that_git_still_has_and_that_is_not_tested_now(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    oldest, older, now = (commit(tmp_path, f"{name}.py") for name in "abc")
    good = [GoodRevision("backend", f"r{n}", each, "s-1", built_from=each) for n, each in enumerate((now, GONE, older))]
    good = [GoodRevision("backend", "r9", SETTINGS, "s-2"), *good, GoodRevision("backend", "r8", oldest, "s-0")]
    signals = Signals(Revisions({}), Served(), tmp_path, Redactor())

    assert signals.good_commits(session_of(tuple(good), now)) == {"backend": older}
    assert signals.good_commits(session_of(tuple(good[:3]), now)) == {}
    assert signals.good_commits(session_of(tuple(good))) == {}


def test_there_is_nothing_to_compare_without_a_good_revision_or_with_the_good_one_itself(tmp_path: Path) -> None:
    good = GoodRevision("backend", GOOD, "x", "s-1")

    assert drift_of(tmp_path, session_of(()), state(GOOD, {}), state(TESTED, {})) is None
    assert drift_of(tmp_path, session_of((good,)), state(GOOD, {}), state(GOOD, {})) is None
    assert drift_of(tmp_path, session_of((good,)), state("backend-0", {}), state(TESTED, {})) is None


def test_more_requests_than_are_read_are_told_to_be_cut(tmp_path: Path) -> None:
    lines = [RequestLine("aaaa", "", TESTED, 200, 0.5, "i-1")] * (MOST_REQUESTS + 1)
    session = session_of(())
    target = session.plan.environment.target("backend")

    signals = Signals(Revisions({}), Served(lines), tmp_path, Redactor())
    seen, statuses, instances = signals.requests(target, TESTED, "a", "b")

    assert (seen.log.count, seen.log.truncated, seen.by_status) == (MOST_REQUESTS, True, {"2xx": MOST_REQUESTS})
    assert (seen.log.window, seen.p95_s) == ("a/b", 0.5)
    assert statuses == {"aaaa": (200,) * MOST_REQUESTS}
    assert instances == {"aaaa": {"i-1"}}
