"""What an environment consists of: each service, how it is reached, and what it must be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something a target needs, as its health answer reports it; pointer is a JSON pointer (RFC 6901) to its state.

    address is where it is, variable the one that tells the target so; with a source the local environment starts it.
    """

    name: str
    pointer: str
    required: bool
    address: str = ""
    variable: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One more path that must answer as declared for its service to be healthy; content_type empty for any."""

    path: str
    status: int = 200
    expect: Mapping[str, Scalar] = field(default_factory=dict)
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Healthy means: status and every expectation hold, `consecutive` times in a row, before `deadline` seconds.

    spread: seconds that the good answers in a row must cover; failures: how many bad answers after the first good one
    are forgiven; max_p95: seconds that 95 of 100 answers may take at most, None for any; redirects: hosts that an
    answer may lead to; endpoints: what else must answer.
    """

    path: str
    status: int = 200
    expect: Mapping[str, Scalar] = field(default_factory=dict)
    content_type: str = ""
    consecutive: int = 3
    interval: float = 0.2
    spread: float = 0.0
    failures: int = 3
    deadline: float = 30.0
    max_p95: float | None = None
    redirects: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class WebSocketCheck:
    """What must come over a new connection. `first` and `event` map JSON pointers to values.

    Seconds: open_deadline for the handshake, first_deadline for the first message after it, deadline for all.
    connections: how many are opened side by side.
    """

    path: str
    first: Mapping[str, Scalar] = field(default_factory=dict)
    send: str = ""
    event: Mapping[str, Scalar] = field(default_factory=dict)
    open_deadline: float = 5.0
    first_deadline: float = 5.0
    deadline: float = 10.0
    connections: int = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Where an answer names the revision that gave it: a response header, or a JSON pointer into the body."""

    path: str = "/"
    header: str = ""
    pointer: str = ""


class AccessKind(Enum):
    """Whom a service lets in: everybody, callers with an ID token, those that IAP knows, or those with some token."""

    NONE = "none"
    IAM = "iam"
    IAP = "iap"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Access:
    """How we come in. audience: whom the token is for; empty for the service's base URL, also at the URL of a tag.

    impersonate: the service account to be; argv: the command that prints a token.
    """

    kind: AccessKind = AccessKind.NONE
    audience: str = ""
    impersonate: str = ""
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """Another target that this one calls, and the variable that tells it where: always the base URL, never a tag's.

    candidate: it needs the revision that is deployed now, so it is deployed itself once that has been promoted.
    """

    name: str
    variable: str
    candidate: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One service of the environment. `name` is its key in the YAML, `service` its name on Cloud Run.

    A variable in `env` without a value is taken from our own environment when the service is deployed. requires: the
    variables that a revision must have, whoever sets them; imports: modules of its source folder that must import.
    insecure: its certificate is not checked. local: it runs on this machine, on the embedded Cloud Run.
    """

    name: str
    service: str
    source: str = ""
    image: str = ""
    env: Mapping[str, str | None] = field(default_factory=dict)
    health: HealthCheck | None = None
    websocket: WebSocketCheck | None = None
    dependencies: tuple[Dependency, ...] = ()
    identity: Identity | None = None
    access: Access = field(default_factory=Access)
    peers: tuple[Peer, ...] = ()
    requires: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    insecure: bool = False
    local: bool = False


def health_deadline(target: Target) -> float:
    """The seconds that one health check of a target may take."""
    return target.health.deadline if target.health else 0.0
