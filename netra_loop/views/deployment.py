"""What the worklog tells of services: which revision was tested, how it came to its traffic, and what serves now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netra_loop.views.encode import code
from netra_loop.views.markdown import codes, figure, table

Document = dict[str, Any]

_PINNED = "the traffic goes by revision name: a deploy that does not set it serves nothing"
_BY_NAME = " (pinned by revision name: a plain deploy would have served nothing)"


def deployment(document: Document) -> list[str]:
    """The chapter, line by line."""
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
            ("Traffic before", _traffic(service["traffic_before"]) + _BY_NAME * service["pinned"]),
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
