"""What the sample backend promises over its WebSocket: limits of agents, rooms, and patience with nonsense."""

import time

import pytest

from .service_process import Running
from .talking import LIMIT_S, ask, await_log, open_session, open_socket, run_agent, say, someone


def test_an_agent_slower_than_its_limit_fails_and_the_connection_stays(hasty_backend: Running) -> None:
    with open_socket(hasty_backend, open_session(hasty_backend, someone())) as socket:
        events = run_agent(socket)
        assert [event["type"] for event in events] == ["agent_started", "agent_thinking", "agent_failed"]
        assert (events[-1]["reason"], events[-1]["timeout_s"]) == ("timeout", 0.2)
        line = await_log(hasty_backend, run_id=events[0]["run_id"], message="agent timed out")
        assert (line["severity"], line["agent"], line["limit_s"]) == ("ERROR", "triage", 0.2)
        assert say(socket, type="ping")["type"] == "pong"


def test_work_beyond_the_limit_goes_on_unheard_and_is_logged(hasty_backend: Running) -> None:
    with open_socket(hasty_backend, open_session(hasty_backend, someone())) as socket:
        run = run_agent(socket)[0]["run_id"]
        line = await_log(hasty_backend, run_id=run, message="agent finished")
        assert say(socket, type="ping", id="nothing before this") == {"type": "pong", "id": "nothing before this"}
    assert (line["severity"], line["agent"], line["limit_s"], line["in_time"]) == ("INFO", "triage", 0.2, False)
    assert line["duration_s"] > 1.1  # 1.2 of work, and clocks may differ by a tick


def test_work_goes_on_when_its_caller_leaves(hasty_backend: Running) -> None:
    user = someone()
    with open_socket(hasty_backend, open_session(hasty_backend, user)) as socket:
        assert say(socket, type="run_agent", agent="triage", prompt="left alone")["type"] == "agent_started"
    assert await_log(hasty_backend, user=user, message="agent finished")["duration_s"] > 1.1


def test_an_agent_within_its_limit_is_logged_with_its_duration(backend: Running) -> None:
    with open_socket(backend, open_session(backend, someone())) as socket:
        run = run_agent(socket)[-1]["run_id"]
    (line,) = [line for line in backend.log_lines if line.get("run_id") == run]
    assert (line["severity"], line["message"], line["in_time"]) == ("INFO", "agent finished", True)
    assert line["duration_s"] > 0.04, "the default latency"


def test_members_of_a_room_see_one_another_and_their_notes(backend: Running) -> None:
    room = someone()
    with open_socket(backend) as first, open_socket(backend) as second:
        assert say(first, type="join", room=room, member="first") == {"type": "joined", "room": room}
        say(second, type="join", room=room, member="second")
        assert say(first, type="note", text="here") == {"type": "noted"}
        assert say(second, type="members") == {"type": "members", "members": {"first": "here", "second": ""}}


def test_rooms_are_apart(backend: Running) -> None:
    with open_socket(backend) as first, open_socket(backend) as second:
        say(first, type="join", room=someone(), member="first")
        say(second, type="join", room=someone(), member="second")
        assert say(second, type="members")["members"] == {"second": ""}


def test_presence_ends_with_the_connection(backend: Running) -> None:
    room = someone()
    with open_socket(backend) as staying:
        say(staying, type="join", room=room, member="staying")
        with open_socket(backend) as leaving:
            say(leaving, type="join", room=room, member="leaving")
            assert say(staying, type="members")["members"].keys() == {"staying", "leaving"}
            leaving.socket.close()
        deadline = time.monotonic() + LIMIT_S
        while say(staying, type="members")["members"] != {"staying": ""} and time.monotonic() < deadline:
            time.sleep(0.02)
        assert say(staying, type="members")["members"] == {"staying": ""}


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [
        pytest.param("", "invalid_json", id="empty frame"),
        pytest.param("[" * 100_000, "invalid_json", id="endless nesting"),
        pytest.param(b"\xff\xfe", "invalid_json", id="bytes that are no text"),
        pytest.param('{"type": "ping", "id": "\\ud800"}', "invalid_json", id="half a character"),
        pytest.param('{"type": "ping", "id": NaN}', "invalid_json", id="not a number"),
        pytest.param("[]", "not_an_object", id="array"),
        pytest.param("{}", "unknown_type", id="no type"),
        pytest.param('{"type": {}}', "unknown_type", id="type is an object"),
        pytest.param('{"type": "run_agent", "agent": ["triage"]}', "invalid_field", id="agent is an array"),
        pytest.param('{"type": "run_agent", "agent": "triage", "prompt": " "}', "invalid_field", id="blank prompt"),
        pytest.param('{"type": "authenticate", "token": "wrong"}', "token_invalid", id="wrong token"),
        pytest.param('{"type": "join", "room": "r"}', "invalid_field", id="room without a member"),
        pytest.param('{"type": "members"}', "not_in_a_room", id="members of no room"),
        pytest.param('{"type": "note", "text": "t"}', "not_in_a_room", id="note in no room"),
    ],
)
def test_nonsense_is_answered_and_the_connection_stays(backend: Running, nonsense: str | bytes, code: str) -> None:
    with open_socket(backend, open_session(backend, someone())) as socket:
        answer = ask(socket, nonsense)
        assert (answer["type"], answer["code"]) == ("error", code)
        assert ask(socket, '{"type": "ping", "id": 7}') == {"type": "pong", "id": 7}
