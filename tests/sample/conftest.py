"""The staging system that the tests of this folder share."""

from collections.abc import Iterator

import pytest

from .service_process import Running
from .staging import Staging, running_backend, running_staging


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """Without a fault, its slow agent slower than the others but not slow."""
    with running_staging(tmp_path_factory.mktemp("staging")) as running:
        yield running


@pytest.fixture(scope="session")
def backend(staging: Staging) -> Running:
    return staging.backend


@pytest.fixture(scope="module")
def hasty_backend(staging: Staging, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Its agents are slower than their limit, by much."""
    settings = {"AGENT_LATENCY": "1.2", "AGENT_TIMEOUT": "0.2"}
    with running_backend(tmp_path_factory.mktemp("hasty"), staging.store.address, **settings) as running:
        yield running
