"""What the suites are worth, as the index declares it: proven, at risk, or not looked at. Nothing is estimated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netra_loop.core.plan import Suite
from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]
_NOT_LOOKED_AT = (None, "skipped")


def value_of(suites: Sequence[Suite], iteration: Document | None) -> Document:
    """The declared value of an iteration's suites: proven by a passed suite, else at risk.

    A suite passes only with proof, within its gate. An amount that is declared for a priority counts once, proven where
    every suite of it has passed; sums are over one unit. not_looked_at: amounts none of whose suites ran.
    """
    told = {suite["id"]: suite for suite in (iteration["suites"] if iteration else ())}
    rows = {
        suite.id: _row(suite, told[suite.id])
        for suite in suites
        if suite.value and suite.id in told and told[suite.id]["outcome"] not in _NOT_LOOKED_AT
    }
    passed = {name for name in rows if told[name]["outcome"] == "passed"}
    return {
        "at_risk": [row for name, row in rows.items() if name not in passed],
        "proven": [row for name, row in rows.items() if name in passed],
        "totals": list(_totals(suites, rows, passed)),
    }


def _row(suite: Suite, told: Document) -> Document:
    worth = suite.worth
    return {
        "suite": suite.id,
        "value": suite.value,
        "declared_for": worth.declared_for if worth else None,
        "source": worth.source if worth else None,
        "counted": told["counted"],
        "collected": told["counts"]["collected"],
    }


def _totals(suites: Sequence[Suite], rows: Mapping[str, Document], passed: set[str]) -> Iterator[Document]:
    owners = {suite.worth.declared_for: suite.worth for suite in suites if suite.worth}
    of = {owner: [s.id for s in suites if s.worth and s.worth.declared_for == owner] for owner in owners}
    for unit in dict.fromkeys(worth.unit for worth in owners.values()):
        sums = {"proven": 0.0, "at_risk": 0.0, "not_looked_at": 0.0}
        for owner, worth in owners.items():
            if worth.unit == unit:
                ran = [name for name in of[owner] if name in rows]
                kind = "not_looked_at" if not ran else "proven" if passed.issuperset(of[owner]) else "at_risk"
                sums[kind] += worth.amount
        yield {"unit": unit} | sums


def value_told(value: Document) -> list[str]:
    """The same in words: each declared value with its counted passes, and the sums."""
    lines = [f"Value {word}: {_rows(value[key])}" for word, key in (("proven", "proven"), ("at risk", "at_risk"))]
    if value["totals"]:
        names = ("proven", "at_risk", "not_looked_at")
        rows = [(code(each["unit"]), *(figure(each[name]) for name in names)) for each in value["totals"]]
        lines += ["", *table(("Unit", "Proven", "At risk", "Not looked at"), rows)]
    return lines


def _rows(rows: Sequence[Document]) -> str:
    return ", ".join(map(_told, rows)) or "none"


def _told(row: Document) -> str:
    source = f", declared in {code(row['source'])}" if row["source"] else ""
    passes = f"{figure(row['counted'])} counted passes of {figure(row['collected'])}"
    return f"{code(row['value'])} by {code(row['suite'])} ({passes}{source})"
