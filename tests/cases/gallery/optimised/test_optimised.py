import os

import httpx


def test_one_is_two():
    assert 1 == 2


def test_wrong_total():
    assert httpx.get(os.environ["API_URL"] + "/api/items", timeout=5).json().get("total") == 17
