"""The worklog: the result told as Markdown, in the order of CONTRACTS section 7.

It prints from the document of `views.result` and from nothing else: every figure through `figure`, every text that came
from outside through `code` or `fenced`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from netra_loop.views.compliance import compliance
from netra_loop.views.controls import control
from netra_loop.views.encode import code, fenced, visible
from netra_loop.views.latencies import latencies
from netra_loop.views.markdown import codes, evidence, figure, table
from netra_loop.views.patterns import of_good_session, patterns
from netra_loop.views.signals import signals
from netra_loop.views.story import consulted, ledger, overview, problem
from netra_loop.views.value import value_told

Document = dict[str, Any]

_COUNTS = ("collected", "passed", "failed", "error", "skipped", "xfailed", "xpassed", "timeout", "not_run", "flaky")
_PROOFS = ("confirmed", "proven", "unproven", "suspect", "bypassed")
_METRICS = ("Suite", "Collected", "Passed", "Counted", "Failed", "Error", "Skipped", "Timeout", "Not run", "Duration")
_TEST_COLUMNS = ("Test", "Outcome", "Proof", "Sensitive", "Duration", "Bytes from target", "Attempts", "Reasons")
_YES_NO = {True: "yes", False: "no", None: "-"}
_PINNED = "the traffic goes by revision name: a deploy that does not set it serves nothing"
_NOT_CONFIGURED = "not configured"


def worklog(document: Document) -> str:
    """The whole worklog; its last line carries the number of the last entry and the digest of what stands above."""
    sections = (
        _first_line,
        _header,
        _summary,
        _deployment,
        _selection,
        _execution,
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


def _deployment(document: Document) -> list[str]:
    lines = ["## Deployment", "", *_revisions(document), *_not_undone(document)]
    for service in document["services"]:
        rows = [
            ("Revision under test", code(service["revision"] or "")),
            ("Serving at the end", code(service["serving_revision"] or "")),
            ("Contains remedies", codes(service["changes"])),
            ("Previous revision", code(service["previous_revision"] or "")),
            ("Commit", code(service["commit"] or "")),
            *([("Looked at before", codes(service["checked"]))] if service["checked"] else []),
            ("Image digest", code(service["image_digest"] or "")),
            ("Created", service["created"] or "-"),
            ("Strategy", _strategy(service)),
            ("Identity", code(service["identity"] or "")),
            ("Traffic before", _traffic(service["traffic_before"]) + _PINNED * service["pinned"]),
            ("Traffic after", _traffic(service["traffic_after"])),
            *([("Stages", _stages(service["stages"]))] if service["stages"] else []),
            *([("Seen before its traffic", code(service["seen_alone"]))] if service["seen_alone"] else []),
            *([("Pinned", _PINNED)] if document["headline"]["rolled_back"] and service["traffic_after"] else []),
            ("URL", code(service["url"] or "")),
            ("Candidate URL", code(service["candidate_url"] or "")),
            ("Health", service["health"]),
            ("Dependencies", _dependencies(service["dependencies"])),
        ]
        lines += ["", f"### Service {code(service['name'])}", "", *(f"- {name}: {value}" for name, value in rows)]
    return lines


def _revisions(document: Document) -> list[str]:
    """Which revision of each service every iteration tested, and what was changed for it."""
    rows = [
        [figure(iteration["number"]), code(name), code(revision)]
        for iteration in document["iterations"]
        for name, revision in iteration["revisions"].items()
    ]
    return table(("Iteration", "Service", "Revision under test"), rows)


def _not_undone(document: Document) -> list[str]:
    """The steps that did what no rollback takes back."""
    return ["", f"Not undone by a rollback: {codes(document['not_undone'])}."] if document["not_undone"] else []


_PINNED = " (pinned by revision name: a plain deploy would have served nothing)"


def _strategy(service: Document) -> str:
    words = {
        "candidate": "candidate, tested before it gets traffic",
        "gradual": "gradual, tested before it gets traffic, which is shifted in stages",
        "unchanged": "nothing was deployed",
        "direct": "direct, it gets all traffic before it is tested",
    }
    told = words.get(service["strategy"] or "", "nothing was deployed")
    return f"{told} ({code(service['why'])})" if service["why"] else told


def _stages(stages: Sequence[Document]) -> str:
    told = (
        f"{figure(stage['percent'], '%')} for {figure(stage['watched_s'], 's')}: {figure(stage['samples'])} answers of "
        f"the new revision, {figure(stage['bad'])} findings"
        for stage in stages
    )
    return "; ".join(told)


def _traffic(shares: Sequence[Document]) -> str:
    told = (
        f"{code(share['revision'])} {figure(share['percent'], '%')}"
        + (f" tag {code(share['tag'])}" if share["tag"] else "")
        for share in shares
    )
    return ", ".join(told) or "-"


def _dependencies(states: Sequence[Document]) -> str:
    told = (f"{code(s['name'])} {s['state']} ({'required' if s['required'] else 'optional'})" for s in states)
    return ", ".join(told) or "none declared"


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


def _execution(document: Document) -> list[str]:
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
    if not previous["is_comparable"]:
        other = f"{code(previous['focus'])} on {code(previous['environment'])}"
        return [*lines, f"Its focus or environment was another ({other}): tests are not compared."]
    changes = (("Newly red", "newly_red"), ("Still red", "still_red"), ("Green again, with proof", "green_again"))
    rows = (f"- {title}: {figure(previous['changes'][key])}, {codes(previous[key])}" for title, key in changes)
    return [*lines, "", *rows]
