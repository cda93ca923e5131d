"""Priority 1: twenty-five things without which the platform is of no use to anybody."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from ..client import AGENT_ENDS, AGENT_EVENTS, Event, Socket, bearer, log_in, open_socket

CONNECTIONS = 5
USERS = 20


def error_code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_001_websocket_connection_real() -> None:
    with open_socket() as socket:
        greeting = socket.receive()
    assert greeting["type"] == "connection_established"
    assert greeting["revision"]
    assert greeting["authenticated"] is False


def test_002_websocket_authentication_real(token: str, user: str) -> None:
    with open_socket() as socket:
        socket.receive()
        refused = socket.ask(type="run_agent", agent="triage", prompt="who am I")
        authenticated = socket.ask(type="authenticate", token=token)
    assert refused["code"] == "not_authenticated"
    assert authenticated == {"type": "authenticated", "user": user}


def test_003_websocket_message_send_real(socket: Socket) -> None:
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
    assert answer.json()["dependencies"]["sessions"] == {"status": "connected", "required": True}


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
    answer = http.post("/api/auth/login", json={"user": user, "password": "certainly not this one"})
    assert answer.status_code == 401
    assert error_code(answer) == "credentials_rejected"
    assert "token" not in answer.json()


def test_010_tampered_token_real(http: httpx.Client, token: str) -> None:
    header, claims, signature = token.split(".")
    forged = f"{header}.{claims}.{signature[::-1]}"
    answer = http.get("/api/me", headers=bearer(forged))
    assert answer.status_code == 401
    assert error_code(answer) == "token_invalid"
    with pytest.raises(InvalidStatus) as refusal, open_socket(forged):
        pass
    assert refusal.value.response.status_code == 401


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
    completed = socket.run_agent("triage", "one two three four")[-1]
    assert completed["type"] == "agent_completed"
    assert completed["result"] == "4 words"
    assert completed["duration_ms"] > 0


def test_014_tool_execution_real(socket: Socket) -> None:
    socket.receive()
    tools = [event for event in socket.run_agent("data", "tiny enormous small") if event["type"].startswith("tool_")]
    assert [event["tool"] for event in tools] == ["longest_word", "longest_word"]
    assert tools[-1]["result"] == "enormous"


def test_015_thread_management_real(api: httpx.Client) -> None:
    created = api.post("/api/threads", json={"title": "quarterly report"})
    assert created.status_code == 201
    listed = api.get("/api/threads").json()["threads"]
    assert listed == [{"id": created.json()["id"], "title": "quarterly report", "messages": 0}]


def test_016_user_isolation_real(api: httpx.Client, user: str) -> None:
    thread = api.post("/api/threads", json={"title": "private"}).json()["id"]
    stranger = bearer(log_in(api, f"{user}-stranger"))
    answer = api.get(f"/api/threads/{thread}/messages", headers=stranger)
    assert answer.status_code == 404
    assert error_code(answer) == "thread_not_found"
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
    assert [answer.status_code for answer in answers] == [200] * (limit - 1) + [429]
    assert error_code(answers[-1]) == "rate_limited"
    after_new_login = api.get("/api/limited", headers=bearer(log_in(api, user)))
    assert after_new_login.json() == {"limit": limit, "remaining": limit - 1}


def test_019_error_handling_real(http: httpx.Client) -> None:
    unknown_path = http.get("/api/nothing-here")
    wrong_method = http.delete("/health")
    broken_body = http.post("/api/auth/login", content=b"{not json")
    missing_field = http.post("/api/auth/login", json={"user": "somebody"})
    no_token = http.get("/api/me")
    assert (unknown_path.status_code, error_code(unknown_path)) == (404, "not_found")
    assert (wrong_method.status_code, error_code(wrong_method)) == (405, "method_not_allowed")
    assert (broken_body.status_code, error_code(broken_body)) == (422, "invalid_json")
    assert (missing_field.status_code, error_code(missing_field)) == (422, "invalid_field")
    assert (no_token.status_code, error_code(no_token)) == (401, "token_missing")


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


def test_023_metrics_real(http: httpx.Client, socket: Socket) -> None:
    socket.receive()
    before = http.get("/api/metrics").json()["counts"]
    socket.run_agent("report", "counted once")
    after = http.get("/api/metrics").json()["counts"]
    assert before["logins"] >= 1
    assert before["websocket_connections"] >= 1
    assert after["agent_runs_completed"] > before["agent_runs_completed"]


def test_024_concurrent_agent_runs_real(socket: Socket) -> None:
    socket.receive()
    socket.send(type="run_agent", agent="triage", prompt="two words")
    socket.send(type="run_agent", agent="report", prompt="a headline")
    runs: dict[str, list[Event]] = {}
    while sum(event["type"] in AGENT_ENDS for events in runs.values() for event in events) < 2:
        event = socket.receive()
        runs.setdefault(event["run_id"], []).append(event)
    assert [[event["type"] for event in events] for events in runs.values()] == [AGENT_EVENTS, AGENT_EVENTS]
    assert {events[-1]["result"] for events in runs.values()} == {"2 words", "A Headline"}


def test_025_golden_path_real(api: httpx.Client, socket: Socket, user: str) -> None:
    """What a customer does: open a thread, ask, let an agent answer, and find both in the thread."""
    messages = f"/api/threads/{api.post('/api/threads', json={'title': 'golden path'}).json()['id']}/messages"
    question = api.post(messages, json={"content": "revenue went up"}).json()["content"]
    assert socket.receive()["type"] == "connection_established"
    answer = socket.run_agent("report", question)[-1]["result"]
    assert answer == "Revenue Went Up"
    assert api.post(messages, json={"content": answer}).status_code == 201
    kept = api.get(messages).json()["messages"]
    assert [message["content"] for message in kept] == ["revenue went up", "Revenue Went Up"]
    assert {message["author"] for message in kept} == {user}
