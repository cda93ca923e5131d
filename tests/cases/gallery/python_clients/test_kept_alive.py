import json
import os

import httpx
import pytest
from websockets.sync.client import connect


@pytest.fixture(scope="session")
def client():
    with httpx.Client(base_url=os.environ["API_URL"], timeout=5) as client:
        yield client


@pytest.fixture(scope="module")
def chat():
    with connect(os.environ["API_WS_URL"] + "/ws", open_timeout=5) as connection:
        yield connection


@pytest.mark.parametrize("number", [1, 2])
def test_first_request(client, number):
    assert client.get(f"/api/items/{number}").json()["id"] == number


def test_same_session_again(client):
    assert client.get("/api/items").json()["total"] == 2


@pytest.mark.parametrize("number", [1, 2])
def test_websocket_of_the_module(chat, number):
    chat.send(json.dumps({"type": "ping", "n": number}))
    assert json.loads(chat.recv(timeout=5)) == {"type": "pong", "n": number}
