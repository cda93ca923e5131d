"""Tokens from Google's libraries, gcloud and commands, against small servers on loopback; and doors that they open."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from netra_loop.adapters.access.tokens import NoAccess, Tokens
from netra_loop.adapters.address import Address
from netra_loop.adapters.health import check_health
from netra_loop.adapters.redact import MASK, Redactor
from netra_loop.core.outcome import Outcome
from netra_loop.core.target import Access, AccessKind, HealthCheck, Target
from tests.adapters.servers import Running, answer, request, tcp

BASE = "https://backend.example"
HOUR = 3600.0


def jwt(seconds: float, audience: str = BASE, **more: object) -> str:
    """A token that ends in so many seconds; nobody here looks at its signature."""
    payload = {"aud": audience, "exp": int(time.time() + seconds), "iat": int(time.time()), **more}
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, payload))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmVk"])


def target(kind: AccessKind, **access: object) -> Target:
    return Target("backend", "backend", access=Access(kind, **access), local=True)  # type: ignore[arg-type]


def bearer(tokens: Tokens, asked: Target, base_url: str = BASE) -> str:
    """The token that requests to a target carry."""

    async def ask() -> str:
        return (await tokens.headers(asked, base_url)).get("Authorization", "").removeprefix("Bearer ")

    return anyio.run(ask)


def printing(folder: Path, *lines: str, code: str = "") -> tuple[str, ...]:
    """A command that prints these lines, one a call, and counts its calls."""
    script, calls = folder / "print_token.py", folder / "calls"
    script.write_text(
        f"import pathlib, sys\ncalls = pathlib.Path({str(calls)!r})\n"
        "count = len(calls.read_text()) if calls.exists() else 0\ncalls.write_text('x' * (count + 1))\n"
        f"lines = {list(lines)!r}\nprint(lines[min(count, len(lines) - 1)] if lines else '')\n{code}\n"
    )
    return (sys.executable, str(script))


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


def test_who_lets_everybody_in_is_told_nothing() -> None:
    assert anyio.run(Tokens().headers, target(AccessKind.NONE), BASE) == {}


def test_a_command_is_asked_once_for_many_requests_at_once(tmp_path: Path) -> None:
    token, learned = jwt(HOUR), Redactor()
    tokens, asked = Tokens(learned.learn), target(AccessKind.COMMAND, argv=printing(tmp_path, token))
    found: list[str] = []

    async def ask() -> None:
        found.append((await tokens.headers(asked, BASE))["Authorization"])

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(ask)

    anyio.run(all_at_once)
    assert found == [f"Bearer {token}"] * 100
    assert calls(tmp_path) == 1
    assert learned.text(f"here: {token[:-1]}!") != f"here: {token[:-1]}!"
    assert learned.text("opaque") == "opaque"


def test_a_token_is_asked_for_again_before_it_ends(tmp_path: Path) -> None:
    soon, later = jwt(200), jwt(HOUR)
    tokens, asked = Tokens(), target(AccessKind.COMMAND, argv=printing(tmp_path, soon, later))

    assert [bearer(tokens, asked), bearer(tokens, asked), bearer(tokens, asked)] == [soon, later, later]
    assert calls(tmp_path) == 2


def test_a_token_that_says_nothing_of_its_end_is_used_for_a_while(tmp_path: Path) -> None:
    learned = Redactor()
    tokens, asked = Tokens(learned.learn), target(AccessKind.COMMAND, argv=printing(tmp_path, "opaque-token-1234"))

    assert bearer(tokens, asked) == bearer(tokens, asked) == "opaque-token-1234"
    assert calls(tmp_path) == 1
    assert learned.text("it said opaque-token-1234 aloud") == f"it said {MASK} aloud"


BAD = {
    "nothing": ((), "", "printed no token"),
    "words": (("please log in",), "", "printed no token"),
    "too much": (("x" * 20_000,), "", "printed no token"),
    "a failure": (("token-1234",), "sys.stderr.write('no account'); sys.exit(3)", "ended with exit 3: no account"),
    "one that has expired": ((jwt(-10),), "", "has expired already"),
}


@pytest.mark.parametrize(("lines", "code", "said"), BAD.values(), ids=BAD)
def test_what_is_no_token_is_told(tmp_path: Path, lines: tuple[str, ...], code: str, said: str) -> None:
    with pytest.raises(NoAccess, match=said):
        bearer(Tokens(), target(AccessKind.COMMAND, argv=printing(tmp_path, *lines, code=code)))


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(NoAccess, match="no-such-command cannot be run: No such file or directory"):
        bearer(Tokens(), target(AccessKind.COMMAND, argv=("no-such-command",)))


@contextmanager
def signing_in() -> Iterator[tuple[Running, list[str]]]:
    """Google's sign-in on loopback: an ID token for the audience that the assertion names."""
    audiences: list[str] = []

    def handle(connection: object, running: Running) -> None:
        head = request(connection, running)  # type: ignore[arg-type]
        length = int(head.lower().partition("content-length: ")[2].partition("\r")[0])
        body = head.partition("\r\n\r\n")[2]
        while len(body) < length:
            body += connection.recv(65536).decode()  # type: ignore[attr-defined]
        assertion = parse_qs(body)["assertion"][0].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(assertion + "=" * (-len(assertion) % 4)))
        audiences.append(claims["target_audience"])
        connection.sendall(answer({"id_token": jwt(HOUR, audiences[-1])}))  # type: ignore[attr-defined]

    with tcp(handle) as running:
        yield running, audiences


