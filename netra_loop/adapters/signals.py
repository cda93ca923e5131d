"""Asks the platform and git what is other than when a target was last good, and the request log how it served."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netra_loop.adapters.cloudlogs import CloudLogs
from netra_loop.adapters.cloudrun import CloudRun, RevisionState
from netra_loop.adapters.git import changed_files, commits_between
from netra_loop.adapters.redact import MASK, Redactor, is_secret
from netra_loop.adapters.suites.witness import request_query
from netra_loop.core.logs import LogsSeen
from netra_loop.core.session import Session
from netra_loop.core.signals import MOST_PATHS, VARIABLE, Changed, Drift, Requests, changes, requests_seen
from netra_loop.core.target import Target

MOST_REQUESTS = 10_000  # of one target


class Signals:
    """Asks about the tested revision of a target. Every method blocks."""

    def __init__(self, cloud: CloudRun, logs: CloudLogs, project: Path, redactor: Redactor) -> None:
        self._cloud = cloud
        self._logs = logs
        self._project = project
        self._redactor = redactor

    def drift(self, session: Session, target: Target, tested: RevisionState) -> Drift | None:
        """What is other than in the newest good revision; None without one, and where it is the tested one or gone."""
        good = next((each for each in session.good if each.target == target.name), None)
        if good is None or good.revision == tested.name:
            return None
        then = self._cloud.revision(target.service, good.revision)
        if then is None:
            return None
        changed = tuple(_masked(each, self._redactor) for each in changes(_told(then), _told(tested)))
        between = (good.built_from, session.git.sha if session.git else "")
        commits, files = commits_between(self._project, *between), changed_files(self._project, *between)
        count, paths = (None, ()) if files is None else (len(files), tuple(files[:MOST_PATHS]))
        return Drift(target.name, good.revision, good.session_id, tested.name, changed, commits, count, paths)

    def good_commits(self, session: Session) -> Mapping[str, str]:
        """Of each target that has a source, the newest commit that was proven good, is not tested now, and still there.

        What a session built from its own copy may be gone with its branch.
        """
        now = session.git.sha if session.git else ""
        found: dict[str, str] = {}
        for target in session.plan.environment.targets:
            good = (each.built_from for each in session.good if each.target == target.name)
            others = (commit for commit in good if target.source and commit not in ("", now))
            if known := next((each for each in others if commits_between(self._project, each, now) is not None), None):
                found[target.name] = known
        return found

    def requests(
        self, target: Target, revision: str, since: str, until: str
    ) -> tuple[Requests, Mapping[str, tuple[int, ...]], Mapping[str, frozenset[str]]]:
        """What the request log has of a revision between two moments; by trace how those were answered, and by whom."""
        query = request_query([revision], since, until)
        lines = self._logs.requests(query, MOST_REQUESTS + 1)
        kept, truncated = lines[:MOST_REQUESTS], len(lines) > MOST_REQUESTS
        log = LogsSeen(target.name, query, f"{since}/{until}", revision, len(kept), truncated)
        statuses: dict[str, list[int]] = {}
        instances: dict[str, frozenset[str]] = {}
        for line in kept:
            statuses.setdefault(line.trace, []).append(line.status)
            instances[line.trace] = instances.get(line.trace, frozenset()) | {line.instance} - {""}
        seen = requests_seen(log, [(line.status, line.latency_s) for line in kept])
        return seen, {trace: tuple(answers) for trace, answers in statuses.items()}, instances


def _told(revision: RevisionState) -> Mapping[str, str]:
    """Settings, variables and the image of a revision."""
    variables = {f"{VARIABLE}{name}": value for name, value in revision.env.items()}
    return {**revision.settings, **variables, "image": revision.image}


def _masked(changed: Changed, redactor: Redactor) -> Changed:
    """The change as it may be told: of a secret, only that there is one."""

    def told(value: str | None) -> str | None:
        return value if value is None else MASK if is_secret(changed.name) else redactor.text(value)

    return Changed(changed.name, told(changed.before), told(changed.after))
