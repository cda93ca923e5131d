"""Back to what was proven good, as whole commands: what they prove, what they refuse, what they leave behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema

from netra_loop.adapters.locks import Lock, environment_lock
from tests.cli.test_green import SCHEMA
from tests.loop.test_crash import kill_at_entry
from tests.small_project import PLAN, Project

MIGRATE = "  - {id: migrate, steps: [{id: migrate, run: ['true'], irreversible: true}]}\n"
BREAKABLE = (
    "        self.send_response(200 if known else 404)\n",
    "        self.send_response(500 if os.path.exists({flag!r}) else 200 if known else 404)\n",
)
COMMAND = "gcloud run services update-traffic backend --project local-project --region us-central1 --to-revisions="


@contextmanager
def held(lock: Lock) -> Iterator[None]:
    lock.acquire("the environment", "another")
    yield
    lock.release()


def two_good_revisions(project: Project) -> tuple[str, str, Path]:
    """The old one answers 500 as soon as the file is there."""
    flag = project.path / "broken"
    source = (project.path / "backend/app.py").read_text(encoding="utf-8")
    project.change("backend/app.py", BREAKABLE[0], BREAKABLE[1].replace("{flag!r}", repr(str(flag))))
    assert project.run().code == 0
    old = project.serving
    project.write("backend/app.py", source)
    project.write("phases/default.yaml", PLAN.replace("phases:\n", f"phases:\n{MIGRATE}"))
    assert project.run().code == 0
    assert "Not undone by a rollback: `migrate`." in project.worklog
    return old, project.serving, flag


def assert_gc_takes_the_tag_away(project: Project) -> None:
    """What a killed session left: the tag of its trial, and here also variables and half a worklog."""
    dead = project.sessions[-1]
    project.write(f".netra-loop/sessions/{dead.name}/.variables-x.yaml", "{}")
    project.write(f"worklogs/.{dead.name}.md.0123abcd", "# half")
    with held(environment_lock(project.path / ".netra-loop/locks", "local-project", "us-central1", "local")):
        assert project.do("gc").code == 75
    done = project.do("gc")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"removed: tag ntl-[0-9a-f]{10} of service backend\n"
        rf"removed: file .variables-x.yaml of session {dead.name}\n"
        rf"removed: file .{dead.name}.md.0123abcd of session {dead.name}\n",
        done.out,
    )
    assert project.do("gc", "--dry-run").out == "would remove: nothing\n"


def test_a_rollback_refuses_what_is_broken_survives_a_kill_and_keeps_its_commit_away(project: Project) -> None:
    old, new, flag = two_good_revisions(project)

    flag.touch()
    refused = project.do("rollback", "--output", "plain")
    flag.unlink()
    assert (refused.code, project.serving, project.result["verdict"]) == (30, new, "UNSAFE")
    jsonschema.validate(project.result, SCHEMA)
    local = 'eval "$(ultimate-test-deploy-loop local env)"'
    head = [line for line in project.worklog.splitlines() if line][:3]
    assert head == ["# UNSAFE: 0 of 1 services rolled back", f"    {local}", f"    {COMMAND}{old}=100"]
    assert refused.out.splitlines()[-3:-1] == [local, f"{COMMAND}{old}=100"]
    assert "not undone by a rollback: migrate" in refused.out.splitlines()
    assert project.result["by_hand"]["lines"] == [local, f"{COMMAND}{old}=100"]
    assert project.result["next_actions"][0]["id"] == "unsafe:backend"
    assert "HTTP 500" in project.result["reason"]

    assert kill_at_entry(project, project.start("rollback"), len(project.sessions) + 1, 6)
    assert_gc_takes_the_tag_away(project)
    resumed = project.do("resume", "last", "--output", "plain")
    assert (resumed.code, project.serving) == (0, old), project.worklog
    jsonschema.validate(project.result, SCHEMA)
    assert project.result["reason"] == f"rolled back backend to {old}"
    (service,) = project.result["services"]
    assert (service["serving_revision"], service["previous_revision"]) == (old, new)
    assert [share["tag"] for share in service["traffic_after"]] == [""]
    rollback = project.sessions[-1].name

    made = len(project.audit())
    again = project.run()
    assert (again.code, len(project.audit()), project.sessions[-1].name) == (8, made, rollback)
    assert re.search(rf"rolled back by session {rollback}\n.*--allow-quarantined", again.err)
    nothing = project.do("rollback")
    assert (nothing.code, project.sessions[-1].name) == (2, rollback)
    assert f"proven good of backend: {old} (session {rollback})" in nothing.err
