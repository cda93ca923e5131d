"""WebSocket events: a caller who watches an agent work sees each step once and in order."""

from contextlib import ExitStack

import httpx

from ..client import AGENT_EVENTS, Socket, open_socket

CONNECTIONS = 7


def test_health_check(http: httpx.Client) -> None:
    shallow, deep = http.get("/health"), http.get("/api/health")
    assert (shallow.status_code, shallow.json()["status"]) == (200, "healthy")
    assert (deep.status_code, deep.json()["status"]) == (200, "healthy")
    dependencies = {name: found["status"] for name, found in deep.json()["dependencies"].items()}
    assert dependencies == dict.fromkeys(dependencies, "connected")


def test_websocket_connection(http: httpx.Client, account_token: str) -> None:
    with open_socket(account_token) as socket:
        greeting = socket.receive()
    assert greeting["type"] == "connection_established"
    assert greeting["authenticated"] is True
    assert greeting["revision"] == http.get("/health").json()["revision"]


def test_api_endpoints_for_agents(api: httpx.Client) -> None:
    agents = api.get("/api/agents").json()["agents"]
    configurations = [api.get(f"/api/agents/{agent['id']}/configuration").json() for agent in agents]
    unknown = api.get("/api/agents/nobody/configuration")
    assert len(agents) >= 3
    assert [one["id"] for one in configurations] == [agent["id"] for agent in agents]
    assert all(len(one["tools"]) == 1 for one in configurations)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "agent_not_found")


def test_concurrent_websocket_connections(token: str) -> None:
    """Agents work on all connections at once, and every caller gets the answer to their own question."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(token)) for _ in range(CONNECTIONS)]
        greetings = [socket.receive()["type"] for socket in sockets]
        for number, socket in enumerate(sockets, start=1):
            socket.send(type="run_agent", agent="triage", prompt="word " * number)
        endings = [[socket.receive() for _ in AGENT_EVENTS][-1] for socket in sockets]
    assert greetings == ["connection_established"] * CONNECTIONS
    assert [event["result"] for event in endings] == [f"{number} words" for number in range(1, CONNECTIONS + 1)]


def test_websocket_event_validation(socket: Socket) -> None:
    socket.receive()
    events = socket.run_agent("data", "events in their order")
    assert [event["type"] for event in events] == AGENT_EVENTS
    assert len({event["run_id"] for event in events}) == 1
    assert {event["agent"] for event in events} == {"data"}
    assert events[-1]["result"] == "events"
