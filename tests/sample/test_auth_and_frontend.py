"""What the sample's auth service and frontend promise."""

import httpx
import jwt
import pytest

from .service_process import SAMPLE, Running
from .staging import KEY, Staging
from .talking import await_log, bearer, call, refusal, someone

TRACE = "0af7651916cd43dd8448eb211c80319c"


def log_in(auth: Running, user: str, password: str = "staging-only", **headers: str) -> httpx.Response:
    body = {"user": user, "password": password}
    return httpx.post(f"{auth.url}/api/auth/login", json=body, headers=headers, trust_env=False)


def test_the_backend_accepts_what_it_signs(staging: Staging) -> None:
    user = someone()
    answer = log_in(staging.auth, user).json()
    assert (answer["token_type"], answer["user"]) == ("Bearer", user)
    assert call(staging.backend, "POST", "/api/sessions", answer["token"]).status_code == 201
    assert call(staging.backend, "GET", "/api/me", answer["token"]).json()["user"] == user


def test_a_token_speaks_for_one_session_and_one_hour(staging: Staging) -> None:
    tokens = [log_in(staging.auth, "somebody").json()["token"] for _ in range(2)]
    claims = [jwt.decode(token, KEY, ["HS256"]) for token in tokens]
    assert [one.keys() for one in claims] == [{"sub", "sid", "iat", "exp"}] * 2
    assert [one["exp"] - one["iat"] for one in claims] == [3600, 3600]
    assert claims[0]["sid"] != claims[1]["sid"]


def test_wrong_password_is_unauthorized(staging: Staging) -> None:
    answer = log_in(staging.auth, "somebody", password="wrong")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"status": 401, "code": "credentials_rejected", "message": "user or password is wrong"}
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{not json", "invalid_json"), (b"[]", "not_an_object"), (b'{"user": "somebody"}', "invalid_field")],
    ids=["broken", "array", "no password"],
)
def test_a_body_it_cannot_use_is_refused(staging: Staging, body: bytes, code: str) -> None:
    answer = httpx.post(f"{staging.auth.url}/api/auth/login", content=body, trust_env=False)
    assert refusal(answer) == (422, code)


def test_a_login_is_logged_with_its_trace(staging: Staging) -> None:
    user = someone()
    log_in(staging.auth, user, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    assert await_log(staging.auth, user=user) == {
        "severity": "INFO",
        "message": "login accepted",
        "user": user,
        "logging.googleapis.com/trace": f"projects/sample-project/traces/{TRACE}",
    }


@pytest.mark.parametrize("service", ["auth", "frontend"])
def test_health_and_every_answer_name_the_revision(staging: Staging, service: str) -> None:
    revision = f"{service}-00001-abc"
    with httpx.Client(base_url=getattr(staging, service).url, trust_env=False) as http:
        answers = [http.get("/"), http.get("/health"), http.get("/missing")]
    assert [answer.headers["x-revision"] for answer in answers] == [revision] * 3
    assert answers[1].json() == {"status": "healthy", "service": service, "version": "1.0.0", "revision": revision}


def test_the_frontend_names_its_environment(staging: Staging) -> None:
    answer = httpx.get(f"{staging.frontend.url}/config.json", headers=bearer("ignored"), trust_env=False)
    assert answer.json() == {
        "api_base": "/api",
        "websocket_path": "/ws",
        "environment": "local",
        "service": "frontend",
        "version": "1.0.0",
        "revision": "frontend-00001-abc",
    }


@pytest.mark.parametrize("name", ["bodies.py", "edge.py", "errors.py", "logs.py"])
def test_what_auth_and_backend_have_in_common_is_the_same(name: str) -> None:
    """Each is deployed with its own folder only, so each has a copy."""
    auth, backend = (SAMPLE / service / "app" / name for service in ("auth", "backend"))
    assert auth.read_text() == backend.read_text()
