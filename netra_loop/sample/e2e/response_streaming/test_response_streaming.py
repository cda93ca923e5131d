"""Response streaming: an answer comes step by step, whole, and to the one who asked."""

from ..client import AGENT_EVENTS, Socket, open_socket

WORDS = 5_000


def test_steps_come_in_order(socket: Socket) -> None:
    socket.receive()
    events = socket.run_agent("data", "steps in order")
    assert [event["type"] for event in events] == AGENT_EVENTS


def test_the_result_is_streamed_before_the_end(socket: Socket) -> None:
    socket.receive()
    *_, tool_completed, ending = socket.run_agent("triage", "four words of text")
    assert tool_completed["type"] == "tool_completed"
    assert tool_completed["result"] == ending["result"] == "4 words"


def test_other_messages_are_answered_within_the_stream(socket: Socket) -> None:
    socket.receive()
    socket.send(type="run_agent", agent="triage", prompt="not in a hurry")
    socket.send(type="ping", id="meanwhile")
    events = [socket.receive() for _ in (*AGENT_EVENTS, "pong")]
    assert [event["id"] for event in events if event["type"] == "pong"] == ["meanwhile"]
    assert [event["type"] for event in events if event["type"] != "pong"] == AGENT_EVENTS


def test_a_long_prompt_is_taken_whole(socket: Socket) -> None:
    socket.receive()
    assert socket.run_agent("triage", "word " * WORDS)[-1]["result"] == f"{WORDS} words"


def test_each_connection_has_its_own_stream(token: str) -> None:
    """Two connections of one session: what the one asked, the other does not hear."""
    with open_socket(token) as asking, open_socket(token) as listening:
        asking.receive()
        listening.receive()
        assert asking.run_agent("data", "for one alone")[-1]["result"] == "alone"
        assert listening.ask(type="ping", id="nothing before this") == {"type": "pong", "id": "nothing before this"}
