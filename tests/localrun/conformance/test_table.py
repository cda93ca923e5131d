"""Every case of the table against the real server, and the table against the README."""

import re
from pathlib import Path

import httpx
import pytest

from tests.localrun.cloud import Cloud
from tests.localrun.conformance import api, runtime
from tests.localrun.conformance.world import Case, World

CASES = [*api.CASES, *runtime.CASES]
AREAS = (
    "blue_green configuration errorcondition generatename migration resources revision revision_timeout route service "
    "service_account service_validation single_threaded volumes cgroup cmd_args container envpropagation envvars "
    "file_descriptor filesystem header liveness_probe readiness_probe protocol sysctl user workingdir jobs startup "
    "rollout termination restart logs urls iam secrets websocket scaling metadata"
)
README = Path(__file__).parents[3] / "README.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.area}: {case.asks}")
def test_it_is_as_the_table_says(cloud: Cloud, echo: str, name: str, case: Case) -> None:
    with httpx.Client(proxy=cloud.url, trust_env=False, timeout=20) as v1:
        case.check(World(cloud, echo, name, v1))


def test_every_area_has_a_case() -> None:
    assert {case.area for case in CASES} == set(AREAS.split())


def test_every_deviation_stands_in_the_readme() -> None:
    chapter = README.read_text(encoding="utf-8").partition("### The local target")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| (.+?) \|", chapter, re.MULTILINE))
    assert {case.deviates for case in CASES if case.deviates} - rows == set()
