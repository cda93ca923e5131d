"""JSON Web Tokens, signed with the key that is shared with the services that read them."""

import time
from uuid import uuid4

import jwt

ALGORITHM = "HS256"
LIFETIME_S = 3600


def issue(user: str, key: str) -> str:
    """A token that speaks for the user for an hour, in a session of its own."""
    now = int(time.time())
    claims = {"sub": user, "sid": uuid4().hex, "iat": now, "exp": now + LIFETIME_S}
    return jwt.encode(claims, key, ALGORITHM)
