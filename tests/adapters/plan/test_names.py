"""What can be deployed under its name is decided before anything is deployed, as Cloud Run would decide it."""

from __future__ import annotations

import pytest

from netra_loop.core.errors import PlanError
from netra_loop.core.names import OUR_TAG, SHORTEST_TAG, tag_of
from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.services.declaration import read_declaration, require_service_name

from .conftest import Project

LENGTHS = range(30, 51)
WRITTEN = {"as its key": "{name}: {{image: x}}", "as its service": "short: {{image: x, service: {name}}}"}


def deployable_here(base: Project, service: str) -> bool:
    """Whether the plan says nothing against a service."""
    base.environment_file.write_text(f"endpoint: google\nproject: p\nregion: r\nservices:\n  {service}\n", "utf-8")
    base.plan_file.write_text(
        "version: 1\nname: names\nenvironment: local\nphases: [{id: main, steps: [{id: a, deploy: all}]}]\n", "utf-8"
    )
    base.suites_file.write_text("priorities: {P1: {}}\nsuites: [{id: u, priority: P1, cwd: e2e, paths: [checkout]}]\n")
    try:
        base.load()
    except PlanError:
        return False
    return True


def taken_by_cloud_run(name: str) -> bool:
    """Whether the embedded Cloud Run takes a service with a revision and a tag of ours."""
    tag = tag_of("key\nimage")
    shares = [{"percent": 100}, {"revision": f"{name}-{tag}", "tag": tag}]
    template = {"containers": [{"image": "x"}], "revision": f"{name}-{tag}"}
    try:
        require_service_name(name)
        read_declaration({"template": template, "traffic": shares}, name)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_g13_a_plan_takes_exactly_the_names_that_cloud_run_takes_with_our_tag(base: Project, written: str) -> None:
    names = ["a" * length for length in LENGTHS]
    here = [len(name) for name in names if deployable_here(base, written.format(name=name))]
    there = [len(name) for name in names if taken_by_cloud_run(name)]
    assert here == there == [30, 31, 32]


def test_g13_our_tags_are_long_enough() -> None:
    assert len(tag_of("anything")) == OUR_TAG >= SHORTEST_TAG


def test_g13_the_mistake_says_where_it_is_and_what_to_do(base: Project) -> None:
    base.environment_file.write_text(
        "endpoint: google\nproject: p\nregion: r\nservices: {%s: {image: x}}\n" % ("a" * 33)
    )
    assert (
        f"config/local.yaml:4:12: error: '{'a' * 33}' has 33 characters: at most 32 leave room for the tag of a "
        "candidate; name the service there with 'service'"
    ) in base.complaint()
