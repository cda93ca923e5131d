"""What a person should do next, by rules over the result; nothing that a rule did not choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netra_loop.core.byhand import LOCAL_ENV
from netra_loop.core.history import LONG, still_open
from netra_loop.core.session import Session
from netra_loop.views.controls import still_passing

Document = dict[str, Any]

_SUITE_ADVICE = {
    "empty": "collected nothing: check its paths and args",
    "all_skipped": "skipped every test: make them run, or take the suite out of the plan",
    "skipped_tests": "skipped more tests than its gate allows: run them, or raise max_skipped",
    "timed_out": "was ended by its timeout: see which test was running; longer helps only where that test ends",
    "idle": "gave no sign of life for its idle time: see which test was running, raise idle_timeout if that is right",
    "partial": "did not run every collected test",
    "cut_short": "stopped before every collected test had run: leave -x, --maxfail or the exit in a test out",
    "fewer_than_declared": "collected fewer tests than the index declares: find the missing ones, or correct the index",
    "fewer_than_last_time": "collected fewer tests than before: find the missing ones, or declare how many it has",
    "too_few_tests": "collected fewer tests than its gate asks for",
    "unproven": "has passes that do not count: see their reasons; each must reach the target and assert on its answer, "
    "which of the tests of a command only a control can show",
    "deselected": "found tests and left them out: run them, or declare how many it has",
    "disagreement": "ended in a way that its tests do not explain: read its output",
    "invalidated": "saw the revision of its target change while it ran: run it again",
    "tests_changed": "had its test files changed while it ran: see which, and run it again",
    "collection_error": "could not be collected: read its output",
    "not_started": "could not be started: check its interpreter and folder",
    "left_processes": "left processes behind: they were ended; make the tests end what they start",
    "nothing_passed": "has no passed test",
    "too_fast": "ended faster than its gate believes",
}


_UNNOTICED = {
    "dead": "passes although nobody answers: have it meet the target, and fail when it does not",
    "sabotaged": "passes whatever the target answers: assert on what the answer says",
}


def next_actions(document: Document) -> list[Document]:
    """The steps that follow, most urgent first, each with an id that stays the same for the same cause."""
    first = (_unsafe, _first_revisions, _interrupted, _repairs, _steps, _limits, _controls)
    rules = (*first, _remedies, _red_tests, _recurring, _problems, _suites, _candidates)
    return [action for rule in rules for action in rule(document)]


def with_earlier(session: Session, actions: Sequence[Document]) -> list[Document]:
    """The actions, each with the session since which it is open, None for a new one; then those of earlier sessions."""
    earlier = {each.id: each for each in session.past.actions}
    ours = {action["id"] for action in actions}
    now = [action | {"since": earlier[action["id"]].since if action["id"] in earlier else None} for action in actions]
    kept = [each for each in still_open(session) if each.id not in ours]
    return [*now, *(_action(each.id, each.horizon, each.text) | {"since": each.since} for each in kept)]


def _action(what: str, horizon: str, text: str) -> Document:
    return {"id": what, "horizon": horizon, "text": text}


def _newest(document: Document) -> Document:
    return document["iterations"][-1] if document["iterations"] else {"phases": [], "suites": [], "shifts": []}


def _unsafe(document: Document) -> Iterator[Document]:
    """What a person can do at once; where the embedded Cloud Run is has to be told to gcloud first."""
    for name, command in document["by_hand"]["services"].items():
        where = f", after {LOCAL_ENV}" if document["endpoint"] == "embedded" else ""
        yield _action(f"unsafe:{name}", "immediate", f"Set the traffic of {name} by hand{where}: {command}")


def _first_revisions(document: Document) -> Iterator[Document]:
    """A service's first revision serves from the start, so one that is not proven has nothing to go back to."""
    for service in document["services"]:
        first = service["strategy"] == "direct" and not service["traffic_before"]
        if first and document["verdict"] not in (None, "GREEN"):
            text = f"{service['name']} serves its first revision, not proven good; there is nothing to go back to"
            yield _action(f"first:{service['name']}", "immediate", text)


def _interrupted(document: Document) -> Iterator[Document]:
    command = f"ultimate-test-deploy-loop resume {document['session_id']}"
    if document["verdict"] is None:
        yield _action("resume", "immediate", f"If nothing runs any more: {command}")
    elif document["interrupted_by_signal"]:
        yield _action("resume", "immediate", f"The session was interrupted; it goes on with: {command}")


def _repairs(document: Document) -> Iterator[Document]:
    """What was verified once and does not hold: perhaps it was never made to last."""
    for each in document["previous"].get("repairs", ()):
        if each["state"] == "broken":
            text = (
                f"{each['change']} was verified by the session before and does not hold: make it last, or find out why"
            )
            yield _action(f"broken:{each['change']}", "immediate", text)


