"""What the sample backend promises beyond what its own suites check."""

import asyncio
from pathlib import Path

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from netra_loop.sample.backend.app.errors import ApiError
from netra_loop.sample.backend.app.health import Dependency, examine

from .service_process import Running
from .staging import NOWHERE, Staging, running_backend
from .talking import await_log, bearer, call, open_session, open_socket, receive, refusal, say, sign, someone

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_expired_token_says_so(backend: Running) -> None:
    assert refusal(call(backend, "GET", "/api/me", sign("somebody", lifetime_s=-1))) == (401, "token_expired")


def test_unsigned_token_is_refused(backend: Running) -> None:
    claims = jwt.decode(sign("somebody"), options={"verify_signature": False})
    assert refusal(call(backend, "POST", "/api/sessions", jwt.encode(claims, "", "none"))) == (401, "token_invalid")


def test_token_signed_with_another_key_is_refused(backend: Running) -> None:
    token = sign("somebody", key="another key of more than thirty-two characters")
    assert refusal(call(backend, "POST", "/api/sessions", token)) == (401, "token_invalid")


def test_wrong_method_lists_the_allowed_ones(backend: Running) -> None:
    answer = httpx.delete(f"{backend.url}/api/threads", trust_env=False)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_every_answer_names_the_revision(backend: Running) -> None:
    with httpx.Client(base_url=backend.url, trust_env=False) as http:
        answers = [http.get("/"), http.get("/missing"), http.delete("/health"), http.get("/api/me")]
    assert {answer.headers["x-revision"] for answer in answers} == {"backend-00001-abc"}
    with pytest.raises(InvalidStatus) as refused, connect(f"{backend.ws_url}/ws?token=wrong", proxy=None):
        pass
    assert refused.value.response.headers["x-revision"] == "backend-00001-abc"


def test_log_lines_carry_the_trace_of_their_request(backend: Running) -> None:
    user = someone()
    headers = bearer(sign(user)) | {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    httpx.post(f"{backend.url}/api/sessions", headers=headers, trust_env=False)
    assert await_log(backend, user=user) == {
        "severity": "INFO",
        "message": "session opened",
        "user": user,
        "logging.googleapis.com/trace": f"projects/sample-project/traces/{TRACE}",
    }


def test_a_session_that_was_never_opened_is_unknown(backend: Running) -> None:
    assert refusal(call(backend, "GET", "/api/me", sign(someone()))) == (401, "session_unknown")


def test_opening_a_session_twice_changes_nothing(backend: Running) -> None:
    user = someone()
    token = open_session(backend, user)
    assert call(backend, "POST", "/api/sessions", token).status_code == 201
    assert call(backend, "GET", "/api/me", token).json()["user"] == user
    assert [line["message"] for line in backend.log_lines if line.get("user") == user] == ["session opened"]


def test_a_later_login_ends_the_earlier_session(backend: Running) -> None:
    user = someone()
    earlier = open_session(backend, user)
    open_session(backend, user)
    answer = call(backend, "GET", "/api/me", earlier)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "a later login of this user ended this session"
    assert refusal(call(backend, "POST", "/api/sessions", earlier)) == (401, "session_ended")
    with open_socket(backend) as socket:
        assert say(socket, type="authenticate", token=earlier)["code"] == "session_ended"
    with pytest.raises(InvalidStatus), open_socket(backend, earlier):
        pass
    lines = [line for line in backend.log_lines if line.get("user") == user and line["severity"] == "WARNING"]
    assert lines[0] == {"severity": "WARNING", "message": "session ended by a later login", "user": user}
    assert [line["message"] for line in lines[1:]] == ["ended session refused"] * 4


def test_state_is_kept_for_its_user_alone(backend: Running) -> None:
    token, state = open_session(backend, someone()), {"draft": "größer als vorher", "tags": [1, None]}
    assert call(backend, "GET", "/api/state", token).json() == {"state": {}}
    assert call(backend, "PUT", "/api/state", token, json=state).json() == {"state": state}
    assert call(backend, "GET", "/api/state", open_session(backend, someone())).json() == {"state": {}}


def test_state_that_is_too_large_is_refused(backend: Running) -> None:
    answer = call(backend, "PUT", "/api/state", open_session(backend, someone()), json={"draft": "x" * 70_000})
    assert refusal(answer) == (413, "state_too_large")


def test_state_of_nearly_the_largest_size_is_kept(backend: Running) -> None:
    token, state = open_session(backend, someone()), {"draft": "x" * 65_000}
    assert call(backend, "PUT", "/api/state", token, json=state).json() == {"state": state}


@pytest.mark.parametrize("address", [NOWHERE, "", "another protocol"])
def test_a_store_that_cannot_be_reached_is_logged_and_told(staging: Staging, tmp_path: Path, address: str) -> None:
    """What listens at a wrong address may also be something else, which waits for a request of its own kind."""
    address = staging.auth.address if address == "another protocol" else address
    with running_backend(tmp_path, address) as backend:
        token = open_session(backend, someone())
        assert refusal(call(backend, "PUT", "/api/state", token, json={})) == (503, "session_store_unavailable")
        health = httpx.get(f"{backend.url}/api/health", trust_env=False).json()
        line = await_log(backend, severity="ERROR", message="session store unreachable", address=address)
    assert line["error"]
    assert health["status"] == "healthy"
    assert health["dependencies"] == {"sessions": {"status": "failed", "required": False}}


def test_a_required_dependency_that_does_not_answer_degrades_the_service() -> None:
    async def refuse() -> None:
        raise ApiError(503, "unavailable", "not today")

    async def reply() -> None:
        return None

    dependencies = [Dependency("sessions", required=False, ping=reply), Dependency("queue", required=True, ping=refuse)]
    status, found = asyncio.run(examine(dependencies))
    assert status == "degraded"
    assert found == {
        "sessions": {"status": "connected", "required": False},
        "queue": {"status": "failed", "required": True},
    }


def test_a_run_holds_up_neither_a_ping_nor_the_end_of_the_process(staging: Staging, tmp_path: Path) -> None:
    with (
        running_backend(tmp_path, staging.store.address, AGENT_LATENCY="300", AGENT_TIMEOUT="300") as backend,
        open_socket(backend, open_session(backend, someone())) as socket,
    ):
        assert say(socket, type="run_agent", agent="triage", prompt="for ever")["type"] == "agent_started"
        assert receive(socket)["type"] == "agent_thinking"
        assert say(socket, type="ping", id=1) == {"type": "pong", "id": 1}
        backend.stop()
        assert backend.process.poll() is not None
