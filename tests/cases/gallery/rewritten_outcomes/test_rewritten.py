import os

import httpx
import pytest

API = os.environ["API_URL"]
pytestmark = [pytest.mark.known, pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")]


def test_wrong_total():
    assert httpx.get(f"{API}/api/items", timeout=5).json()["total"] == 17


def test_right_status_wrong_total():
    response = httpx.get(f"{API}/api/items", timeout=5)
    assert response.status_code == 200
    assert response.json()["total"] == 17
