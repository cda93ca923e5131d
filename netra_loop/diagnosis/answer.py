"""What an outside program answered: hypotheses about the problems it was asked about, and nothing more than that."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from netra_loop.core.problem import Problem, Why, WhyStatus

BY = "an outside program"
MOST_CLAIMS = 3  # for one problem
LONGEST_CLAIM = 500  # characters
_FENCED = re.compile(r"```(?:json)?\n(.*)\n```", re.DOTALL)  # as language models like to wrap JSON
_NO_TEXT = re.compile("[\0\ufffd]")  # what is there where bytes were no UTF-8


class Unusable(ValueError):
    """The answer is none that was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A claim about one problem, and where to look next."""

    problem: str
    claim: str
    next_look: str = ""


def hypotheses(answer: str, asked: Sequence[str]) -> tuple[Hypothesis, ...]:
    """What an answer claims of the problems that were asked about: JSON as asked for, or text about all of them.

    Raises Unusable for anything else, also where only a part of it is wrong.
    """
    text = answer.strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1].strip()
    if not text:
        raise Unusable("it said nothing")
    if _NO_TEXT.search(text):
        raise Unusable("it printed something that is no text")
    if not text.startswith(("{", "[")):
        return tuple(Hypothesis(problem, _line(text)) for problem in asked)
    found = tuple(_hypothesis(each, asked) for each in _listed(text))
    if max(Counter(each.problem for each in found).values(), default=0) > MOST_CLAIMS:
        raise Unusable(f"it has more than {MOST_CLAIMS} hypotheses for one problem")
    return found


def with_hypotheses(problems: Sequence[Problem], found: Sequence[Hypothesis]) -> tuple[Problem, ...]:
    """The problems with what was claimed of them at the end of their chains; nothing else of them changes."""
    return tuple(
        replace(problem, whys=(*problem.whys, *(_why(each) for each in found if each.problem == problem.id)))
        for problem in problems
    )


def _why(hypothesis: Hypothesis) -> Why:
    return Why(hypothesis.claim, WhyStatus.HYPOTHESIS, undecided=hypothesis.next_look, by=BY)


def _listed(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Unusable("it is no JSON, though it begins like it") from None
    listed = document.get("hypotheses") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise Unusable("it has no list of hypotheses")
    return listed


def _hypothesis(given: Any, asked: Sequence[str]) -> Hypothesis:
    fields = given if isinstance(given, dict) else {}
    problem, claim, next_look = (fields.get(name, "") for name in ("problem", "claim", "next_look"))
    if not isinstance(claim, str) or not isinstance(next_look, str) or not claim.strip():
        raise Unusable("a hypothesis without a claim")
    if problem not in asked:
        raise Unusable("a hypothesis about a problem that it was not asked about")
    return Hypothesis(problem, _line(claim), _line(next_look))


def _line(text: str) -> str:
    """The text on one line, as far as it is told; a half of a character, which JSON can name, becomes a `?`."""
    line = " ".join(text.split()).encode("utf-8", "replace").decode()
    return line if len(line) <= LONGEST_CLAIM else f"{line[:LONGEST_CLAIM]}..."
