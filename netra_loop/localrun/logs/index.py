"""The columns by which a kept log entry is found, and conditions on them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from netra_loop.localrun import clock
from netra_loop.localrun.fields import Document
from netra_loop.localrun.logs.lifting import SEVERITIES

RANKS = {name: number for number, name in SEVERITIES.items()}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
END_OF_TIME = 2**62
MOST_VALUES = 100  # with more of them the expression could be too deep for SQLite
LABELLED = {
    ("resource", "type"): "resource_type",
    ("resource", "labels", "service_name"): "service",
    ("resource", "labels", "revision_name"): "revision",
    ("resource", "labels", "job_name"): "job",
    ("labels", "run.googleapis.com/execution_name"): "execution",
    ("trace",): "trace",
}
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
COLUMNS = ("time", "severity", "project", "log_id", *LABELLED.values(), "entry")

Row = tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What entries must satisfy at least: their time, both ends included, and SQL on their columns, empty for all."""

    since: int = -END_OF_TIME
    until: int = END_OF_TIME
    sql: str = ""
    values: tuple[int | str, ...] = ()


EVERYTHING = Condition()


def row(entry: Document) -> Row:
    """The values of COLUMNS for a LogEntry. What UTF-8 cannot hold, a lone surrogate, becomes a question mark."""
    project, log_id = split_log_name(entry["logName"])
    labelled = (_text_at(entry, path) for path in LABELLED)
    text = COMPACT.encode(entry).encode(errors="replace").decode()
    return microseconds(clock.parse(entry["timestamp"])), rank(entry.get("severity")), project, log_id, *labelled, text


def rank(severity: object) -> int:
    """The number of a severity; none is DEFAULT."""
    return RANKS.get(str(severity), 0)


def microseconds(moment: datetime) -> int:
    """A point in time, counted from 1970."""
    return (moment - EPOCH) // MICROSECOND


def normal(text: str) -> str:
    """A text as columns hold it; comparisons in filters ignore case."""
    return text.lower().encode(errors="replace").decode()


def split_log_name(name: str) -> tuple[str, str]:
    """The project and the id of a log, as columns hold them."""
    owner, _, log = name.partition("/logs/")
    return normal(owner.removeprefix("projects/")), normal(unquote(log))


def time_condition(symbol: str, moment: int) -> Condition:
    """What a comparison of the timestamp demands."""
    match symbol:
        case "=":
            return Condition(since=moment, until=moment)
        case ">" | ">=":
            return Condition(since=moment + (symbol == ">"))
        case "<" | "<=":
            return Condition(until=moment - (symbol == "<"))
        case _:
            return EVERYTHING


def text_condition(path: tuple[str, ...], symbol: str, value: str) -> Condition:
    """What a comparison with a text demands. A missing field may be equal to an empty text, a column is not."""
    if symbol != "=" or not value:
        return EVERYTHING
    if path == ("logName",):
        project, log_id = split_log_name(value)
        return both([column_condition("project", "=", project), column_condition("log_id", "=", log_id)])
    return column_condition(LABELLED[path], "=", normal(value)) if path in LABELLED else EVERYTHING


def column_condition(column: str, symbol: str, value: int | str) -> Condition:
    """What a comparison of one column demands; `symbol` is an operator that SQL writes the same way."""
    return Condition(sql=f"{column} {symbol} ?", values=(value,))


def both(conditions: Iterable[Condition]) -> Condition:
    """All of the conditions, or as many of the first of them as SQLite can take."""
    joined = EVERYTHING
    for one in conditions:
        since, until = max(joined.since, one.since), min(joined.until, one.until)
        fits = len(joined.values) + len(one.values) <= MOST_VALUES
        sql = " AND ".join(filter(None, (joined.sql, one.sql))) if fits else joined.sql
        joined = Condition(since, until, sql, joined.values + one.values if fits else joined.values)
    return joined


def either(conditions: Iterable[Condition]) -> Condition:
    """At least one of the conditions, of which there must be some."""
    told = list(conditions)
    since, until = min(one.since for one in told), max(one.until for one in told)
    values = tuple(value for one in told for value in one.values)
    if not all(one.sql for one in told) or len(values) > MOST_VALUES:
        return Condition(since, until)
    return Condition(since, until, "(" + " OR ".join(f"({one.sql})" for one in told) + ")", values)


def _text_at(entry: Document, path: tuple[str, ...]) -> str | None:
    value: object = entry
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return normal(value) if isinstance(value, str) else None