def _steps(document: Document) -> Iterator[Document]:
    newest = _newest(document)
    steps = [step for phase in newest["phases"] for step in phase["steps"] if step["kind"] != "suite"]
    for step in (*steps, *newest["shifts"]):
        told = step["kind"] == "control" and step["outcome"] == "failed"  # each of its tests has a line of its own
        if step["outcome"] in ("failed", "errored") and not told:
            yield _action(
                f"step:{step['id']}", "immediate", f"{step['id']} {step['outcome']}: {'; '.join(step['reasons'])}"
            )


def _limits(document: Document) -> Iterator[Document]:
    """A limit that another one ends first tells nothing; which is right, and how long one may be, a person knows."""
    for number, text in enumerate(document["calibration"]["contradictions"], start=1):
        yield _action(f"limits:{number}", "short", f"Correct one of two limits: {text}")
    for cut in document["calibration"]["limits"]:
        if cut["to_s"] is not None:
            seen = f"{cut['operation']} completed {cut['completions']} times with a p95 of {cut['p95_s']} s"
            text = f"Review whether {cut['limit']} may go from {cut['from_s']} s to {cut['to_s']} s: {seen}"
            yield _action(f"limit:{cut['limit']}", "short", text)


def _controls(document: Document) -> Iterator[Document]:
    """Each test that noticed nothing when its target was gone, or wrong."""
    for each in still_passing(_newest(document)):
        why = _UNNOTICED["dead" if "dead" in each["against"] else "sabotaged"]
        yield _action(f"control:{each['suite']}::{each['id']}", "immediate", f"{each['suite']}: {each['id']} {why}")


def _remedies(document: Document) -> Iterator[Document]:
    """What was not repaired comes first; what was repaired for this session only must be written down to last."""
    for remedy in document["remedies"]:
        what, change = f"remedy:{remedy['cause']}", remedy["change"]
        if remedy["state"] == "verified":
            text = f"To keep {change}, which is verified and lasts for this session only: {remedy['permanent']}"
            yield _action(what, "short", text)
        elif remedy["state"] in ("refuted", "regressed"):
            yield _action(what, "immediate", f"{change} did not repair it: {remedy['reason']}")
        elif remedy["reason"] == "remedies are off":
            text = (
                f"{remedy['cause']}: {change} is derived from what was seen; run with --remedies apply or ask to try it"
            )
            yield _action(what, "immediate", text)
        elif remedy["reason"]:
            yield _action(what, "immediate", f"{remedy['cause']} is not repaired: {remedy['reason']} ({change})")


def _recurring(document: Document) -> Iterator[Document]:
    """What is there to stay unless somebody takes it on."""
    newest = _newest(document).get("number")
    for problem in document["problems"]:
        history = problem["history"]
        if problem["iteration"] == newest and history["in_a_row"] >= LONG:
            row = f"{history['in_a_row']} sessions, since {history['row_began']}"
            text = f"{problem['id']}: recurring for {row}: {problem['title']}"
            yield _action(f"recurring:{problem['id']}", "immediate", text)


def _problems(document: Document) -> Iterator[Document]:
    """Causes that nobody confirmed, of the newest iteration; what an outside program would do is no advice of ours."""
    newest = _newest(document).get("number")
    for problem in document["problems"]:
        if problem["iteration"] == newest and not problem["root_cause"]:
            stops = [why["claim"] for why in problem["whys"] if not why["by"]][-1]
            text = f"{problem['id']}: no cause is confirmed; the next thing to find out: {stops}"
            yield _action(f"problem:{problem['id']}", "short", text)


def _red_tests(document: Document) -> Iterator[Document]:
    for suite in _newest(document)["suites"]:
        red = [test["id"] for test in suite["tests"] if test["outcome"] in ("failed", "error", "timeout")]
        if red:
            yield _action(f"red:{suite['id']}", "immediate", f"{suite['id']}: look at {', '.join(red[:10])}")


def _suites(document: Document) -> Iterator[Document]:
    for suite in _newest(document)["suites"]:
        for reason in suite["reasons"]:
            if reason in _SUITE_ADVICE:
                yield _action(f"{reason}:{suite['id']}", "short", f"{suite['id']} {_SUITE_ADVICE[reason]}")


def _candidates(document: Document) -> Iterator[Document]:
    if document["verdict"] in (None, "GREEN"):
        return
    for service in document["services"]:
        if service["strategy"] in ("candidate", "gradual") and service["serving_revision"] not in (
            None,
            service["revision"],
        ):
            text = f"{service['revision']} was not promoted; it answers at {service['candidate_url']}"
            yield _action(f"candidate:{service['name']}", "short", text)
