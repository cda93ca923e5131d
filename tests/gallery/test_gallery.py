"""The gallery: what a tool can be made to believe, and what it must not refuse to believe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from tests.certificate import certificate_of_localhost

from .projects import FOLDER, projects
from .runs import Gallery, Seen
from .table import proven, row
from .target import real_target

PROJECTS = [project.name for project in projects()]
SETTLED = [project.name for project in projects() if not project.needs]
"""Those whose numbers do not depend on how soon the kernel tells of a child's connection."""
TABLE = (FOLDER / "table.md").read_text("utf-8").splitlines(keepends=True)
MISSED = yaml.safe_load((FOLDER / "missed.yaml").read_text("utf-8"))
NOT_PASSING = {outcome.value: outcome for outcome in TestOutcome if outcome is not TestOutcome.PASSED}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Mapping[str, Seen]:
    folder = tmp_path_factory.mktemp("gallery")
    with real_target(certificate_of_localhost(folder / "localhost.pem")) as target:
        return Gallery(folder, target, compiled).visit()


@pytest.fixture
def seen(gallery: Mapping[str, Seen], request: pytest.FixtureRequest) -> Seen:
    """The project that the test is about."""
    if request.param not in gallery:
        pytest.skip(f"{request.param} needs a command that is not here")
    return gallery[request.param]


each_project = pytest.mark.parametrize("seen", PROJECTS, indirect=True)


def test_the_gallery_is_large_enough_and_balanced() -> None:
    labels = [label for project in projects() for label in project.labels.values()]
    honest = sum(label.honest for label in labels)

    assert len(labels) >= 120
    assert 0.4 < honest / len(labels) < 0.6


@each_project
def test_every_test_has_a_label_and_every_label_a_test(seen: Seen) -> None:
    assert set(seen.alone) == set(seen.project.labels)


@each_project
def test_plain_pytest_would_end_with_this_exit_code(seen: Seen) -> None:
    assert seen.exit_code == seen.project.plain


@each_project
def test_every_test_ends_as_its_label_says(seen: Seen) -> None:
    wanted = {name: NOT_PASSING.get(label.kind, TestOutcome.PASSED) for name, label in seen.project.labels.items()}

    assert {name: test.outcome for name, test in seen.alone.items()} == wanted


@each_project
def test_a_suite_of_it_is_green_only_if_everything_in_it_is_honest(seen: Seen) -> None:
    project = seen.project
    if project.suite is not None:
        assert seen.outcome is project.suite
    elif any(not label.honest for label in project.labels.values()):
        assert seen.outcome is Outcome.INCOMPLETE


@each_project
def test_no_dishonest_test_is_proven_with_the_control(seen: Seen) -> None:
    assert proven(seen.controlled, seen.project, honest=False) == []


def test_without_the_control_only_these_are_believed_wrongly(gallery: Mapping[str, Seen]) -> None:
    believed = {name for each in gallery.values() for name in proven(each.alone, each.project, honest=False)}
    named = set(MISSED["without_control"])

    assert believed <= named
    assert {name for name in named if name.partition("/")[0] in SETTLED} <= believed


def test_98_percent_of_the_honest_are_proven_and_the_rest_is_named(gallery: Mapping[str, Seen]) -> None:
    honest = [name for each in gallery.values() for name, label in each.project.labels.items() if label.honest]
    shown = [name for each in gallery.values() for name in proven(each.controlled, each.project, honest=True)]

    assert set(honest) - set(shown) == set(MISSED["with_control"])
    assert len(shown) / len(honest) >= 0.98


@each_project
def test_what_is_missed_without_the_kernel_is_unproven(seen: Seen) -> None:
    shown = proven(seen.without_kernel, seen.project, honest=True)
    missed = {name for name, label in seen.project.labels.items() if label.honest} - set(shown)

    assert proven(seen.without_kernel, seen.project, honest=False) == []
    assert {name: seen.without_kernel[name].proof for name in missed} == dict.fromkeys(missed, Proof.UNPROVEN)


@pytest.mark.parametrize("seen", SETTLED, indirect=True)
def test_its_row_of_the_table_is_the_one_that_is_shown(seen: Seen) -> None:
    assert row(seen) in TABLE


def test_the_readme_shows_the_table() -> None:
    readme = (FOLDER.parents[2] / "README.md").read_text("utf-8")

    assert "".join(TABLE).rstrip() in readme
