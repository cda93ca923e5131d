"""A coding agent of the environment, from a red test to a verdict: what repairs, what cheats, what dies half-way."""

from __future__ import annotations

import os
import signal

import pytest

from tests.adapters.children import wait_until
from tests.agent_project import REPAIR, break_service, repository, with_agent
from tests.small_project import Project

ENDLESS = "import time\ntime.sleep(600)\n"
CHEATS = {
    "edits the test": 'open("e2e/test_basics.py", "w").write("def test_items():\\n    pass\\n")',
    "relabels health": (
        "text = open('backend/app.py').read()\n"
        "open('backend/app.py', 'w').write(text.replace('\"healthy\"', '\"healthy\" or \"degraded\"'))"
    ),
    "swallows": (
        "open('backend/items.py', 'w').write('try:\\n    ITEMS = [1, 2, 3]\\nexcept Exception:\\n    ITEMS = []\\n')"
    ),
}


@pytest.fixture
def broken(project: Project) -> Project:
    return break_service(project)


def test_what_it_repairs_is_verified_on_a_newer_revision_and_the_user_s_tree_stays(broken: Project) -> None:
    before = with_agent(broken, REPAIR)
    done = broken.run("--remedies", "apply", "--max-iterations", "3")
    result = broken.result
    (remedy,) = result["remedies"]

    assert (done.code, result["verdict"]) == (0, "GREEN"), done.out
    assert (remedy["kind"], remedy["seat"], remedy["state"]) == ("agent", "service", "verified")
    first, second = (each["revisions"]["backend"] for each in result["iterations"])
    assert (remedy["measured"]["revision"], broken.serving) == (second, second)
    assert first != second
    made = repository(broken)
    assert made.git("show", f"{remedy['receipt']['commit']}:backend/items.py") == "ITEMS = [1, 2, 3]"
    assert made.git("branch", "--list", "netra-loop/*").strip() == f"netra-loop/{result['session_id']}"
    assert made.footprint == before
    assert remedy["receipt"]["commit"] in broken.worklog
    assert "\n+ITEMS = [1, 2, 3]\n" in broken.worklog


def test_what_was_verified_and_never_made_to_last_is_told_by_the_next_session_not_to_hold(broken: Project) -> None:
    with_agent(broken, REPAIR)
    assert broken.run("--remedies", "apply", "--max-iterations", "3").code == 0
    broken.run("--remedies", "off")
    (repair,) = broken.result["previous"]["repairs"]

    assert (repair["state"], repair["tests_red"]) == ("broken", 1)
    assert "does not hold, 1 of its 1 tests are red: `basics::test_basics.py::test_items`" in broken.worklog
    assert broken.result["next_actions"][0]["id"] == f"broken:{repair['change']}"

    broken.write("backend/items.py", "ITEMS = [1, 2, 3]\n").run("--remedies", "off")
    assert broken.result["previous"]["repairs"] == []


@pytest.mark.parametrize("script", CHEATS.values(), ids=CHEATS)
def test_one_that_cheats_ends_with_exit_6_and_nothing_is_deployed_of_it(broken: Project, script: str) -> None:
    before = with_agent(broken, script)
    done = broken.run("--remedies", "apply", "--max-iterations", "3")
    result = broken.result
    (remedy,) = result["remedies"]

    assert (done.code, result["verdict"], remedy["state"]) == (6, "RED", "needs_review"), done.out
    assert len(result["iterations"]) == 1
    assert remedy["receipt"]["violations"]
    assert "needs_review" in (broken.sessions[-1] / "issues.md").read_text("utf-8")
    assert repository(broken).footprint == before


def test_one_that_was_killed_with_its_session_is_not_asked_again(broken: Project) -> None:
    asked = broken.path / ".netra-loop" / "asked"
    before = with_agent(broken, f"open({str(asked)!r}, 'a').write('x')\n{REPAIR}{ENDLESS}")
    process = broken.start("run", "--remedies", "apply", "--max-iterations", "3", "--output", "plain")
    wait_until(lambda: asked.exists() and asked.read_text("utf-8") == "x")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = broken.do("resume", "last", "--output", "plain")
    (remedy,) = broken.result["remedies"]

    assert (done.code, broken.result["verdict"]) == (5, "RED"), done.out
    assert (remedy["state"], asked.read_text()) == ("open", "x")
    assert "its copy is discarded" in remedy["reason"]
    assert repository(broken).footprint == before