def service_account(folder: Path, token_uri: str) -> Path:
    """The credentials of a service account that signs in on loopback."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = folder / "account.json"
    told = {
        "type": "service_account",
        "client_email": "loop@project.example",
        "private_key": pem,
        "private_key_id": "1",
    }
    file.write_text(json.dumps(told | {"token_uri": f"{token_uri}/token", "project_id": "project", "client_id": "1"}))
    return file


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({"kind": AccessKind.IAM}, BASE),
        ({"kind": AccessKind.IAM, "audience": "https://custom.example"}, "https://custom.example"),
        ({"kind": AccessKind.IAP, "audience": "client.apps.example"}, "client.apps.example"),
    ],
    ids=["the base URL", "declared", "IAP"],
)
def test_a_service_account_signs_in_for_the_right_audience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access: dict[str, object], expected: str
) -> None:
    with signing_in() as (server, audiences):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, server.url)))
        token = bearer(Tokens(), target(**access))  # type: ignore[arg-type]

    assert audiences == [expected]
    assert token.count(".") == 2


def fake_gcloud(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """A gcloud of our own, alone in PATH, with credentials that Google's library cannot use."""
    told = folder / "argv.json"
    script = folder / "gcloud"
    script.write_text(f"#!{sys.executable}\nimport json, sys\nargv = sys.argv[1:]\n"
                      f"open({str(told)!r}, 'a').write(json.dumps(argv) + '\\n')\n{body}\n")  # fmt: skip
    script.chmod(0o755)
    credentials = folder / "user.json"
    user = {"type": "authorized_user", "client_id": "1", "client_secret": "2", "refresh_token": "3"}
    credentials.write_text(json.dumps(user))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return told


def test_where_googles_library_has_none_gcloud_is_asked_for_the_same_audience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = jwt(HOUR)
    told = fake_gcloud(tmp_path, monkeypatch, f"print({token!r})")

    assert bearer(Tokens(), target(AccessKind.IAM)) == token
    assert json.loads(told.read_text()) == ["auth", "print-identity-token", "--quiet", f"--audiences={BASE}"]


def test_a_person_has_tokens_without_an_audience_of_our_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = jwt(HOUR)
    refuse = "if any(word.startswith('--audiences') for word in argv):\n    sys.exit('not for a user account')"
    told = fake_gcloud(tmp_path, monkeypatch, f"{refuse}\nprint({token!r})")

    assert bearer(Tokens(), target(AccessKind.IAM)) == token
    assert len(told.read_text().splitlines()) == 2
    with pytest.raises(NoAccess, match="not for a user account"):
        bearer(Tokens(), target(AccessKind.IAP, audience="client.apps.example"))


def test_a_door_is_opened_at_a_tags_url_by_the_token_for_the_base_url(tmp_path: Path) -> None:
    token = jwt(HOUR)
    checked = Target(
        "backend", "backend", health=HealthCheck("/health", consecutive=1), local=True,
        access=Access(AccessKind.COMMAND, argv=printing(tmp_path, token)),
    )  # fmt: skip

    def handle(connection: object, running: Running) -> None:
        head = request(connection, running)  # type: ignore[arg-type]
        let_in = f"Authorization: Bearer {token}\r\n" in head
        connection.sendall(answer({}) if let_in else answer("", "403 Forbidden"))  # type: ignore[attr-defined]

    async def look(server: Running, tokens: Tokens) -> tuple[Outcome, Outcome]:
        inside = await check_health(checked, Address(server.url, "", headers=await tokens.headers(checked, BASE)))
        outside = await check_health(checked, Address(server.url, ""))
        return inside.outcome, outside.outcome

    with tcp(handle) as server:
        assert anyio.run(look, server, Tokens()) == (Outcome.PASSED, Outcome.ERRORED)


def test_a_token_does_not_show_in_an_address() -> None:
    address = Address(BASE, "backend-1", headers={"Authorization": "Bearer opaque-token-1234"})
    assert "opaque" not in repr(address)
    assert address.token == "opaque-token-1234"
