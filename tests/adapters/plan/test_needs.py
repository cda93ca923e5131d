"""Circles among the needs of phases: found if and only if there are any."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from netra_loop.adapters.planfile.phases import cycles

PHASES = "abcdef"
graphs = st.dictionaries(st.sampled_from(PHASES), st.lists(st.sampled_from(PHASES), unique=True, max_size=4))


def has_cycle(needs: dict[str, list[str]]) -> bool:
    try:
        TopologicalSorter({each: [need for need in ahead if need in needs] for each, ahead in needs.items()}).prepare()
    except CycleError:
        return True
    return False


@given(graphs)
def test_a_circle_is_told_exactly_when_there_is_one(needs: dict[str, list[str]]) -> None:
    assert bool(list(cycles(needs))) == has_cycle(needs)


@given(graphs)
def test_a_circle_that_is_told_can_be_walked(needs: dict[str, list[str]]) -> None:
    for circle in cycles(needs):
        assert circle[0] == circle[-1]
        assert all(need in needs[each] for each, need in pairwise(circle))


def test_a_chain_of_thousands_is_walked_without_recursion() -> None:
    chain = {str(n): [str(n - 1)] for n in range(1, 5000)} | {"0": ["4999"]}
    (circle,) = cycles(chain)
    assert len(circle) == 5001
