"""The part of the worklog that a stranger reads first: what failed, why, what was done, and whether it worked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from netra_loop.views.encode import code
from netra_loop.views.markdown import codes, evidence, figure, figures, table

Document = dict[str, Any]


def overview(document: Document) -> list[str]:
    """A row an iteration, then a row a problem."""
    lines = ["", *table(_ITERATION, [_iteration(document, each) for each in document["iterations"]])]
    if document["problems"]:
        states = {remedy["id"]: remedy for remedy in document["remedies"]}
        lines += ["", *table(_PROBLEM, [_problem(each, states) for each in document["problems"]])]
    return [*lines, *_kept(document)]


_ITERATION = (
    "Iteration",
    "Collected",
    "Passed",
    "Counted",
    "Red",
    "Not passed otherwise",
    "Problems",
    "Applied after it",
)
_PROBLEM = ("Problem", "Iteration", "Red tests", "Because", "Remedy", "State", "Pass alone", "Pass in whole run")


def _kept(document: Document) -> list[str]:
    """That what a session changed is not what is written down."""
    verified = [remedy["id"] for remedy in document["remedies"] if remedy["state"] == "verified"]
    if not verified:
        return []
    told = "The configuration itself was not changed: without the lines under Next actions the next session begins with"
    return ["", f"{told} what {codes(verified)} repaired."]


def _iteration(document: Document, iteration: Document) -> list[str]:
    totals, number = iteration["totals"], iteration["number"]
    problems = [problem["id"] for problem in document["problems"] if problem["iteration"] == number]
    cures = [act["subject"] for act in iteration["follow_ups"] if act["kind"] == "cure" and act["outcome"] == "passed"]
    numbers = [
        totals["counts"]["collected"],
        totals["counts"]["passed"],
        totals["counted"],
        totals["red"],
        totals["other"],
    ]
    return [figure(number), *map(figure, numbers), codes(problems), codes(cures)]


def _problem(problem: Document, remedies: dict[str, Document]) -> list[str]:
    ours = [remedies[name] for name in problem["remedies"]]
    return [
        code(problem["title"]),
        figure(problem["iteration"]),
        figure(problem["tests_red"]),
        _because(problem),
        ", ".join(f"{code(remedy['id'])} {code(remedy['change'])}" for remedy in ours) or "none",
        ", ".join(remedy["state"] for remedy in ours) or "-",
        ", ".join(_measured(remedy["measured"])[0] for remedy in ours) or "-",
        ", ".join(_measured(remedy["measured"])[1] for remedy in ours) or "-",
    ]


def _because(problem: Document) -> str:
    """The last why of a confirmed chain, with the numbers it rests on."""
    if not problem["root_cause"]:
        return "not confirmed"
    last = problem["whys"][-1]
    return code(last["claim"]) + (f" ({figures(last['figures'])})" if last["figures"] else "")


def problem(document: Document) -> list[str]:
    """One problem: its tests, and the chain of whys as far as evidence carries it."""
    lines = [
        f"#### {code(document['id'])}: {code(document['title'])}",
        "",
        f"Iteration {figure(document['iteration'])}, {_what(document)}, signature {code(document['signature'])}: "
        f"{codes(document['tests'] or document['steps'])}",
    ]
    lines += ["", _sightings(document["history"])]
    for why in document["whys"]:
        numbers = f" ({figures(why['figures'])})" if why["figures"] else ""
        whose = f" of {why['by']}" if why["by"] else ""
        lines += ["", f"**Why, {why['status']}{whose}:** {code(why['claim'])}{numbers}", ""]
        lines += [line for each in why["evidence"] for line in evidence(each, quoted=True)]
        if not why["evidence"]:
            lines.append(f"- evidence: none was seen; {'it is only said' if whose else 'the chain stops here'}")
        if why["undecided"]:
            lines.append(f"- {'it would look at' if whose else 'what would decide it'}: {code(why['undecided'])}")
    root = code(document["root_cause"]) if document["root_cause"] else "not confirmed, so none is claimed"
    return [*lines, "", f"Root cause: {root}. Remedies: {codes(document['remedies'])}."]


def _what(problem: Document) -> str:
    """How many tests are red; a step is one that did not pass."""
    return "a step that did not pass" if problem["steps"] else f"{figure(problem['tests_red'])} red tests"


def consulted(document: Document) -> list[str]:
    """That an outside program was asked, how it ended, and where what it was told and what it said are kept."""
    said = figure(document["hypotheses"]) + " hypotheses, told as such with their problems"
    lines = [
        f"In iteration {figure(document['iteration'])} an outside program was asked about what has no root cause: "
        f"{code(shlex.join(document['command']))}, exit {figure(document['exit_code'])}, "
        f"{figure(document['duration_s'], 's')}.",
        f"- the outside diagnosis failed: {code(document['failure'])}" if document["failure"] else f"- it gave {said}",
    ]
    for title, kept in (("it was told", document["bundle"]), ("it said", document["answer"])):
        size = figure(kept["size"], "bytes")
        lines.append(f"- {title}: {size}, kept in {code(kept['ref'])}, sha256 {code(kept['sha256'])}")
    return lines


def _sightings(history: Document) -> str:
    """Whether a problem was there before, and when."""
    if history["last_session"] is None:
        return f"History: {history['state']}; no earlier session saw it."
    row, first = figure(history["in_a_row"]), f"{history['first_seen']} in {code(history['first_session'])}"
    last = f"{history['last_seen']} in {code(history['last_session'])}"
    gone = f", gone in {code(history['gone_in'])}" if history["gone_in"] else ""
    return (
        f"History: {history['state']}; seen in {figure(history['sessions'])} sessions, the newest {row} in a row; "
        f"first {first}, before this one last {last}{gone}."
    )


def ledger(remedies: Sequence[Document]) -> list[str]:
    """Every remedy: what it changed, what it was to do, and what was measured."""
    if not remedies:
        return ["none was proposed"]
    head = ("Remedy", "Cause", "Seat", "Change", "State", "Own tests", "Pass alone", "Pass in whole run", "Newly red")
    rows = [
        [
            code(remedy["id"]),
            code(remedy["cause"]),
            remedy["seat"],
            code(remedy["change"]),
            remedy["state"],
            figure(remedy["expected"]["tests_passing"]),
            *_measured(remedy["measured"]),
        ]
        for remedy in remedies
    ]
    return [*table(head, rows), *(line for remedy in remedies for line in ("", *_details(remedy)))]


def _measured(measured: Document | None) -> list[str]:
    if measured is None:
        return ["-", "-", "-"]
    passing = [figure(measured["passing_alone"]), figure(measured["passing_in_whole_run"])]
    return [*passing, figure(measured["newly_red_count"])]


def _details(remedy: Document) -> list[str]:
    expected, measured, receipt = remedy["expected"], remedy["measured"], remedy["receipt"]
    lines = [
        f"**{code(remedy['id'])}** ({code(remedy['kind'])}): {remedy['state']}"
        + (f", because {code(remedy['reason'])}" if remedy["reason"] else ""),
        f"- proposed in iteration {figure(remedy['iteration'])}",
        f"- expected: {figure(expected['tests_passing'])} tests pass with proof, "
        f"{figure(expected['newly_red'])} newly red",
    ]
    if remedy["figures"]:
        lines.append(f"- value derived from: {figures(remedy['figures'])}")
    if measured:
        revision = f" on revision {code(measured['revision'])}" if measured["revision"] else ""
        alone, whole = figure(measured["passing_alone"]), figure(measured["passing_in_whole_run"])
        lines.append(
            f"- measured in iteration {figure(measured['iteration'])}{revision}: {alone} pass alone, "
            f"{whole} in the whole run, newly red: {codes(measured['newly_red'])}"
        )
    if remedy["together_with"]:
        together = codes(remedy["together_with"])
        lines.append(f"- applied together with {together}: only the tests tell their effects apart")
    if receipt:
        lines += [f"- {when}: {_pairs(receipt[when])}" for when in ("before", "after") if receipt[when]]
        lines += [f"- needs a person: {code(violation)}" for violation in receipt["violations"]]
        if receipt["diff"]:
            lines += evidence(receipt["diff"], quoted=True)
    if remedy["permanent"]:
        lines.append(f"- the line that would make it permanent: {code(remedy['permanent'])}")
    return lines


def _pairs(values: dict[str, str]) -> str:
    return ", ".join(f"{code(name)} = {code(value)}" for name, value in values.items()) or "-"
