import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import httpx

API = os.environ["API_URL"]


def get(path):
    return httpx.get(API + path, timeout=5)


def test_loop_over_items():
    items = get("/api/items").json()["items"]
    assert items
    for item in items:
        assert item["price"] > 0


def test_either_branch_asserts():
    response = get("/api/v9/items")
    if response.status_code == 200:
        assert response.json()["total"] == 2
    else:
        assert response.status_code == 404


def test_callback_called():
    seen = []

    def on_item(item):
        assert item["name"] in ("alpha", "beta")
        seen.append(item["id"])

    for item in get("/api/items").json()["items"]:
        on_item(item)
    assert seen == [1, 2]


def test_rate_of_something():
    items = get("/api/items").json()["items"]
    priced = [item for item in items if item["price"] > 0]
    assert (len(priced), len(items)) == (2, 2)


def test_coroutine_awaited():
    async def check():
        async with httpx.AsyncClient(timeout=5) as client:
            assert (await client.get(f"{API}/health")).json()["status"] == "healthy"

    asyncio.run(check())


def test_thread_hands_over():
    with ThreadPoolExecutor(1) as pool:
        body = pool.submit(get, "/api/items").result(timeout=5).json()
    assert body["total"] == 2


def test_optional_part():
    body = get("/api/items").json()
    assert body["total"] == 2
    if "next" in body:
        assert body["next"].startswith("/api/items")
