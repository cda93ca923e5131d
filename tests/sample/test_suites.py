"""The sample's suites pass against the healthy backend, and only against it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .backend_process import Backend, free_port
from .sabotage import sabotaged_target
from .suite_process import EVENTS, P1, run_suite

SUITES = {P1: 25, EVENTS: 5}

Outcomes = dict[str, dict[str, str]]


@pytest.fixture(params=["sabotaged", "dead"])
def wrong_target(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "dead":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with sabotaged_target() as url:
        yield url


def run_side_by_side(folder: Path, url: str) -> Outcomes:
    """How each test of both suites ended, run at once and with the same user."""
    folders = [folder / str(number) for number in range(len(SUITES))]
    for one in folders:
        one.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        results = pool.map(run_suite, SUITES, folders, [url] * len(SUITES))
        return dict(zip(SUITES, results, strict=True))


@pytest.fixture(scope="module")
def first(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_side_by_side(tmp_path_factory.mktemp("first"), backend.url)


def test_every_test_passes_side_by_side(first: Outcomes) -> None:
    outcomes = {suite: list(tests.values()) for suite, tests in first.items()}
    assert outcomes == {suite: ["passed"] * declared for suite, declared in SUITES.items()}


def test_suites_pass_again_with_the_same_user(first: Outcomes, backend: Backend, tmp_path: Path) -> None:
    assert run_side_by_side(tmp_path, backend.url) == first


def test_critical_tests_are_numbered_without_a_gap(first: Outcomes) -> None:
    assert [name.split("_")[1] for name in first[P1]] == [f"{number:03}" for number in range(1, 26)]


def test_no_test_passes_against_a_wrong_target(wrong_target: str, tmp_path: Path) -> None:
    results = run_side_by_side(tmp_path, wrong_target)
    assert {suite: len(tests) for suite, tests in results.items()} == SUITES
    assert [name for tests in results.values() for name, outcome in tests.items() if outcome == "passed"] == []
