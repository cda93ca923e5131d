"""Where the targets live, and what may be done there: as an environment's file says, resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from netra_loop.core.compliance import Checker
from netra_loop.core.errors import UsageError
from netra_loop.core.target import Target


class UserMode(Enum):
    """Who a suite's test user is shared with: nobody while the suite runs, or every suite."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Users:
    """The test users of an environment; SHARED means that every suite is the first of them."""

    pool: tuple[str, ...]
    mode: UserMode = UserMode.EXCLUSIVE


class RemedyMode(Enum):
    """What is done about causes that are found: nothing, what a person agrees to, or what the bounds allow."""

    OFF = "off"
    ASK = "ask"
    APPLY = "apply"


class Deployer(Enum):
    """Who makes revisions: gcloud where it is installed, always gcloud, or the Admin API."""

    AUTO = "auto"
    GCLOUD = "gcloud"
    API = "api"


ANSWER_TIMEOUT = 300.0  # seconds in which a person may answer


COMMAND_TIMEOUT = 300.0  # seconds for the program of a remedy of kind `command`


@dataclass(frozen=True, slots=True)
class OutsideProgram:
    """What is asked about red tests that no known cause explains, in `timeout` seconds; it only ever gives hypotheses.

    env: the variables that it is given beyond the usual ones, None for the value that they have here.
    """

    argv: tuple[str, ...]
    timeout: float = 60.0
    env: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the targets live. endpoint is `google` or `embedded`; timeouts are for suites, in seconds by name.

    agent: the coding agent that is asked to repair what nothing else does. remedy_modes: for kinds of remedies that may
    do less than `remedies` says. protect: what no remedy may change, beyond what is always protected.
    """

    name: str
    endpoint: str
    project: str
    region: str
    targets: tuple[Target, ...]
    users: Users | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    remedies: RemedyMode = RemedyMode.OFF
    deployer: Deployer = Deployer.AUTO
    diagnose: OutsideProgram | None = None
    compliance: Checker | None = None
    agent: OutsideProgram | None = None
    remedy_modes: Mapping[str, RemedyMode] = field(default_factory=dict)
    protect: tuple[str, ...] = ()

    def target(self, name: str) -> Target:
        return next(target for target in self.targets if target.name == name)

    def named(self, names: Sequence[str]) -> tuple[Target, ...]:
        """The targets with these names, all for none. Raises UsageError for one that is not declared."""
        known = {target.name: target for target in self.targets}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(f"no such service: {', '.join(unknown)}", f"known are: {', '.join(known)}")
        return tuple(known[name] for name in dict.fromkeys(names)) or self.targets
