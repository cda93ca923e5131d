"""Signed tokens: who is calling, and in which session. The auth service signs them with the key that is shared."""

from dataclasses import dataclass

import jwt

from .errors import unauthorized

ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Identity:
    user: str
    session: str


class Tokens:
    """Reads JSON Web Tokens signed with one key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def read(self, token: str) -> Identity:
        """Who the token speaks for. Raises a 401 that says whether it expired or was never ours."""
        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options={"require": ["sub", "sid", "exp"]})
        except jwt.ExpiredSignatureError as error:
            raise unauthorized("token_expired", "the token has expired; log in again") from error
        except jwt.InvalidTokenError as error:
            raise unauthorized("token_invalid", "the token was not signed by the auth service") from error
        return Identity(claims["sub"], str(claims["sid"]))


def bearer_token(authorization: str) -> str:
    """The token in an Authorization header; anything else there is a 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("token_missing", "send the header 'Authorization: Bearer <token>'")
    return token.strip()
