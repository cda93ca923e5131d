"""The digest of a plan: stable, and different for everything that makes a difference."""

from __future__ import annotations

import pytest

from .conftest import Project


def test_the_same_files_have_the_same_digest(base: Project) -> None:
    assert base.load().digest == base.load().digest
    assert len(base.load().digest) == 64


def test_comments_blank_lines_and_the_order_of_keys_make_no_difference(base: Project) -> None:
    before = base.load().digest
    text = base.plan_file.read_text("utf-8")
    base.plan_file.write_text("# changed\n\nname: default\nx-note: y\n" + text.replace("name: default\n", ""), "utf-8")
    assert base.load().digest == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("phases/default.yaml", "deploy: all", "deploy: backend, worker\n        timeout: 9m"),
        ("phases/default.yaml", "name: default", "name: other"),
        ("phases/default.yaml", "environment: local", "environment: local\nbudget: {remedies: 9}"),
        ("phases/default.yaml", "id: deploy\n    steps", "id: deploy\n    required: false\n    steps"),
        ("config/local.yaml", "deadline: 20s", "deadline: 21s"),
        ("config/local.yaml", "endpoint: embedded", "endpoint: embedded\nremedies: ask"),
        ("config/local.yaml", "endpoint: embedded", "endpoint: embedded\nusers: {pool: [anna]}"),
        ("config/local.yaml", "endpoint: embedded", "endpoint: embedded\ntimeouts: {agent: 5s}"),
        ("config/local.yaml", "source: worker", "source: worker\n    env: {A: 1}"),
        ("config/suites.yaml", "focus: [shop]", "focus: [shop]\n    declared_tests: 3"),
        ("config/suites.yaml", "paths: [search]", "paths: [search/test_search.py]"),
    ],
)
def test_what_changes_behaviour_changes_the_digest(base: Project, file: str, old: str, new: str) -> None:
    before = base.load().digest
    path = base.folder / file
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    assert base.load().digest != before


def test_what_is_known_of_causes_is_part_of_the_digest(base: Project) -> None:
    found = {base.load().digest}
    whys = "whys: [{claim: The tests were refused, failure: busy}, {claim: They share a user, users: shared}]"
    for cause in (whys, whys.replace("busy", "used"), f"{whys}, remedy: {{kind: lease_users}}"):
        base.knowledge_file.write_text(f"causes: [{{id: shared, title: One user for all, {cause}}}]\n", "utf-8")
        found.add(base.load().digest)
    assert len(found) == 4


def test_the_gate_of_a_suite_is_part_of_the_digest(base: Project) -> None:
    plan = base.plan_file.read_text("utf-8") + "      - {id: suites, suite: P2}\n"
    base.plan_file.write_text(plan, "utf-8")
    before = base.load().digest
    base.suites_file.write_text(base.suites_file.read_text("utf-8").replace("<5%", "<4%"), "utf-8")
    assert base.load().digest != before
