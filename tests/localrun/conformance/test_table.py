"""Every case of the table against the real server, and the table against the README."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.localrun.cloud import Cloud, service_body, write_echo_app
from tests.localrun.conformance.case import Case
from tests.localrun.conformance.deviations import reasons
from tests.localrun.conformance.table import CASES
from tests.localrun.conformance.world import World
from tests.localrun.jobs import FOR_EVER, begin, create_job, job_body, wait_for_line

OF_THE_API = (
    "blue_green configuration errorcondition generatename migration resources revision revision_timeout route service "
    "service_account service_validation single_threaded volumes"
)
OF_THE_RUNTIME = (
    "cgroup cmd_args container envpropagation envvars file_descriptor filesystem header liveness_probe readiness_probe "
    "protocol sysctl user workingdir"
)
OF_CLOUD_RUN = (
    "startup rollout termination request restart traffic scaling jobs image urls iam secrets sandbox logs api"
)
IMPATIENT = ("--queue-seconds", "0.3", "--instance-idle-seconds", "0.4", "--grace-seconds", "1")


@pytest.fixture(scope="module")
def plain(cloud: Cloud, echo: str) -> Iterator[None]:
    """A service that no check changes."""
    cloud.deploy("plain", service_body(echo, revision="plain-one"))
    yield
    cloud.delete("plain")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A server after one that was killed: with a service, a task that ran and two images of one name, one unused."""
    home, source = tmp_path_factory.mktemp("second"), write_echo_app(tmp_path_factory.mktemp("source"))
    first = Cloud(home)
    image = str(first.build(source)["reference"])
    first.deploy("kept", service_body(image, revision="kept-one"))
    for version in ("one", "two"):
        (source / "version").write_text(version)
        first.build(source, "spare")
    create_job(first, "once", job_body(image, FOR_EVER, maxRetries=0))
    wait_for_line(first, begin(first, "once")["metadata"])
    first.kill()
    server = Cloud(home, *IMPATIENT)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def v1(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(proxy=cloud.url, trust_env=False, timeout=20) as client:
        yield client


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_as_the_table_says(
    cloud: Cloud, echo: str, name: str, tmp_path: Path, v1: httpx.Client, request: pytest.FixtureRequest, case: Case
) -> None:
    case.check(World(cloud, echo, name, tmp_path, v1, lambda: request.getfixturevalue("second")))


def test_every_area_has_a_case_and_every_case_a_name() -> None:
    assert {case.area for case in CASES} == set(f"{OF_THE_API} {OF_THE_RUNTIME} {OF_CLOUD_RUN}".split())
    assert len({case.id for case in CASES}) == len(CASES)


def test_the_readme_tells_the_deviations_and_no_others() -> None:
    assert {case.deviates for case in CASES if case.deviates} == set(reasons())
