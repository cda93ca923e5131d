"""The worklog: the result told as Markdown, in the order of CONTRACTS section 7.

It prints from the document of `views.result` and from nothing else: every figure through `figure`, every text that came
from outside through `code` or `fenced`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from netra_loop.views.compliance import compliance
from netra_loop.views.deployment import deployment
from netra_loop.views.encode import code, visible
from netra_loop.views.execution import execution
from netra_loop.views.latencies import latencies
from netra_loop.views.markdown import codes, evidence, figure, table
from netra_loop.views.patterns import of_good_session, patterns
from netra_loop.views.signals import signals
from netra_loop.views.story import consulted, ledger, overview, problem
from netra_loop.views.value import value_told

Document = dict[str, Any]

_METRICS = ("Suite", "Collected", "Passed", "Counted", "Failed", "Error", "Skipped", "Timeout", "Not run", "Duration")
_NOT_CONFIGURED = "not configured"


def worklog(document: Document) -> str:
    """The whole worklog; its last line carries the number of the last entry and the digest of what stands above."""
    sections = (
        _first_line,
        _header,
        _summary,
        deployment,
        _selection,
        execution,
        _analysis,
        _remediation,
        _logs,
        _compliance,
        _next_actions,
        _previous,
    )
    lines = [line for section in sections for line in (*section(document), "")]
    body = "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before) + "\n"
    state = "final" if document["verdict"] else "in-progress"
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{body}<!-- netra-loop seq={document['last_entry']} state={state} sha256={digest} -->\n"


def is_whole(text: str) -> bool:
    """Whether a worklog stands as it was written: its last line carries the digest of all above it."""
    body, mark, footer = text.rpartition("<!-- netra-loop ")
    return bool(mark) and footer.endswith(f"sha256={hashlib.sha256(body.encode()).hexdigest()} -->\n")


def headline(document: Document) -> str:
    """The verdict in words and numbers, on one line."""
    told = document["headline"]
    word = document["verdict"] or "IN PROGRESS"
    if word == "GREEN" and document["reason"] == "degraded":
        word = "GREEN, DEGRADED"
    suites = document["iterations"][-1]["suites"] if document["iterations"] else []
    if any("invalidated" in suite["reasons"] for suite in suites):
        word = f"{word}, INVALIDATED"
    if controlled := told["controlled"]:
        tests, left = figure(controlled["tests"]), figure(controlled["still_passing"])
        return f"{word}: {left} of {tests} tests still pass without their target"
    if back := told["rolled_back"]:
        return f"{word}: {figure(back['done'])} of {figure(back['services'])} services rolled back"
    remedies = told["applied_remedies"]
    after = f", after {figure(remedies)} {'remedy' if remedies == 1 else 'remedies'}" if remedies else ""
    return f"{word}: {figure(told['counted'])} counted passes of {figure(told['collected'])} collected tests{after}"


def _first_line(document: Document) -> list[str]:
    """Below it, where the traffic is not proven good, what a person can type, exactly."""
    lines = document["by_hand"]["lines"]
    return [f"# {headline(document)}", *(["", *(f"    {visible(line)}" for line in lines)] if lines else [])]


def _header(document: Document) -> list[str]:
    git = document["git"]
    dirt = "with uncommitted changes" if git and git["dirty"] else "clean"
    rows = [
        ("Started", document["started"]),
        ("Finished", document["finished"] or f"not yet; as of {document['updated']}"),
        ("Duration", figure(document["duration_s"], "s")),
        ("Environment", code(document["environment"])),
        ("Focus", code(document["focus"])),
        ("Command", code(document["command"])),
        ("Session", code(document["session_id"])),
        ("Git", f"{code(git['sha'])} on {code(git['branch'])}, {dirt}" if git else "no commit"),
        ("Plan", f"{code(document['plan'])}, digest {code(document['plan_digest'])}"),
        ("Exit code", figure(document["exit_code"])),
    ]
    return [f"- {name}: {value}" for name, value in rows]


def _summary(document: Document) -> list[str]:
    told = document["headline"]
    interval = told["interval_percent"]
    share = ""
    if interval:
        low, high = (figure(end) for end in interval)
        share = f", {figure(told['counted_percent'], '%')} (95 % interval {low} to {high} %)"
    lines = [
        "## Executive summary",
        "",
        f"Verdict: **{document['verdict'] or 'in progress'}**, because: {code(document['reason'])}.",
        f"{figure(told['passed'])} of {figure(told['collected'])} collected tests passed; "
        f"{figure(told['counted'])} of them count{share}.",
    ]
    lines += overview(document)
    for command in document["resumed"]:
        lines.append(f"Resumed: {code(command)}.")
    for reader in document["unplugged_readers"]:
        lines.append(f"The view {code(reader['reader'])} was unplugged: {code(reader['message'])}.")
    return lines


def _selection(document: Document) -> list[str]:
    rows = [
        (code(row["id"]), row["kind"], code(row["phase"]), "yes" if row["selected"] else "no", row["why"])
        for row in document["selection"]
    ]
    head = ("Step", "Kind", "Phase", "Selected", "Why")
    return ["## Test focus selection", "", *table(head, rows), "", *_order(document["history"])]


def _order(history: Document) -> list[str]:
    """In which order suites run that may start together, and from which history."""
    known = ", ".join(
        f"{code(row['suite'])} {'red' if row['was_red'] else 'not red'} in {code(row['session_id'])}"
        for row in history["suites"]
    )
    lines = [
        "Order: of the suites of one priority those that were red when they last ran go first, else the plan decides; "
        "tests keep the order of their suite.",
        f"From the history of this environment: {known or 'no suite of this session ran before'}.",
    ]
    if history["trouble"]:
        lines.append(f"The history could not be used: {code(history['trouble'])}.")
    if history["skipped_journals"]:
        lines.append(f"Journals of earlier sessions that could not be read: {figure(history['skipped_journals'])}.")
    return lines


def _analysis(document: Document) -> list[str]:
    lines = ["## Comprehensive analysis"]
    for iteration in document["iterations"]:
        rows = [_metrics(suite["id"], suite, suite["duration_s"]) for suite in iteration["suites"]]
        if rows:
            rows.append(_metrics("all", iteration["totals"], None))
        lines += ["", f"Iteration {figure(iteration['number'])}", "", *table(_METRICS, rows)]
        lines += ["", f"Most suites at the same time: {figure(iteration['most_suites_at_once'])}. {_users(iteration)}"]
    lines += [
        "",
        *value_told(document["value"]),
        *latencies(document["calibration"]),
        "",
        "### Problems",
    ]
    if not document["problems"]:
        return [*lines, "", "none was diagnosed"]
    lines += [line for each in document["consulted"] for line in ("", *consulted(each))]
    lines += [line for each in document["problems"] for line in ("", *problem(each))]
    return [*lines, *signals(document["signals"])]


def _users(iteration: Document) -> str:
    users = [f"{code(suite['user'])} in {code(suite['id'])}" for suite in iteration["suites"] if suite["user"]]
    return f"Test users: {', '.join(users)}." if users else "No test users are configured."


def _metrics(name: str, told: Document, duration: float | None) -> list[str]:
    counts = told["counts"]
    others = [figure(counts[key]) for key in ("failed", "error", "skipped", "timeout", "not_run")]
    passes = [figure(counts["collected"]), figure(counts["passed"]), figure(told["counted"])]
    return [code(name), *passes, *others, figure(duration, "s")]


def _remediation(document: Document) -> list[str]:
    return ["## Remediation", "", *ledger(document["remedies"])]


def _logs(document: Document) -> list[str]:
    lines = ["## Cloud logs evidence"]
    for log in document["logs"]:
        severities = ", ".join(f"{code(name)} {figure(count)}" for name, count in log["by_severity"].items())
        cut, by_severity = ", truncated" * log["truncated"], f" ({severities})" * bool(severities)
        lines += [
            "",
            f"- Query: {code(log['query'])}",
            f"- Window: {code(log['window'])}",
            f"- Revision: {code(log['revision'])}{of_good_session(log)}",
            f"- Entries: {figure(log['count'])}{cut}{by_severity}",
        ]
        lines += patterns(log)
        for each in log["evidence"]:
            lines += evidence(each, quoted=True)
    return lines if document["logs"] else [*lines, "", "no log query ran"]


def _compliance(document: Document) -> list[str]:
    told = document["compliance"]
    return ["## Compliance", "", *(compliance(told) if told else [_NOT_CONFIGURED])]


def _next_actions(document: Document) -> list[str]:
    lines = ["## Next actions"]
    for horizon in ("immediate", "short", "medium"):
        rows = [row for row in document["next_actions"] if row["horizon"] == horizon]
        lines += [
            "",
            f"### {horizon.capitalize()}",
            "",
            *([f"- {code(r['id'])}: {code(r['text'])}{_since(r)}" for r in rows] or ["none"]),
        ]
    return lines


def _since(action: Document) -> str:
    return f" (open since {code(action['since'])})" if action["since"] else ""


def _last_good(good: Document | None) -> str:
    if good is None:
        return "No earlier session of this environment left a revision that it had proven good."
    revisions = ", ".join(f"{code(target)} {code(revision)}" for target, revision in good["revisions"].items())
    return (
        f"The last good session of this environment was {code(good['session_id'])}, ended {good['ended']}: {revisions}."
    )


def _previous(document: Document) -> list[str]:
    previous = document["previous"]
    if not previous:
        return ["## Previous session", "", "There is no earlier session."]
    good = _last_good(document["history"]["last_good"])
    lines = ["## Previous session", "", f"The session before was {code(previous['session_id'])}. {good}"]
    if "verdict" not in previous:
        return [*lines, "It cannot be read any more, so nothing is compared."]
    lines.append(
        f"It ended {previous['verdict'] or 'without a verdict'}, exit {figure(previous['exit_code'])}, with "
        f"{figure(previous['counted'])} counted passes of {figure(previous['collected'])} collected tests."
    )
    lines += _repairs(previous)
    if not previous["is_comparable"]:
        other = f"{code(previous['focus'])} on {code(previous['environment'])}"
        return [*lines, f"Its focus or environment was another ({other}): tests are not compared."]
    changes = (("Newly red", "newly_red"), ("Still red", "still_red"), ("Green again, with proof", "green_again"))
    rows = (f"- {title}: {figure(previous['changes'][key])}, {codes(previous[key])}" for title, key in changes)
    return [*lines, "", *rows]


def _repairs(previous: Document) -> list[str]:
    """Whether what it verified still holds, before this session has repaired anything itself."""
    told = {
        "holds": "holds, all of its {tests} tests passed with proof",
        "broken": "does not hold, {red} of its {tests} tests are red: {names}",
        "unknown": "is not known to hold, its {tests} tests have not all passed with proof or been red",
    }
    return [
        f"- Its repair {code(each['change'])} "
        + told[each["state"]].format(
            tests=figure(each["tests"]), red=figure(each["tests_red"]), names=codes(each["red"])
        )
        for each in previous["repairs"]
    ]
