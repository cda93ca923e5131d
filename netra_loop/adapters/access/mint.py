"""Where a token comes from: Google's libraries with the credentials of this machine, gcloud, or a command."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import assert_never

from netra_loop.core.target import Access, AccessKind

DEADLINE = 20.0  # seconds for one command
LONGEST = 16_384  # characters of a token
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


class NoToken(Exception):
    """No token can be had."""


def mint(access: Access) -> str:
    """A token for an audience; blocks. Raises NoToken."""
    match access.kind:
        case AccessKind.COMMAND:
            return _printed(access.argv)
        case AccessKind.IAM | AccessKind.IAP:
            try:
                return _by_google(access)
            except Exception as error:
                return _by_gcloud(access, f"{type(error).__name__}: {error}")
        case AccessKind.NONE:
            raise NoToken("nobody asks for one")
        case _:
            assert_never(access.kind)


def _by_google(access: Access) -> str:
    """An ID token by google-auth. Raises whatever google-auth does, which has no error for all of it."""
    from google.auth import default, impersonated_credentials
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token

    request = Request()
    if not access.impersonate:
        return str(fetch_id_token(request, access.audience))  # type: ignore[no-untyped-call]
    source, _ = default(scopes=_SCOPES)
    account = impersonated_credentials.Credentials(source, access.impersonate, _SCOPES)  # type: ignore[no-untyped-call]
    found = impersonated_credentials.IDTokenCredentials(account, access.audience, include_email=True)  # type: ignore[no-untyped-call]
    found.refresh(request)
    return str(found.token)


def _by_gcloud(access: Access, before: str) -> str:
    """The same by gcloud, which also knows people; theirs are tokens without an audience of our choice."""
    if shutil.which("gcloud") is None:
        raise NoToken(f"no ID token can be had: {before[:300]} (a service account's credentials, or gcloud, give one)")
    argv = ["gcloud", "auth", "print-identity-token", "--quiet"]
    account = [f"--impersonate-service-account={access.impersonate}"] if access.impersonate else []
    try:
        return _printed((*argv, f"--audiences={access.audience}", *account))
    except NoToken:
        if account or access.kind is AccessKind.IAP:
            raise
        return _printed(argv)


def _printed(argv: tuple[str, ...] | list[str]) -> str:
    """The first line that a command prints. Raises NoToken."""
    environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoToken(f"{argv[0]} gave no token in {DEADLINE:g} s") from None
    except OSError as error:
        raise NoToken(f"{argv[0]} cannot be run: {error.strerror}") from error
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    token = lines[0].strip() if lines else ""
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise NoToken(f"{argv[0]} ended with exit {done.returncode}: {said}")
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise NoToken(f"{argv[0]} printed no token")
    return token
