"""What one answer of a target says of its health. Pure: an answer in, findings out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netra_loop.core.seen import DependencyState
from netra_loop.core.target import Dependency, Endpoint, HealthCheck, Identity, Scalar

MISSING = object()
_STATES = frozenset({"connected", "degraded", "failed", "disabled", "unreachable", "not_checked"})
_GOOD_STATES = frozenset({"connected", "disabled"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: header names in lower case, the body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


def pointed(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at, MISSING where it points at nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return MISSING
    return document


def unmet(document: Any, expected: Mapping[str, Scalar]) -> list[str]:
    """Every expectation that a document does not meet, as a sentence."""
    findings = []
    for pointer, value in expected.items():
        found = pointed(document, pointer)
        if found is MISSING:
            findings.append(f"{pointer} is missing, {json.dumps(value)} was expected")
        elif found != value or isinstance(found, bool) != isinstance(value, bool):
            findings.append(f"{pointer} is {json.dumps(found)[:80]}, {json.dumps(value)} was expected")
    return findings


def parsed(body: str) -> Any:
    """The JSON in a body, MISSING where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # the second for a body of nothing but brackets
        return MISSING


def dependency_states(document: Any, dependencies: tuple[Dependency, ...]) -> tuple[DependencyState, ...]:
    """The state of every declared dependency: not_checked where the answer says nothing, failed for a word unknown."""
    states = []
    for dependency in dependencies:
        found = MISSING if document is MISSING else pointed(document, dependency.pointer)
        if found is MISSING:
            state = "not_checked"
        else:
            state = found if isinstance(found, str) and found in _STATES else "failed"
        states.append(DependencyState(dependency.name, state, dependency.required))
    return tuple(states)


def is_down(state: DependencyState) -> bool:
    """Whether a dependency was not seen to work; one that was switched off is not missed."""
    return state.state not in _GOOD_STATES


def unlike(declared: HealthCheck | Endpoint, answer: Answer) -> list[str]:
    """Where an answer is not as declared: its status, its type, and what it must say."""
    found = []
    if answer.status != declared.status:
        leads = f" (it leads to {answer.headers['location']})" if "location" in answer.headers else ""
        found.append(f"HTTP {answer.status}, {declared.status} was expected{leads}")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared.content_type and media_type != declared.content_type:
        found.append(f"its type is {media_type or 'not told'}, {declared.content_type} was expected")
    document = parsed(answer.body)
    if declared.expect and document is MISSING:
        found.append("the body is not JSON")
    elif document is not MISSING:
        found += unmet(document, declared.expect)
    return found


def problems(check: HealthCheck, answer: Answer, states: tuple[DependencyState, ...]) -> list[str]:
    """Why this answer is not healthy; empty when it is. An optional dependency that is down does not count here."""
    found = unlike(check, answer)
    found += [f"required dependency {s.name} is {s.state}" for s in states if s.required and is_down(s)]
    return found


def named_revision(identity: Identity | None, answer: Answer) -> str:
    """The revision that an answer names; empty where it names none or none is declared."""
    if identity is None:
        return ""
    if identity.header:
        return answer.headers.get(identity.header.lower(), "")
    found = pointed(parsed(answer.body), identity.pointer)
    return found if isinstance(found, str) else ""
