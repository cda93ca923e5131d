"""One server for all tests that can share it, and names that are used only once."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.localrun.cloud import Cloud, write_echo_app
from tests.localrun.gcloud import Gcloud

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The shared server; a process that ignores SIGTERM is killed after a second."""
    server = Cloud(tmp_path_factory.mktemp("cloud"), "--grace-seconds", "1")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="session")
def echo(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the echo app on the shared server."""
    return str(cloud.build(write_echo_app(tmp_path_factory.mktemp("echo")))["reference"])


@pytest.fixture
def name(cloud: Cloud) -> Iterator[str]:
    """The name of a service that no other test uses, and that is gone after the test."""
    service = f"svc{next(NUMBERS)}"
    yield service
    if cloud.http.get(f"/v2/projects/demo/locations/europe-west1/services/{service}").status_code == 200:
        cloud.delete(service)


@pytest.fixture
def job(cloud: Cloud) -> Iterator[str]:
    """The name of a job that no other test uses, and that is gone after the test."""
    name = f"job{next(NUMBERS)}"
    yield name
    answer = cloud.http.delete(f"/v2/projects/demo/locations/europe-west1/jobs/{name}")
    if answer.status_code == 200:
        cloud.finish(answer)


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Starts servers that belong to one test alone."""
    started: list[Cloud] = []

    def start(*options: str, home: Path = tmp_path / "home") -> Cloud:
        started.append(Cloud(home, *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def gcloud(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    """The real gcloud, for the tests of one file."""
    found = Gcloud(cloud, tmp_path_factory.mktemp("gcloud"))
    yield found
    found.close()
