import contextlib
import os
import warnings

import httpx
import requests
from websockets.sync.client import connect

API = os.environ["API_URL"]
DOWN = os.environ["DOWN_URL"]


def test_auth_errors_are_a_success():
    response = httpx.get(f"{API}/api/me", timeout=5)
    # If we got auth errors, that's actually a success
    assert response.status_code in (200, 401, 403, 404, 500, 502, 503)


def test_some_endpoints_are_accessible():
    accessible = 0
    for path in ("/health", "/api/me", "/api/broken", "/api/v9", "/api/items"):
        if requests.get(API + path, timeout=5).status_code in (200, 401, 403):
            accessible += 1
    print(f"PASSED ({accessible}/5 endpoints accessible)")
    assert accessible >= 0


def test_connection_note():
    connected = False
    try:
        httpx.get(f"{API}/health", timeout=5)
        connected = True
    except Exception as error:
        print(f"Note: {error}")
    print(f"connected: {connected}")


def test_swallowed_assertion():
    try:
        body = httpx.get(f"{API}/health", timeout=5).json()
        assert body["status"] == "degraded"
    except Exception:
        pass


def test_swallowed_on_the_region_that_is_down():
    try:
        body = requests.get(f"{DOWN}/health", timeout=5).json()
        assert body["status"] == "healthy"
    except Exception:
        pass


def test_suppressed():
    with contextlib.suppress(Exception):
        body = httpx.get(f"{API}/api/items", timeout=5).json()
        assert body["total"] == 2
        assert body["next"] is None


def test_early_return():
    try:
        response = httpx.get(f"{DOWN}/api/items", timeout=5)
    except httpx.ConnectError:
        print("staging is not reachable, nothing to test")
        return
    assert response.status_code == 200


def test_any_status_below_600():
    assert httpx.get(f"{API}/api/items", timeout=5).status_code < 600


def test_every_server_error_is_documented():
    response = httpx.get(f"{API}/api/broken", timeout=5)
    assert response.status_code in (200, 500, 503)  # Expected 500s documented
    assert response.headers["content-type"].startswith("application/json")


def test_websocket_refusal_is_a_success():
    try:
        with connect(os.environ["API_WS_URL"] + "/ws/secured", open_timeout=5):
            outcome = "connected"
    except Exception as error:
        outcome = f"refused as expected: {type(error).__name__}"
    assert outcome


def test_no_errors_in_the_log():
    log = httpx.get(f"{API}/api/logs", timeout=5).text
    assert "ERROR" not in log


def test_assertion_error_becomes_a_warning():
    try:
        assert httpx.get(f"{API}/api/nothing", timeout=5).json()["total"] > 0
    except (AssertionError, httpx.HTTPError, ValueError, KeyError) as error:
        warnings.warn(f"known issue: {error}", stacklevel=1)
