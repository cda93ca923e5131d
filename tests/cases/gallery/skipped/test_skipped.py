import os
import time

import httpx
import pytest

API = os.environ["API_URL"]


@pytest.mark.skipif("E2E_OAUTH_SIMULATION_KEY" not in os.environ, reason="no key for staging")
def test_needs_a_key():
    assert httpx.get(f"{API}/health", timeout=5).status_code == 200


def test_needs_a_package():
    pytest.importorskip("netra_backend_of_staging")
    assert httpx.get(f"{API}/health", timeout=5).status_code == 200


def test_waits_and_skips():
    time.sleep(0.02)
    try:
        httpx.get(os.environ["DOWN_URL"] + "/health", timeout=5)
    except httpx.HTTPError:
        pytest.skip("staging environment is not available")


@pytest.mark.skip(reason="flaky since last week")
def test_not_today():
    assert httpx.get(f"{API}/health", timeout=5).status_code == 200


def test_gives_up_in_the_middle():
    response = httpx.get(f"{API}/api/broken", timeout=5)
    if response.status_code != 200:
        pytest.skip(f"staging answered {response.status_code}")


class TestAll:
    @pytest.fixture(autouse=True)
    def available(self):
        pytest.skip("staging environment is not available")

    def test_one(self):
        assert httpx.get(f"{API}/health", timeout=5).status_code == 200

    def test_two(self):
        assert httpx.get(f"{API}/api/items", timeout=5).status_code == 200
