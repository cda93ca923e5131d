"""Backends for the tests: one healthy, one whose agents are slower than their timeout."""

from collections.abc import Iterator

import pytest

from .backend_process import Backend, running_backend

SECRET = "a secret of thirty-two characters"


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    settings = {"K_REVISION": "backend-00001-abc", "GOOGLE_CLOUD_PROJECT": "sample-project", "JWT_SECRET": SECRET}
    with running_backend(tmp_path_factory.mktemp("backend"), **settings) as running:
        yield running


@pytest.fixture(scope="session")
def hasty_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    settings = {"AGENT_LATENCY": "30", "AGENT_TIMEOUT": "0.2"}
    with running_backend(tmp_path_factory.mktemp("hasty"), **settings) as running:
        yield running
