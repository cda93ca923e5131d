"""Wall-clock times as the APIs write them."""

import re
from datetime import UTC, datetime
from typing import Any

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def now() -> str:
    """This moment, RFC 3339 in UTC with microseconds, such as 2026-01-31T12:00:00.000000Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """An RFC 3339 time or date; without an offset it is UTC. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_timestamp(value: Any) -> bool:
    """Whether a JSON value is a point in time that protobuf's JSON accepts."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return False
    try:
        parse(value)
    except ValueError:
        return False
    return True
