"""Message flow: from the caller into a thread, through an agent, and back into the thread."""

import httpx

from ..client import AGENT_EVENTS, Socket, brief


def open_thread(api: httpx.Client, title: str) -> str:
    """The path of a new thread's messages."""
    return f"/api/threads/{api.post('/api/threads', json={'title': title}).json()['id']}/messages"


def test_message_endpoints(api: httpx.Client, user: str) -> None:
    messages = open_thread(api, "endpoints")
    posted = api.post(messages, json={"content": "first"})
    assert brief(posted) == "201"
    assert api.get(messages).json()["messages"] == [{"id": posted.json()["id"], "author": user, "content": "first"}]


def test_real_message_api_endpoints(api: httpx.Client) -> None:
    """What a caller reads before writing anything is announced and answers."""
    readable = ["/", "/health", "/api/agents", "/api/threads", "/api/metrics"]
    announced = api.get("/").json()["paths"]
    assert set(readable) <= set(announced)
    assert {path: brief(api.get(path)) for path in readable} == dict.fromkeys(readable, "200")


def test_real_websocket_message_flow(api: httpx.Client, socket: Socket) -> None:
    messages = open_thread(api, "flow")
    question = api.post(messages, json={"content": "orders doubled"}).json()["content"]
    socket.receive()
    events = socket.run_agent("report", question)
    assert events[-1]["type"] == "agent_completed"
    assert [event["type"] for event in events] == AGENT_EVENTS
    api.post(messages, json={"content": events[-1]["result"]})
    kept = [message["content"] for message in api.get(messages).json()["messages"]]
    assert kept == ["orders doubled", "Orders Doubled"]


def test_real_thread_management(api: httpx.Client) -> None:
    created = [api.post("/api/threads", json={"title": title}).json()["id"] for title in ("first", "second")]
    api.post(f"/api/threads/{created[1]}/messages", json={"content": "only here"})
    listed = api.get("/api/threads").json()["threads"]
    assert [thread["id"] for thread in listed] == created
    assert [(thread["title"], thread["messages"]) for thread in listed] == [("first", 0), ("second", 1)]


def test_real_error_handling_flow(api: httpx.Client) -> None:
    messages = open_thread(api, "errors")
    assert brief(api.post(messages, json={"content": " "})) == "422 invalid_field"
    assert brief(api.post(messages, json=["not", "an", "object"])) == "422 not_an_object"
    assert brief(api.get("/api/threads/unknown/messages")) == "404 thread_not_found"
    assert brief(api.get(messages, headers={"Authorization": "Basic nonsense"})) == "401 token_missing"
    assert api.get(messages).json()["messages"] == []
