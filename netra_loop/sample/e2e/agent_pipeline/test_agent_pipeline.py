"""Agent pipeline: which agents there are, how they are set up, and what one run of them leaves behind."""

import httpx

from ..client import AGENT_EVENTS, Socket, brief

REQUESTS = 5


def test_real_agent_discovery(http: httpx.Client) -> None:
    found = http.get("/api/agents").json()
    names = {agent["id"]: agent["name"] for agent in found["agents"]}
    assert found["total"] == len(names)
    assert names == {"triage": "Triage", "data": "Data", "report": "Report"}


def test_real_agent_configuration(api: httpx.Client) -> None:
    configurations = [api.get(f"/api/agents/{agent}/configuration").json() for agent in ("triage", "data", "report")]
    assert [one["tools"] for one in configurations] == [["count_words"], ["longest_word"], ["make_headline"]]
    assert len({one["timeout_s"] for one in configurations}) == 1


def test_real_agent_pipeline_execution(socket: Socket) -> None:
    socket.receive()
    events = socket.run_agent("report", "pipeline at work")
    assert events[-1]["type"] == "agent_completed"
    assert [event["type"] for event in events] == AGENT_EVENTS
    assert events[-1]["result"] == "Pipeline At Work"


def test_real_agent_lifecycle_monitoring(socket: Socket) -> None:
    """Every event says which run of which agent it tells of, and no two runs are the same."""
    socket.receive()
    runs = [socket.run_agent(agent, "life of a run") for agent in ("triage", "data")]
    assert [{event["agent"] for event in events} for events in runs] == [{"triage"}, {"data"}]
    assert [len({event["run_id"] for event in events}) for events in runs] == [1, 1]
    assert runs[0][0]["run_id"] != runs[1][0]["run_id"]
    assert all(events[-1]["duration_ms"] > 0 for events in runs)


def test_real_pipeline_error_handling(api: httpx.Client, socket: Socket) -> None:
    socket.receive()
    unknown = socket.run_agent("nobody", "anyone there")[-1]
    blank = socket.run_agent("triage", " ")[-1]
    assert (unknown["type"], unknown["code"]) == ("error", "agent_not_found")
    assert (blank["type"], blank["code"]) == ("error", "invalid_field")
    assert brief(api.get("/api/agents/nobody/configuration")) == "404 agent_not_found"
    assert socket.run_agent("triage", "works again")[-1]["result"] == "2 words"


def test_real_pipeline_metrics(http: httpx.Client, socket: Socket) -> None:
    """Others may be counted meanwhile, so the counts grow by at least what this test did."""
    socket.receive()
    before = http.get("/api/metrics").json()["counts"]
    endings = [socket.run_agent("data", "counted once")[-1]["type"] for _ in range(REQUESTS)]
    after = http.get("/api/metrics").json()["counts"]
    assert endings == ["agent_completed"] * REQUESTS
    assert before["sessions"] >= 1
    assert before["websocket_connections"] >= 1
    assert after["agent_runs_completed"] >= before["agent_runs_completed"] + REQUESTS
