"""Settings of a revision that we make, through each publisher: they are asked for, in effect, and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from netra_loop.adapters.cloudrun import CloudRun, ServiceState, Template
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.gcloud import GcloudPublisher
from netra_loop.adapters.gcloud_env import gcloud_environment
from netra_loop.adapters.making import Maker, Making
from netra_loop.adapters.publish import ApiPublisher, Order, Published, Publisher, Tell
from netra_loop.adapters.redact import Redactor
from netra_loop.core.environment import Environment
from netra_loop.core.outcome import Outcome
from netra_loop.core.promotion import Strategy
from netra_loop.core.redeploy import Wanted, labels_of
from netra_loop.core.resources import Setting
from netra_loop.core.seen import Deployed, Result
from netra_loop.core.target import Identity, Target
from tests.localrun.cloud import PLACE, Cloud, service_body, until
from tests.localrun.gcloud import needs_gcloud
from tests.stories import Story, usual_plan

DEMO = Environment("local", "embedded", "demo", "europe-west1", ())
ASKED = {
    Setting.MEMORY: "1Gi",
    Setting.CPU: "2",
    Setting.CONCURRENCY: "7",
    Setting.MIN_INSTANCES: "1",
    Setting.MAX_INSTANCES: "3",
    Setting.TIMEOUT: "60s",
}


def by_api(cloud: Cloud, folder: Path) -> Publisher:
    return ApiPublisher(CloudRun(DEMO, cloud.url), None, folder)


def by_gcloud(cloud: Cloud, folder: Path) -> Publisher:
    session = SessionFolder(folder)
    variables = gcloud_environment(cloud.url, DEMO.project, DEMO.region, folder / "gcloud")
    return GcloudPublisher(CloudRun(DEMO, cloud.url), DEMO, variables, folder, session, Redactor())


@dataclass
class Service:
    """A service, and a session that deploys its revisions by one publisher."""

    cloud: Cloud
    name: str
    image: str
    folder: Path
    publisher: Publisher

    def make(self, settings: Mapping[Setting, str]) -> Result:
        """A revision of ours with these settings."""
        target = Target("backend", self.name, image=self.image, identity=Identity(pointer="/revision"), local=True)
        plan = usual_plan()
        environment = replace(plan.environment, project="demo", region="europe-west1", targets=(target,))
        story = Story(replace(plan, environment=environment)).begin().start("deploy-backend")
        act = story.session.record("1/deploy-backend").act
        wanted = Wanted("", {}, "", settings)
        template = Template(f"{self.name}-ntl-1", self.image, {}, labels_of(wanted, "session", act.key), settings)
        order = Order(target, template, 60.0, self.folder)
        making = Making(act, order, (), Strategy.CANDIDATE, wanted, (), {}, lambda event: story.emit(event).session)
        return anyio.run(Maker(CloudRun(DEMO, self.cloud.url), self.publisher).make, making)

    def revision(self) -> dict[str, Any]:
        """The one that we made, as the API has it."""
        return self.cloud.get(f"/v2/{PLACE}/services/{self.name}/revisions/{self.name}-ntl-1")

    @property
    def revisions(self) -> list[str]:
        return [each["name"].rpartition("/")[2] for each in self.cloud.revisions(self.name)]


@pytest.fixture(params=[by_api, pytest.param(by_gcloud, marks=needs_gcloud)], ids=["api", "gcloud"])
def service(request: pytest.FixtureRequest, cloud: Cloud, echo: str, name: str, tmp_path: Path) -> Service:
    publisher: Callable[[Cloud, Path], Publisher] = request.param
    folder = tmp_path / "session"
    (folder / "artifacts").mkdir(parents=True)
    return Service(cloud, name, echo, folder / "artifacts", publisher(cloud, folder))


def made(result: Result) -> Deployed:
    assert result.outcome is Outcome.PASSED, result.reasons
    assert isinstance(result.seen, Deployed)
    return result.seen


def told(revision: Mapping[str, Any]) -> tuple[Any, ...]:
    limits = revision["containers"][0]["resources"]["limits"]
    scaling = revision["scaling"]
    return (
        *(limits["memory"], limits["cpu"], revision["maxInstanceRequestConcurrency"]),
        *(scaling.get("minInstanceCount", 0), scaling["maxInstanceCount"], revision["timeout"]),
    )


def test_a_first_revision_has_the_settings_that_were_asked_for(service: Service) -> None:
    made(service.make(ASKED))
    revision = service.revision()
    assert told(revision) == ("1Gi", "2", 7, 1, 3, "60s")
    assert revision["containers"][0]["resources"]["cpuIdle"] is True, "as without settings: CPU while it serves"


def test_a_candidate_has_what_was_asked_for_and_else_what_others_have_set(service: Service) -> None:
    template = service_body(service.image, revision=f"{service.name}-old", timeout="77s", serviceAccount="a@b.example")
    template["template"]["containers"][0]["resources"] = {"limits": {"memory": "2Gi", "cpu": "4"}, "cpuIdle": False}
    service.cloud.deploy(service.name, template)

    made(service.make({Setting.MEMORY: "4Gi", Setting.MAX_INSTANCES: "5"}))

    revision = service.revision()
    assert told(revision) == ("4Gi", "4", 80, 0, 5, "77s")
    assert revision["serviceAccount"] == "a@b.example"
    assert revision["containers"][0]["resources"]["cpuIdle"] is False


def test_what_cloud_run_would_not_take_beside_the_services_own_is_not_deployed(service: Service) -> None:
    service.cloud.deploy(service.name, service_body(service.image, revision=f"{service.name}-old"))
    result = service.make({Setting.MEMORY: "8Gi"})
    refusal = "memory 8Gi is more than 4Gi, the most with cpu 1000m"
    assert (result.outcome, result.reasons) == (Outcome.FAILED, (refusal, "nothing was deployed"))
    assert service.revisions == [f"{service.name}-old"]


def test_a_request_that_takes_longer_than_the_timeout_that_we_set_is_cut_off(service: Service) -> None:
    url = made(service.make({Setting.TIMEOUT: "1s"})).candidate_url
    answer = httpx.get(f"{url}/slow", params={"seconds": 20}, timeout=15)
    assert (answer.status_code, answer.text) == (504, "upstream request timeout")


def test_no_more_instances_are_started_than_the_most_that_we_set(service: Service) -> None:
    url = made(service.make({Setting.MAX_INSTANCES: "2", Setting.CONCURRENCY: "1"})).candidate_url
    gate = service.folder / "gate"

    def ask(_: int) -> int:
        answer = httpx.get(f"{url}/hold", params={"until": str(gate)}, timeout=30)
        return int(answer.json()["at_once"])

    def loads() -> list[int]:
        return [each["in_flight"] for each in service.cloud.instances(service.name)[f"{service.name}-ntl-1"]]

    with ThreadPoolExecutor(3) as pool:
        asked = pool.map(ask, range(3))
        until(lambda: loads() == [1, 1], "both are full")
        gate.touch()
        assert list(asked) == [1, 1, 1]
    pids = {each["pid"] for each in service.cloud.instances(service.name)[f"{service.name}-ntl-1"]}
    assert len(pids) == 2


class Forgetful(ApiPublisher):
    """Makes the revision without the settings that were asked for."""

    async def publish(self, order: Order, before: ServiceState | None, tell: Tell) -> Published:
        return await super().publish(replace(order, template=replace(order.template, settings={})), before, tell)


def test_a_revision_without_what_was_asked_for_is_a_failed_deploy_that_names_both_values(
    cloud: Cloud, echo: str, name: str, tmp_path: Path
) -> None:
    forgetful = Forgetful(CloudRun(DEMO, cloud.url), None, tmp_path)
    result = Service(cloud, name, echo, tmp_path, forgetful).make({Setting.MEMORY: "1Gi", Setting.TIMEOUT: "60s"})
    assert (result.outcome, result.reasons) == (
        Outcome.FAILED,
        ("memory is 512Mi, not 1Gi as asked for", "timeout is 300s, not 60s as asked for"),
    )
