"""Agent orchestration: agents one after the other, side by side, and beside one that cannot run."""

from ..client import AGENT_EVENTS, Socket

SIDE_BY_SIDE = 6


def test_one_agent_works_on_what_another_found(socket: Socket) -> None:
    socket.receive()
    found = socket.run_agent("data", "small enormous words")[-1]["result"]
    counted = socket.run_agent("triage", f"{found} once more")[-1]["result"]
    assert (found, counted) == ("enormous", "3 words")


def test_agents_work_side_by_side(socket: Socket) -> None:
    """Events of several runs come mixed; each run by itself is whole and in order."""
    socket.receive()
    for number in range(1, SIDE_BY_SIDE + 1):
        socket.send(type="run_agent", agent="triage", prompt="word " * number)
    runs = socket.receive_runs(SIDE_BY_SIDE)
    assert [[event["type"] for event in events] for events in runs.values()] == [AGENT_EVENTS] * SIDE_BY_SIDE
    assert {events[-1]["result"] for events in runs.values()} == {f"{n} words" for n in range(1, SIDE_BY_SIDE + 1)}


def test_different_agents_keep_to_their_own_tools(socket: Socket) -> None:
    socket.receive()
    socket.send(type="run_agent", agent="triage", prompt="one and two")
    socket.send(type="run_agent", agent="data", prompt="one and two hundred")
    runs = {events[0]["agent"]: events for events in socket.receive_runs(2).values()}
    tools = {agent: {event["tool"] for event in events if "tool" in event} for agent, events in runs.items()}
    assert tools == {"triage": {"count_words"}, "data": {"longest_word"}}
    assert {agent: events[-1]["result"] for agent, events in runs.items()} == {"triage": "3 words", "data": "hundred"}


def test_an_agent_that_cannot_run_does_not_disturb_one_that_does(socket: Socket) -> None:
    socket.receive()
    socket.send(type="run_agent", agent="data", prompt="undisturbed work")
    socket.send(type="run_agent", agent="nobody", prompt="anyone there")
    events = [socket.receive() for _ in (*AGENT_EVENTS, "error")]
    assert [event["code"] for event in events if event["type"] == "error"] == ["agent_not_found"]
    assert [event["type"] for event in events if event["type"] != "error"] == AGENT_EVENTS
    assert [event["result"] for event in events if event["type"] == "agent_completed"] == ["undisturbed"]
