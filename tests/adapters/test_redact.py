"""What is masked, what is left alone, and a command's output on its way to its file."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import EXCERPT_BYTES, EXCERPT_LINES, OUTPUT_CAP, TAIL_LINES, Output
from netra_loop.adapters.redact import MASK, Redactor, secrets_in
from netra_loop.core.errors import StorageError
from tests.adapters.children import told_by_python

PASSWORD = "s3cr3t/p+ss word!"
UNICODE = "gëheim-pässwörter"
MULTILINE = "first-line-of-it\nsecond-line-of-it\n"
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "".join(f"{letter * 64}\n" for letter in "MIIEvQ")
    + "-----END RSA PRIVATE KEY-----"
)
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"user-1","aud":"netra"}', b"signature-of-32-bytes-and-more..")
)


def encoded(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode((before + text + after).encode()).decode()


KNOWN = {
    "plain": PASSWORD,
    "in a sentence": f"password={PASSWORD};",
    "URL-encoded": quote(PASSWORD, safe=""),
    "as in JSON": json.dumps({"password": UNICODE}),
    "in base64": encoded(PASSWORD),
    "in base64 after a user's name": encoded(PASSWORD, "user:"),
    "in base64 after another's name": encoded(PASSWORD, "admin:"),
    "in base64 in the middle": encoded(PASSWORD, "ab", "and more of it"),
    "in base64 for URLs": base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
    "not ASCII": UNICODE,
    "not ASCII, in base64": encoded(UNICODE),
    "the first of its lines": "it says first-line-of-it",
    "the second of its lines": "it says second-line-of-it",
}


def alphabets(text: str) -> str:
    """Without what any encoding may add at the ends."""
    return text.strip('{}": ;=')


@pytest.mark.parametrize("text", KNOWN.values(), ids=KNOWN)
def test_a_known_secret_is_masked_in_every_spelling(text: str) -> None:
    masked = Redactor([PASSWORD, UNICODE, MULTILINE]).text(f"before {text} after")

    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    for secret in (PASSWORD, UNICODE, "first-line", "second-line"):
        for before in ("", "a", "ab"):
            for whole in (secret, quote(secret), json.dumps(secret)[1:-1], encoded(secret, before)[4:-4]):
                assert whole not in masked


TOKENS = {
    "a private key": (f"key:\n{KEY}\nend", f"key:\n{MASK}\nend"),
    "a private key in JSON": (json.dumps({"private_key": KEY, "id": 7}), f'{{"private_key": "{MASK}", "id": 7}}'),
    "a private key without its end": (KEY[:200], MASK),
    "two private keys": (f"{KEY}\nand\n{KEY}", f"{MASK}\nand\n{MASK}"),
    "a JWT": (f"token {JWT}, more", f"token {MASK}, more"),
    "a bearer token": ("Authorization: Bearer abcdefgh.12345", f"Authorization: Bearer {MASK}"),
    "a small bearer token": ("authorization: bearer abcdefgh12345=", f"authorization: bearer {MASK}"),
    "a Google access token": ("ya29.a0AfH6SMBx-1234567890", MASK),
    "a Google API key": (f"key=AIza{'Sy' * 17}1&x=1", f"key={MASK}&x=1"),
    "a GitHub token": (f"ghp_{'a1' * 18}", MASK),
    "a GitHub token of the newer kind": (f"github_pat_{'a1' * 20}", MASK),
    "a Slack token": ("xoxb-1234567890-abcdef", MASK),
    "an AWS key id": ("id AKIAIOSFODNN7EXAMPLE.", f"id {MASK}."),
    "an AWS session key id": ("id ASIAIOSFODNN7EXAMPLE.", f"id {MASK}."),
    "an API key": (f"sk-{'aB3' * 8}", MASK),
    "user and password in a URL": ("postgres://app:hunter2@db:5432/x", f"postgres://{MASK}@db:5432/x"),
    "a password alone in a URL": ("redis://:hunter2@cache:6379/0", f"redis://{MASK}@cache:6379/0"),
    "a URL in quotes": ('"https://u:p@h/" and "https://v:q@i/"', f'"https://{MASK}@h/" and "https://{MASK}@i/"'),
}


@pytest.mark.parametrize(("text", "expected"), TOKENS.values(), ids=TOKENS)
def test_a_token_is_known_by_its_shape(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


HARMLESS = [
    str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)),
    "sha256:" + "0123456789abcdef" * 4,
    "0123456789abcdef0123456789abcdef01234567",
    "tests/e2e/test_auth.py::TestTokens::test_password_reset_secret[ghp_short-sk-1]",
    "tests/test_risk.py::test_task-skeleton-with-a-very-long-name-of-its-own",
    "ultimate-test-deploy-loop-all-2025-09-14-171026",
    "backend-ntl-0123456789",
    "https://backend-abc123.a.run.app:443/health?token=1",
    "http://127.0.0.1:8080/a@b and user@host:22",
    "ws://[::1]:8080/ws",
    "2025-09-14T17:10:26.123456Z",
    "europe-docker.pkg.dev/project/repo/image@sha256:abc",
    "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIID\n-----END PUBLIC KEY-----",
    "eyJ is how a JWT begins. So it is.",
    "the bearer of bad news",
    "",
]


@pytest.mark.parametrize("text", HARMLESS, ids=lambda text: ascii(text)[1:40])
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert Redactor([PASSWORD, "secret", "e2e", "backend"]).text(text) == text


def test_a_short_value_is_no_secret_for_it_stands_in_ordinary_text() -> None:
    assert Redactor(["staging", "1234567"]).text("staging has 1234567 users") == "staging has 1234567 users"


def test_a_secret_that_is_part_of_another_does_not_uncover_the_rest() -> None:
    assert Redactor(["password", "password-of-mine"]).text("it is password-of-mine") == f"it is {MASK}"


def test_masking_twice_changes_nothing_more() -> None:
    redactor = Redactor([PASSWORD, MASK])
    for text, _ in TOKENS.values():
        once = redactor.text(f"{text} {PASSWORD}")
        assert redactor.text(once) == once


def test_the_secrets_of_an_environment_are_known_by_their_names() -> None:
    environment = {
        "API_KEY": "1",
        "APIKEY": "2",
        "NETRA_TOKEN": "3",
        "DB_PASSWORD": "4",
        "db_passwd": "5",
        "CLIENT_SECRET": "6",
        "MY_PRIVATE_KEY": "7",
        "AWS_CREDENTIALS": "8",
        "PATH": "/bin",
        "HOME": "/root",
        "KEYBOARD": "us",
    }

    assert secrets_in(environment) == list("12345678")


def test_a_secret_that_is_no_valid_text_can_be_known_too() -> None:
    secret = b"caf\xe9-caf\xe9-caf\xe9".decode("utf-8", "surrogateescape")

    assert Redactor([secret]).text(f"it is {secret}") == f"it is {MASK}"


@pytest.mark.parametrize("length", [8, 12, len(PASSWORD) - 1])
def test_what_a_cut_left_of_a_secret_is_masked_at_either_end(length: int) -> None:
    redactor = Redactor([PASSWORD])

    assert redactor.text(f"the end is {PASSWORD[:length]}") == f"the end is {MASK}"
    assert redactor.text(f"{PASSWORD[-length:]} was the start") == f"{MASK} was the start"


def test_a_token_cut_before_its_signature_is_masked() -> None:
    header, payload, _ = JWT.split(".")

    assert Redactor().text(f"GET /ws?token={header}.{payload}") == f"GET /ws?token={MASK}"


def fed(path: Path, chunks: Iterable[bytes], *secrets: str) -> Output:
    output = Output(path, Redactor(secrets))
    for chunk in chunks:
        output.feed(chunk)
    output.close()
    return output


def in_two(text: bytes, offset: int) -> list[bytes]:
    return [text[:offset], text[offset:]]


SPLIT = {
    "a known secret": (PASSWORD, [PASSWORD]),
    "a known secret that is not ASCII": (UNICODE, [UNICODE]),
    "a private key": (KEY, [line for line in KEY.splitlines() if "---" not in line]),
    "a JWT": (JWT, [JWT[-16:], JWT[:16]]),
    "a URL with a password": ("redis://user:hunter2-hunter2@cache/0", ["hunter2"]),
}


@pytest.mark.parametrize("lead", ["", "x" * 65_500 + " "], ids=["on a short line", "on a line too long to hold"])
@pytest.mark.parametrize(("text", "traces"), SPLIT.values(), ids=SPLIT)
def test_a_secret_cut_in_two_at_any_place_never_reaches_the_file(
    tmp_path: Path, lead: str, text: str, traces: list[str]
) -> None:
    content = f"{lead}{text} and so on\nlast line\n".encode()
    expected = Redactor([PASSWORD, UNICODE]).text(content.decode())
    for offset in range(len(lead), len(content) - 20):
        path = fed(tmp_path / "output.txt", in_two(content, offset), PASSWORD, UNICODE).path
        written = path.read_text(encoding="utf-8")
        assert [trace for trace in traces if trace in written] == [], f"cut at {offset}"
        assert written == expected, f"cut at {offset}"


@pytest.mark.parametrize(("text", "traces"), SPLIT.values(), ids=SPLIT)
def test_a_secret_that_comes_byte_by_byte_never_reaches_the_file(tmp_path: Path, text: str, traces: list[str]) -> None:
    content = f"one\n{text} two\n".encode()
    path = fed(tmp_path / "output.txt", (bytes([byte]) for byte in content), PASSWORD, UNICODE).path

    assert path.read_text() == Redactor([PASSWORD, UNICODE]).text(content.decode())


@pytest.mark.parametrize("place", range(60_000, 72_000, 611))
def test_a_secret_anywhere_in_a_line_without_an_end_never_reaches_the_file(tmp_path: Path, place: int) -> None:
    content = f"{'x' * place} {JWT} {PASSWORD} {'y' * 80_000}".encode()
    chunks = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    written = fed(tmp_path / "output.txt", chunks, PASSWORD).path.read_text()

    assert written == f"{'x' * place} {MASK} {MASK} {'y' * 80_000}\n"


def test_output_is_kept_as_it_came(tmp_path: Path) -> None:
    lines = [f"line {number} äöü €" for number in range(5000)]
    content = "\n".join(lines).encode()
    chunks = [content[start : start + 777] for start in range(0, len(content), 777)]

    assert fed(tmp_path / "output.txt", chunks).path.read_bytes() == content + b"\n"


def test_what_is_no_text_is_kept_as_replacement_characters(tmp_path: Path) -> None:
    output = fed(tmp_path / "output.txt", [b"a\xff\xfeb\n", b"\x00c\n", b"cut \xe2\x82"])

    assert output.path.read_text(encoding="utf-8") == "a��b\n\x00c\ncut �\n"


def test_a_command_that_says_nothing_has_an_empty_file(tmp_path: Path) -> None:
    output = fed(tmp_path / "output.txt", [])
    output.close()

    assert output.path.read_bytes() == b""


def test_a_flood_is_cut_with_a_note_and_ends_with_its_last_lines(tmp_path: Path) -> None:
    line = b"x" * 99 + b"\n"
    count = OUTPUT_CAP // 100 + 1000
    chunks = [line * 500] * (count // 500) + [b"the very last line\n"]
    output = fed(tmp_path / "output.txt", chunks)

    written = output.path.read_bytes()
    total = sum(map(len, chunks))
    digest = hashlib.sha256(b"".join(chunks)).hexdigest()
    note = f"\n[{total - OUTPUT_CAP} bytes cut here, sha256 of all {digest}; the last lines follow]\n"
    head, _, tail = written.partition(note.encode())
    assert head == (line * count)[:OUTPUT_CAP]
    assert tail.splitlines() == [line.strip()] * (TAIL_LINES - 1) + [b"the very last line"]
    assert output.evidence("it", SessionFolder(tmp_path)).truncated


def test_the_evidence_is_the_last_lines_within_bounds_with_name_and_digest(tmp_path: Path) -> None:
    output = fed(tmp_path / "output.txt", [b"".join(b"line %d\n" % number for number in range(60))])
    evidence = output.evidence("output of it", SessionFolder(tmp_path))

    assert evidence.excerpt.splitlines() == [f"line {number}" for number in range(60 - EXCERPT_LINES, 60)]
    assert (evidence.title, evidence.ref, evidence.truncated) == ("output of it", "output.txt", True)
    assert len(evidence.sha256) == 64

    long = fed(tmp_path / "long.txt", [b"y" * 50_000 + b"\n"]).evidence("it", SessionFolder(tmp_path))
    assert long.excerpt == "y" * EXCERPT_BYTES
    short = fed(tmp_path / "short.txt", [b"all of it\n"]).evidence("it", SessionFolder(tmp_path))
    assert (short.excerpt, short.truncated) == ("all of it", False)


def test_output_that_cannot_be_kept_is_a_storage_error() -> None:
    output = Output(Path("/dev/full"), Redactor())
    with pytest.raises(StorageError, match="cannot write /dev/full: No space left on device"):
        for _ in range(100):
            output.feed(b"x" * 1000 + b"\n")
    with pytest.raises(StorageError, match="No space left on device"):
        output.close()
    output.close()


FLOODS: dict[str, str] = {
    "a line of 25 MB": "[b'x' * 65536] * 400",
    "12 MB of lines": "[(b'2025-09-14 INFO request /health status=200' + b'\\n') * 1490] * 200",
    "6 MB of what looks like the begin of a token": "[b'eyJ-' * 16384] * 5 + [b'Bearer ' + b'a' * 65536] * 100",
    "a private key of 6 MB": "[b'-----BEGIN PRIVATE KEY-----' + b'\\n'] + [b'A' * 65536] * 100",
}

MEASURED = """
import resource, sys, time
from pathlib import Path
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import Output

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

output = Output(Path(sys.argv[1]), Redactor(["a-known-secret-of-ours"]))
before = peak()
for chunk in CHUNKS:
    output.feed(chunk)
output.close()
print(peak() - before)
"""


@pytest.mark.parametrize("chunks", FLOODS.values(), ids=FLOODS)
def test_a_flood_takes_little_memory(tmp_path: Path, chunks: str) -> None:
    grown = int(told_by_python(MEASURED.replace("CHUNKS", chunks), str(tmp_path / "output.txt")))

    assert grown < 32 * 1024, f"{grown} KiB"
    assert (tmp_path / "output.txt").stat().st_size < OUTPUT_CAP + 2 * 1024 * 1024
