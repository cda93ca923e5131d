"""What the suites are worth, as the index declares it: proven, at risk, or not looked at. Nothing is estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from netra_loop.core.plan import Suite
from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]
_KINDS = ("proven", "at_risk", "not_looked_at")
_NOT_LOOKED_AT = (None, "skipped")


def value_of(suites: Sequence[Suite], iteration: Document | None) -> Document:
    """The declared value of an iteration's suites: proven where they passed and every pass counts, else at risk.

    An amount of a priority is proven by all suites of that priority together, also those with a value of their own. It
    counts once; sums are over one unit. Suites that did not run are in neither list; not_looked_at: amounts of which
    no suite ran.
    """
    told = {suite["id"]: suite for suite in (iteration["suites"] if iteration else ())}
    ran = {name: suite for name, suite in told.items() if suite["outcome"] not in _NOT_LOOKED_AT}
    kinds = {owner: _kind(owner, suites, ran) for owner in map(_owner, suites)}
    rows = [(kinds[_owner(suite)], _row(suite, ran[suite.id])) for suite in suites if suite.value and suite.id in ran]
    return {
        "at_risk": [row for kind, row in rows if kind == "at_risk"],
        "proven": [row for kind, row in rows if kind == "proven"],
        "totals": _totals(suites, kinds),
    }


def _owner(suite: Suite) -> str:
    """What a suite's value was declared for; words are told for the suite alone."""
    return suite.worth.declared_for if suite.worth else suite.id


def _kind(owner: str, suites: Sequence[Suite], ran: Mapping[str, Document]) -> str:
    names = [suite.id for suite in suites if owner in (suite.id, suite.priority)]
    if not any(name in ran for name in names):
        return "not_looked_at"
    return "proven" if all(name in ran and _is_proven(ran[name]) for name in names) else "at_risk"


def _is_proven(told: Document) -> bool:
    every_pass_counts: bool = 0 < told["counted"] == told["counts"]["passed"]
    return told["outcome"] == "passed" and every_pass_counts


def _row(suite: Suite, told: Document) -> Document:
    worth = suite.worth
    return {
        "suite": suite.id,
        "value": suite.value,
        "amount": worth.amount if worth else None,
        "unit": worth.unit if worth else None,
        "declared_for": worth.declared_for if worth else None,
        "source": worth.source if worth else None,
        "counted": told["counted"],
        "collected": told["counts"]["collected"],
    }


def _totals(suites: Sequence[Suite], kinds: Mapping[str, str]) -> list[Document]:
    """One row a unit; added as decimals, as people add them."""
    sums: dict[str, dict[str, Decimal]] = {}
    for owner, worth in {suite.worth.declared_for: suite.worth for suite in suites if suite.worth}.items():
        of_unit = sums.setdefault(worth.unit, dict.fromkeys(_KINDS, Decimal()))
        of_unit[kinds[owner]] += Decimal(repr(worth.amount))
    return [{"unit": unit} | {kind: float(amount) for kind, amount in kept.items()} for unit, kept in sums.items()]


def value_told(value: Document) -> list[str]:
    """The same in words: each declared value with its counted passes, and the sums."""
    lines = [f"Value {word}: {_rows(value[key])}" for word, key in (("proven", "proven"), ("at risk", "at_risk"))]
    if value["totals"]:
        rows = [(code(each["unit"]), *(figure(each[kind]) for kind in _KINDS)) for each in value["totals"]]
        lines += ["", *table(("Unit", "Proven", "At risk", "Not looked at"), rows)]
    return lines


def _rows(rows: Sequence[Document]) -> str:
    return ", ".join(map(_told, rows)) or "none"


def _told(row: Document) -> str:
    shared = f" of {code(row['declared_for'])}" if row["declared_for"] not in (None, row["suite"]) else ""
    source = f", declared in {code(row['source'])}" if row["source"] else ""
    passes = f"{figure(row['counted'])} counted passes of {figure(row['collected'])}"
    return f"{code(row['value'])}{shared} by {code(row['suite'])} ({passes}{source})"
