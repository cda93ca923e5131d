"""What the worklog tells of acts: each iteration, phase and step, and every test with its proof."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from netra_loop.views.controls import control
from netra_loop.views.encode import code, fenced
from netra_loop.views.markdown import codes, evidence, figure, table

Document = dict[str, Any]

_COUNTS = ("collected", "passed", "failed", "error", "skipped", "xfailed", "xpassed", "timeout", "not_run", "flaky")
_PROOFS = ("confirmed", "proven", "unproven", "suspect", "bypassed")
_TEST_COLUMNS = ("Test", "Outcome", "Proof", "Sensitive", "Duration", "Bytes from target", "Attempts", "Reasons")
_YES_NO = {True: "yes", False: "no", None: "-"}


def execution(document: Document) -> list[str]:
    """The chapter, line by line."""
    lines = ["## Execution log"]
    for iteration in document["iterations"]:
        lines += ["", f"### Iteration {figure(iteration['number'])}, begun {iteration['begun']}"]
        suites = {suite["id"]: suite for suite in iteration["suites"]}
        for each in iteration["verifications"]:
            lines += ["", *_verification(each)]
        for phase in iteration["phases"]:
            lines += ["", *_phase(phase, suites)]
        for title, acts in (("Causes and remedies", iteration["follow_ups"]), ("Traffic", iteration["shifts"])):
            if acts:
                lines += ["", f"#### {title}", *(line for act in acts for line in ("", *_act(act)))]
    return lines


def _verification(each: Document) -> list[str]:
    """Exactly the tests that remedies were to turn green, run alone before the suites."""
    head = [
        f"#### Verification of remedies with {figure(each['wanted'])} tests of {code(each['suite'])}, alone and first",
        "",
        *_act(each | {"seen": None}),
        "",
    ]
    return [*head, *table(_TEST_COLUMNS, map(_test, each["tests"]))]


def _phase(phase: Document, suites: dict[str, Document]) -> list[str]:
    lines = [
        f"#### Phase {code(phase['id'])}: {code(phase['title'])}",
        "",
        f"Outcome: {phase['outcome'] or 'open'}. Started: {phase['started'] or '-'}. Ended: {phase['ended'] or '-'}.",
    ]
    for step in phase["steps"]:
        if step["kind"] == "control":
            lines += ["", *_act(step | {"seen": None}), *control(step["seen"])]
            continue
        lines += ["", *_act(step)]
        if step["kind"] == "suite":
            lines += ["", *_suite(suites[step["subject"]])]
    return lines


def _act(act: Document) -> list[str]:
    """One act: what was done, literally, and what was seen."""
    lines = [
        f"**{code(act['id'])}** ({act['kind']}): {act['outcome'] or 'open'}{_because(act['reasons'])}. "
        f"Duration {figure(act['duration_s'], 's')}, attempts {figure(act['attempts'])}."
    ]
    seen = act["seen"] or {}
    handle = {name: value for name, value in sorted(act["handle"].items()) if seen.get(name) != value}
    lines += [f"- {name}: {code(value)}" for name, value in handle.items()]
    lines += [f"- {name}: {_seen(value)}" for name, value in seen.items()]
    for each in act["evidence"]:
        lines += evidence(each, quoted=act["outcome"] != "passed")
    return lines


def _because(reasons: Sequence[str]) -> str:
    return f", because {', '.join(map(code, reasons))}" if reasons else ""


def _seen(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int | float):
        return figure(value)
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _suite(suite: Document) -> list[str]:
    counts, proof = suite["counts"], suite["proof"]
    lines = [
        f"Suite {code(suite['id'])} ({suite['priority']}), {code(suite['file'])}, "
        f"declared {figure(suite['declared'])}, gate: failures {code(suite['gate']['allowed_failures'])}, "
        f"skipped {figure(suite['gate']['max_skipped'])}.",
        "",
        *table(_COUNTS, [[figure(counts[name]) for name in _COUNTS]]),
        "",
        f"Proof of the passed: {', '.join(f'{figure(proof[name])} {name}' for name in _PROOFS)}.",
        "",
    ]
    lines += table(_TEST_COLUMNS, map(_test, suite["tests"]))
    for test in suite["tests"]:
        if test["message"] and test["outcome"] in ("failed", "error", "skipped"):
            lines += ["", f"{code(test['id'])} said:", "", fenced(test["message"])]
    return lines


def _test(test: Document) -> tuple[str, ...]:
    return (
        code(test["id"]),
        test["outcome"],
        test["proof"] or test["contact"] or "-",
        _YES_NO[test["sensitive"]],
        figure(test["duration_s"], "s"),
        figure(test["bytes_in"]),
        figure(test["attempts"]),
        codes(test["reasons"]),
    )
