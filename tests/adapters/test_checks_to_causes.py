"""From what a server answers a health check to the cause that the shipped knowledge names for it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.address import Address
from netra_loop.adapters.diagnose import scene_of
from netra_loop.adapters.health import check_health
from netra_loop.core.events import ActEnded
from netra_loop.core.target import HealthCheck, Identity, Target
from netra_loop.diagnosis.diagnose import diagnose
from tests.adapters.servers import answer, answering
from tests.diagnosis.casefile import shipped
from tests.stories import Story, usual_plan

GOOGLE = "https://accounts.google.com/o/oauth2/v2/auth?client_id=1"
IAP = {"X_Goog_IAP_Generated_Response": "true"}
EMPTY = "Invalid IAP credentials: empty token"
ANSWERS = {
    "IAP's login": (answer(EMPTY, "302 Found", Location=GOOGLE, **IAP), ["iap-login"]),
    "IAP's refusal": (answer(EMPTY, "401 Unauthorized", **IAP), ["iap-login"]),
    "a login that is perhaps the service's own": (answer(EMPTY, "302 Found", Location=GOOGLE), []),
    "a refusal of the service": (answer("no", "403 Forbidden"), []),
    "another environment": (answer({"environment": "production"}), ["wrong-environment"]),
    "another environment, of an unhealthy service": (
        answer({"environment": "production"}, "503 Service Unavailable"),
        ["wrong-environment"],
    ),
    "no environment": (answer({"status": "healthy"}), []),
    "an environment that quotes our words": (answer({"environment": 'a\n/environment is "b", "c" was expected'}), []),
    "another revision": (answer({"environment": "staging"}, X_Revision="backend-00001-abc"), ["stale-revision"]),
    "a build": (answer({"environment": "staging"}, X_Revision="4f2a9c1"), []),
}


@pytest.mark.parametrize(("told", "causes"), ANSWERS.values(), ids=ANSWERS)
def test_what_a_server_answers_leads_to_its_cause_or_to_none(told: bytes, causes: list[str], tmp_path: Path) -> None:
    check = HealthCheck("/health", expect={"/environment": "staging"}, consecutive=1, interval=0.01, deadline=0.2)
    target = Target("backend", "backend", health=check, identity=Identity(header="X-Revision"), local=True)
    with answering(told) as server:
        result = anyio.run(check_health, target, Address(server.url, "backend-00002-def"))
    story = Story(usual_plan()).begin().deploys().start("health-backend").emit(ActEnded("1/health-backend", result))
    problems, _ = diagnose(shipped(tmp_path), scene_of(story.session, story.session.iterations[-1]))

    assert [each.id for each in problems if each.root_cause] == causes
