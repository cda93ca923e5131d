"""Failure recovery: a refusal, a broken message or a lost connection costs what it must and nothing more."""

import httpx
import pytest

from ..client import Refused, Socket, bearer, brief, log_in, open_socket


def test_a_caller_who_left_comes_back(token: str) -> None:
    with open_socket(token) as socket:
        socket.receive()
        assert socket.ask(type="run_agent", agent="data", prompt="left before the end")["type"] == "agent_started"
    with open_socket(token) as socket:
        assert socket.receive()["authenticated"] is True
        assert socket.run_agent("data", "came back")[-1]["result"] == "came"


def test_a_broken_message_costs_only_itself(socket: Socket) -> None:
    socket.receive()
    socket.connection.send("{broken")
    assert socket.receive()["code"] == "invalid_json"
    assert socket.run_agent("triage", "works all the same")[-1]["result"] == "4 words"


def test_a_wrong_token_is_followed_by_the_right_one(token: str, user: str) -> None:
    with open_socket() as socket:
        socket.receive()
        assert socket.ask(type="authenticate", token=f"{token}x")["code"] == "token_invalid"
        assert socket.ask(type="authenticate", token=token) == {"type": "authenticated", "user": user}


def test_a_session_that_has_ended_is_replaced_by_a_login(http: httpx.Client, token: str, user: str) -> None:
    later = log_in(http, user)
    assert brief(http.get("/api/me", headers=bearer(token))) == "401 session_ended"
    with pytest.raises(Refused, match="401 session_ended"), open_socket(token):
        pass
    assert http.get("/api/me", headers=bearer(later)).json()["user"] == user


def test_a_failed_request_leaves_the_thread_as_it_was(api: httpx.Client) -> None:
    created = api.post("/api/threads", json={"title": "kept"}).json()
    assert brief(api.post(f"/api/threads/{created['id']}/messages", content=b"{broken")) == "422 invalid_json"
    assert api.get("/api/threads").json()["threads"] == [created]
