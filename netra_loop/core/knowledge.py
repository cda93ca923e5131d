"""What is known of causes, as data: what each why must see, and the remedy that fits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class FailureText:
    """Red tests whose failure text holds a match of this regular expression."""

    pattern: str


@dataclass(frozen=True, slots=True)
class StepText:
    """Deploys that did not pass, whose reasons hold a match; every cause begins with this, a check or a failure."""

    pattern: str


@dataclass(frozen=True, slots=True)
class CheckText:
    """Deploys and checks that did not pass, one line of whose reasons is a match as a whole.

    A check may quote what the service said of itself, which must not be taken for our own words.
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class Logged:
    """Log entries of the tests' targets, each in the window of such a test, whose message holds a match."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Entries on the end of an instance; the last traceback that it wrote before is among what the why before found."""

    pattern: str


@dataclass(frozen=True, slots=True)
class SlowWork:
    """Entries of completed work, the 95th percentile of whose durations is above the limit that they name.

    duration and limit are fields of the entry, in seconds. same: a field that must have one of the values that it has
    in the entries the why before found, so that other work of the same service says nothing.
    """

    pattern: str
    duration: str
    limit: str
    same: str = ""


@dataclass(frozen=True, slots=True)
class DependencyDown:
    """A declared dependency of the tests' targets that their health answers show down."""


@dataclass(frozen=True, slots=True)
class AddressDiffers:
    """That dependency has another declared address than the one its target was deployed with."""


@dataclass(frozen=True, slots=True)
class AddressDeclared:
    """That dependency has the very address that its target was deployed with."""


@dataclass(frozen=True, slots=True)
class PortDiffers:
    """Log entries of a target whose only group is a port, another than the one the platform said it must listen on."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Untouched:
    """The service answered none of these tests anything, nor any other red test of their suites."""


@dataclass(frozen=True, slots=True)
class UserShared:
    """Suites ran side by side as the same user, one of the tests' among them."""


@dataclass(frozen=True, slots=True)
class PassedSpared:
    """No test of those targets that passed ran while such an entry was written, and the service failed the red ones."""


@dataclass(frozen=True, slots=True)
class PassedWarm:
    """The red tests were served by instances of such entries, those that passed by others, which ran before."""


Look = (
    FailureText
    | StepText
    | CheckText
    | Logged
    | Ended
    | SlowWork
    | DependencyDown
    | AddressDiffers
    | AddressDeclared
    | PortDiffers
    | Untouched
    | UserShared
    | PassedSpared
    | PassedWarm
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One why: what is claimed, and what must be seen for it to be more than a hypothesis."""

    text: str
    look: Look


class Seat(Enum):
    """What a remedy changes: a service (a new revision), or only how this session tests."""

    SERVICE = "service"
    HARNESS = "harness"


class RemedyKind(Enum):
    """What a remedy does. Those that change code do it in a copy of the project's commit, never in the user's tree."""

    SET_ENV = "set_env"  # a variable of a service
    SET_RESOURCES = "set_resources"  # memory, cpu, concurrency, instances or request timeout of a service
    RESTART = "restart"  # a new revision of the same
    ROLLBACK = "rollback"  # a new revision of the last good one's image
    LEASE_USERS = "lease_users"  # every suite a test user of its own
    PATCH = "patch"  # a diff of a service's source: a file of the project, or back to the last good commit
    CONFIG_EDIT = "config_edit"  # one key of a file in a service's source
    COMMAND = "command"  # a program changes a service's source
    AGENT = "agent"  # a coding agent changes a service's source

    @property
    def seat(self) -> Seat:
        return Seat.HARNESS if self is RemedyKind.LEASE_USERS else Seat.SERVICE

    @property
    def changes_code(self) -> bool:
        """Whether it changes files, so that others must judge its diff before it is applied."""
        return self in (RemedyKind.PATCH, RemedyKind.CONFIG_EDIT, RemedyKind.COMMAND, RemedyKind.AGENT)


class Derivation(Enum):
    """Where the value of a remedy comes from, if it does not stand in the knowledge itself.

    LAST_GOOD: what the last good revision had, or the source of the last good commit. RAISED: what is now, times the
    headroom.
    """

    P95 = "p95"
    ADDRESS = "address"
    LAST_GOOD = "last_good"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class Treatment:
    """The remedy of a cause, within its bounds.

    variable: what SET_ENV sets, or the setting of SET_RESOURCES. headroom: what a derived value is multiplied by. cap:
    the most that it may become, in seconds; most: the same for a setting. file: the diff of PATCH, or what CONFIG_EDIT
    edits, relative to the service's source: `key` to `value`. argv: the program of COMMAND.
    """

    kind: RemedyKind
    derived: Derivation | None = None
    variable: str = ""
    headroom: float = 1.0
    cap: float | None = None
    most: str = ""
    file: str = ""
    key: str = ""
    value: str = ""
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause and the chain of claims that ends in it."""

    id: str
    title: str
    whys: tuple[Claim, ...]
    treatment: Treatment | None = None
