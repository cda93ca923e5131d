import os
import threading
import warnings

import httpx
import pytest

API = os.environ["API_URL"]


def get(path):
    return httpx.get(API + path, timeout=5)


def test_loop_over_nothing():
    for item in get("/api/nothing").json().get("items", []):
        assert item["price"] > 0
        assert item["name"]


def test_branch_not_taken():
    response = get("/api/broken")
    if response.status_code == 200:
        assert response.json()["status"] == "healthy"


def test_callback_never_called():
    def on_error(message):
        assert "fatal" not in message

    body = get("/api/items").json()
    if "error" in body and callable(body["error"]):
        on_error(body["error"])


def test_returns_early():
    response = get("/api/v9/items")
    if response.status_code != 200:
        print("endpoint is not deployed yet")
        return
    assert response.json()["total"] == 2


def test_compliance_of_nothing():
    files = get("/api/nothing").json().get("items", [])
    good = [file for file in files if file["compliant"]]
    rate = 100.0 * len(good) / len(files) if files else 100.0
    print(f"{rate}% compliant ({len(files)} files)")
    assert rate == 100.0


def test_coroutine_never_awaited():
    async def check():
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{API}/health")).json()["status"] == "healthy"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()


def test_generator_never_run():
    def check():
        yield get("/health")
        assert get("/health").json()["status"] == "healthy"

    assert check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_swallows():
    def check():
        assert get("/api/items").json()["total"] == 3

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()


def test_all_of_nothing():
    items = get("/api/nothing").json().get("items", [])
    assert all(item["price"] > 0 for item in items)
