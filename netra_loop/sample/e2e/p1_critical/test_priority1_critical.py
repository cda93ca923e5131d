"""Priority 1: twenty-five things without which the platform is of no use to anybody."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from ..client import AGENT_EVENTS, Refused, Socket, bearer, brief, frontend_url, log_in, login_url, open_socket

CONNECTIONS = 5
USERS = 20


def test_001_websocket_connection_real() -> None:
    with open_socket() as socket:
        greeting = socket.receive()
    assert greeting["type"] == "connection_established"
    assert greeting["revision"]
    assert greeting["authenticated"] is False


def test_002_websocket_authentication_real(account_token: str, account: str) -> None:
    with open_socket() as socket:
        socket.receive()
        refused = socket.ask(type="run_agent", agent="triage", prompt="who am I")
        authenticated = socket.ask(type="authenticate", token=account_token)
    assert refused["code"] == "not_authenticated"
    assert authenticated["type"] == "authenticated", authenticated
    assert authenticated["user"] == account


def test_003_websocket_message_send_real(account_token: str) -> None:
    with open_socket(account_token) as socket:
        assert socket.receive()["authenticated"] is True
        assert socket.ask(type="ping", id="first") == {"type": "pong", "id": "first"}
        assert socket.ask(type="ping", id="second") == {"type": "pong", "id": "second"}


def test_004_websocket_concurrent_connections_real(token: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(token)) for _ in range(CONNECTIONS)]
        greetings = [socket.receive() for socket in sockets]
        pongs = [socket.ask(type="ping", id=number) for number, socket in enumerate(sockets)]
    assert len({greeting["connection_id"] for greeting in greetings}) == CONNECTIONS
    assert pongs == [{"type": "pong", "id": number} for number in range(CONNECTIONS)]


def test_005_health_endpoint_real(http: httpx.Client) -> None:
    answer = http.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert {"service", "version", "revision"} <= answer.json().keys()


def test_006_dependency_health_real(http: httpx.Client) -> None:
    answer = http.get("/api/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert answer.json()["dependencies"]["sessions"]["status"] == "connected"


def test_007_login_token_real(http: httpx.Client, user: str) -> None:
    header, _, signature = log_in(http, user).split(".")
    padded = header + "=" * (-len(header) % 4)
    assert json.loads(base64.urlsafe_b64decode(padded))["alg"] == "HS256"
    assert len(signature) == 43, "an HS256 signature has 32 bytes"


def test_008_current_user_real(api: httpx.Client, user: str) -> None:
    answer = api.get("/api/me")
    assert answer.status_code == 200
    assert answer.json()["user"] == user


def test_009_wrong_password_real(http: httpx.Client, user: str) -> None:
    answer = http.post(login_url(), json={"user": user, "password": "certainly not this one"})
    assert brief(answer) == "401 credentials_rejected"
    assert "token" not in answer.json()


def test_010_tampered_token_real(http: httpx.Client, token: str) -> None:
    header, claims, signature = token.split(".")
    forged = f"{header}.{claims}.{signature[::-1]}"
    assert brief(http.get("/api/me", headers=bearer(forged))) == "401 token_invalid"
    assert brief(http.post("/api/sessions", headers=bearer(forged))) == "401 token_invalid"
    with pytest.raises(Refused, match="401 token_invalid"), open_socket(forged):
        pass


def test_011_agent_discovery_real(http: httpx.Client) -> None:
    answer = http.get("/api/agents")
    assert answer.status_code == 200
    assert {"triage", "data", "report"} <= {agent["id"] for agent in answer.json()["agents"]}
    assert answer.json()["total"] == len(answer.json()["agents"])


def test_012_agent_configuration_real(api: httpx.Client) -> None:
    answer = api.get("/api/agents/data/configuration")
    assert answer.status_code == 200
    assert answer.json()["id"] == "data"
    assert answer.json()["tools"] == ["longest_word"]
    assert answer.json()["timeout_s"] > 0


def test_013_agent_execution_real(socket: Socket) -> None:
    socket.receive()
    ending = socket.run_agent("report", "what happened today")[-1]
    assert ending["type"] == "agent_completed"
    assert ending["result"] == "What Happened Today"
    assert ending["duration_ms"] > 0


def test_014_tool_execution_real(socket: Socket) -> None:
    socket.receive()
    events = socket.run_agent("report", "tools at work")
    assert events[-1]["type"] == "agent_completed"
    tools = [event for event in events if event["type"].startswith("tool_")]
    assert [event["tool"] for event in tools] == ["make_headline", "make_headline"]
    assert tools[-1]["result"] == "Tools At Work"


def test_015_session_persistence_real(api: httpx.Client, user: str) -> None:
    """What a user keeps is there again after another login."""
    draft = {"draft": "revenue went up", "cursor": 7}
    kept = api.put("/api/state", json=draft)
    assert brief(kept) == "200"
    found = api.get("/api/state", headers=bearer(log_in(api, user)))
    assert brief(found) == "200"
    assert found.json() == {"state": draft}


def test_016_user_isolation_real(api: httpx.Client, user: str) -> None:
    thread = api.post("/api/threads", json={"title": "private"}).json()["id"]
    stranger = bearer(log_in(api, f"{user}-stranger"))
    assert brief(api.get(f"/api/threads/{thread}/messages", headers=stranger)) == "404 thread_not_found"
    assert api.get("/api/threads", headers=stranger).json()["threads"] == []


def test_017_concurrent_users_real(http: httpx.Client, user: str) -> None:
    users = [f"{user}-{number}" for number in range(USERS)]

    def who_am_i(name: str) -> str:
        return str(http.get("/api/me", headers=bearer(log_in(http, name))).json()["user"])

    with ThreadPoolExecutor(USERS) as pool:
        answers = list(pool.map(who_am_i, users))
    assert answers == users


def test_018_rate_limiting_real(api: httpx.Client, user: str) -> None:
    limit = api.get("/api/limited").json()["limit"]
    answers = [api.get("/api/limited") for _ in range(limit)]
    assert [brief(answer) for answer in answers] == ["200"] * (limit - 1) + ["429 rate_limited"]
    after_new_login = api.get("/api/limited", headers=bearer(log_in(api, user)))
    assert after_new_login.json() == {"limit": limit, "remaining": limit - 1}


def test_019_error_handling_real(http: httpx.Client) -> None:
    assert brief(http.get("/api/nothing-here")) == "404 not_found"
    assert brief(http.delete("/health")) == "405 method_not_allowed"
    assert brief(http.post(login_url(), content=b"{not json")) == "422 invalid_json"
    assert brief(http.post(login_url(), json={"user": "somebody"})) == "422 invalid_field"
    assert brief(http.get("/api/me")) == "401 token_missing"


def test_020_connection_resilience_real(token: str) -> None:
    with open_socket(token) as socket:
        before = socket.receive()
        socket.send(type="run_agent", agent="triage", prompt="left before the end")
        assert socket.receive()["type"] == "agent_started"
    with open_socket(token) as socket:
        after = socket.receive()
        completed = socket.run_agent("triage", "back again")[-1]
    assert after["connection_id"] != before["connection_id"]
    assert completed["result"] == "2 words"


def test_021_websocket_error_recovery_real(socket: Socket) -> None:
    socket.receive()
    socket.connection.send("{not json")
    broken = socket.receive()
    unknown_type = socket.ask(type="no_such_type")
    unknown_agent = socket.ask(type="run_agent", agent="nobody", prompt="anyone there")
    assert (broken["type"], broken["code"]) == ("error", "invalid_json")
    assert (unknown_type["type"], unknown_type["code"]) == ("error", "unknown_type")
    assert (unknown_agent["type"], unknown_agent["code"]) == ("error", "agent_not_found")
    assert socket.ask(type="ping", id="still open") == {"type": "pong", "id": "still open"}


def test_022_revision_identity_real(http: httpx.Client) -> None:
    """One revision answers everywhere: page, error and WebSocket, in the body and in the header."""
    healthy, missing = http.get("/health"), http.get("/api/nothing-here")
    with open_socket() as socket:
        greeting = socket.receive()
        handshake = socket.handshake_headers
    revision = healthy.json()["revision"]
    named = [
        healthy.headers["x-revision"],
        missing.headers["x-revision"],
        handshake["x-revision"],
        greeting["revision"],
    ]
    assert named == [revision] * 4


def test_023_frontend_configuration_real(http: httpx.Client) -> None:
    """The page is there, and what it is told leads to the backend."""
    page, configuration = http.get(frontend_url("/")), http.get(frontend_url("/config.json"))
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>Sample chat</title>" in page.text
    assert configuration.json()["api_base"] == "/api"
    assert configuration.json()["revision"] == page.headers["x-revision"]
    paths = http.get("/").json()
    assert paths["websocket"] == configuration.json()["websocket_path"]
    assert any(path.startswith(configuration.json()["api_base"]) for path in paths["paths"])


def test_024_concurrent_agent_runs_real(socket: Socket) -> None:
    socket.receive()
    socket.send(type="run_agent", agent="triage", prompt="two words")
    socket.send(type="run_agent", agent="report", prompt="a headline")
    runs = socket.receive_runs(2)
    assert [events[-1]["type"] for events in runs.values()] == ["agent_completed"] * 2
    assert [[event["type"] for event in events] for events in runs.values()] == [AGENT_EVENTS, AGENT_EVENTS]
    assert {events[-1]["result"] for events in runs.values()} == {"2 words", "A Headline"}


def test_025_golden_path_real(api: httpx.Client, socket: Socket, user: str) -> None:
    """What a customer does: open a thread, ask, let an agent answer, and find both in the thread."""
    messages = f"/api/threads/{api.post('/api/threads', json={'title': 'golden path'}).json()['id']}/messages"
    question = api.post(messages, json={"content": "revenue went up"}).json()["content"]
    assert socket.receive()["type"] == "connection_established"
    ending = socket.run_agent("report", question)[-1]
    assert ending["type"] == "agent_completed"
    assert ending["result"] == "Revenue Went Up"
    assert api.post(messages, json={"content": ending["result"]}).status_code == 201
    kept = api.get(messages).json()["messages"]
    assert [message["content"] for message in kept] == ["revenue went up", "Revenue Went Up"]
    assert {message["author"] for message in kept} == {user}
