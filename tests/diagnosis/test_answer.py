"""What an outside program answered becomes hypotheses at the end of a chain, or is refused with a reason."""

from __future__ import annotations

import json

import pytest

from netra_loop.core.problem import Evidence, Problem, TestName, Why, WhyStatus
from netra_loop.diagnosis.answer import (
    BY,
    LONGEST_CLAIM,
    MOST_CLAIMS,
    Hypothesis,
    Unusable,
    hypotheses,
    with_hypotheses,
)

ASKED = ("unknown-1", "unknown-2")
SEEN = Why("The tests are red", WhyStatus.CONFIRMED, (Evidence("p1: a", "boom"),))
POOL = {"problem": "unknown-1", "claim": "The pool is empty", "next_look": "its size"}


def said(*given: object) -> str:
    return json.dumps({"hypotheses": list(given)})


def problem(name: str, root_cause: str = "") -> Problem:
    return Problem(name, "f" * 16, name, (TestName("p1", "a"),), (SEEN,), root_cause)


def test_each_hypothesis_names_its_problem_its_claim_and_the_next_look() -> None:
    other = {"problem": "unknown-2", "claim": "It is slow"}

    assert hypotheses(said(POOL, other), ASKED) == (
        Hypothesis("unknown-1", "The pool is empty", "its size"),
        Hypothesis("unknown-2", "It is slow"),
    )


@pytest.mark.parametrize("wrapped", ["```json\n{}\n```", "```\n{}\n```", "\n  {}\n\n"])
def test_json_is_read_as_language_models_wrap_it(wrapped: str) -> None:
    assert hypotheses(wrapped.replace("{}", said(POOL)), ASKED)[0].claim == "The pool is empty"


def test_text_is_a_hypothesis_about_every_problem_that_was_asked_about() -> None:
    assert hypotheses("The pool\n\n  is empty.\n", ASKED) == (
        Hypothesis("unknown-1", "The pool is empty."),
        Hypothesis("unknown-2", "The pool is empty."),
    )


def test_no_hypothesis_is_an_answer_too() -> None:
    assert hypotheses(said(), ASKED) == ()


def test_what_else_a_hypothesis_says_of_itself_is_not_read() -> None:
    boast = POOL | {"status": "confirmed", "root_cause": "The pool", "remedy": "POOL_SIZE=50", "by": "netra"}

    assert hypotheses(said(boast), ASKED) == hypotheses(said(POOL), ASKED)


def test_a_claim_becomes_one_line_and_is_cut_where_it_is_long() -> None:
    long = POOL | {"claim": " a\n\tb\u2028c \ud83d" + "x" * LONGEST_CLAIM, "next_look": "y" * (LONGEST_CLAIM + 1)}
    (found,) = hypotheses(said(long), ASKED)

    assert found.claim == "a b c ?" + "x" * (LONGEST_CLAIM - 7) + "..."
    assert found.next_look == "y" * LONGEST_CLAIM + "..."
    assert found.claim.encode(), "and can be written down"


UNUSABLE = {
    "nothing": (" \n", "it said nothing"),
    "bytes that are no text": ("PK\ufffd\ufffd", "it printed something that is no text"),
    "zeros": ("The pool\0", "it printed something that is no text"),
    "half of the JSON": (said(POOL)[:-9], "it is no JSON, though it begins like it"),
    "words after the JSON": (said(POOL) + "\nHope it helps!", "it is no JSON, though it begins like it"),
    "JSON without an end to its depth": ("[" * 60_000, "it is no JSON, though it begins like it"),
    "a list": ("[]", "it has no list of hypotheses"),
    "another document": ('{"root_cause": "The pool"}', "it has no list of hypotheses"),
    "hypotheses that are no list": ('{"hypotheses": {}}', "it has no list of hypotheses"),
    "a hypothesis that is a text": (said("The pool"), "a hypothesis without a claim"),
    "an empty claim": (said(POOL | {"claim": " "}), "a hypothesis without a claim"),
    "a claim that is no text": (said(POOL | {"claim": ["The pool"]}), "a hypothesis without a claim"),
    "a next look that is no text": (said(POOL | {"next_look": {"$ref": "x"}}), "a hypothesis without a claim"),
    "another problem": (
        said(POOL, POOL | {"problem": "known"}),
        "a hypothesis about a problem that it was not asked about",
    ),
    "no problem": (said({"claim": "The pool"}), "a hypothesis about a problem that it was not asked about"),
    "a problem that is no name": (
        said(POOL | {"problem": ["unknown-1"]}),
        "a hypothesis about a problem that it was not asked about",
    ),
    "too many for one problem": (
        said(*[POOL] * (MOST_CLAIMS + 1)),
        f"it has more than {MOST_CLAIMS} hypotheses for one problem",
    ),
}


@pytest.mark.parametrize(("answer", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_anything_else_is_refused_whole_and_says_why(answer: str, why: str) -> None:
    with pytest.raises(Unusable) as refused:
        hypotheses(answer, ASKED)

    assert str(refused.value) == why


def test_as_many_hypotheses_as_are_allowed_are_taken_for_each_problem() -> None:
    given = [POOL | {"problem": name} for name in ASKED for _ in range(MOST_CLAIMS)]

    assert len(hypotheses(said(*given), ASKED)) == 2 * MOST_CLAIMS


def test_a_hypothesis_stands_at_the_end_of_its_chain_and_is_marked_and_nothing_else_changes() -> None:
    before = (problem("unknown-1"), problem("unknown-2"), problem("known", "Known"))
    after = with_hypotheses(before, hypotheses(said(POOL), ASKED))

    assert after[1:] == before[1:]
    assert after[0].whys == (SEEN, Why("The pool is empty", WhyStatus.HYPOTHESIS, undecided="its size", by=BY))
    assert after[0].root_cause == ""
