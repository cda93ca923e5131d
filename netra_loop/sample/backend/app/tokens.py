"""Signed tokens: who is calling, and in which session."""

import time
from dataclasses import dataclass

import jwt

from .errors import unauthorized

ALGORITHM = "HS256"
LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Identity:
    user: str
    session: str


class Tokens:
    """Issues and reads JSON Web Tokens under one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, identity: Identity) -> str:
        now = int(time.time())
        claims = {"sub": identity.user, "sid": identity.session, "iat": now, "exp": now + LIFETIME_S}
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: str) -> Identity:
        """Who the token speaks for. Raises a 401 that says whether it expired or was never ours."""
        try:
            claims = jwt.decode(token, self._secret, [ALGORITHM], options={"require": ["sub", "sid", "exp"]})
        except jwt.ExpiredSignatureError as error:
            raise unauthorized("token_expired", "the token has expired; log in again") from error
        except jwt.InvalidTokenError as error:
            raise unauthorized("token_invalid", "the token was not signed by this service") from error
        return Identity(claims["sub"], claims["sid"])

    def read_header(self, authorization: str) -> Identity:
        """Who an Authorization header speaks for."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("token_missing", "send the header 'Authorization: Bearer <token>'")
        return self.read(token.strip())
