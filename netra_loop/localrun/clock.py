"""Wall-clock times as the APIs write them."""

import re
from datetime import UTC, datetime

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def now() -> str:
    """This moment, RFC 3339 in UTC with microseconds, such as 2026-01-31T12:00:00.000000Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """An RFC 3339 time or date; without an offset it is UTC. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def in_utc(text: str) -> str:
    """An RFC 3339 time as the APIs write it back, in UTC and with its fraction. Raises ValueError for anything else."""
    found = RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no RFC 3339 time")
    try:
        moment = parse(text).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"'{text}' is out of range") from None
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}{found[1] or ''}Z"


def from_seconds(seconds: int, nanos: int) -> str:
    """The RFC 3339 time so long after 1970. Raises ValueError when there is none."""
    if not 0 <= nanos < 10**9:
        raise ValueError(f"{nanos} nanoseconds are no part of a second")
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError(f"{seconds} seconds are out of range") from None
    return f"{moment.replace(tzinfo=None).isoformat()}.{nanos:09}Z"
