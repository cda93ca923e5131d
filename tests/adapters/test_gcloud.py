"""The command that makes a revision, and that a service's variables do not stand in it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from netra_loop.adapters.cloudrun import ServiceState, Template
from netra_loop.adapters.gcloud import deploy_argv
from netra_loop.adapters.publish import Order
from netra_loop.core.environment import Environment
from netra_loop.core.resources import Setting
from netra_loop.core.seen import Share
from netra_loop.core.target import Target

IMAGE = "local/x@sha256:1"
HEAD = "gcloud run deploy shop-backend"
PLACE = "--project demo --region europe-west1 --revision-suffix ntl-0123456789 --labels netra-loop-key=k"
TAIL = "--format=json --quiet"
NOBODY_SERVES = ServiceState("shop-backend", "", (), (), "", False, "e")
SERVING = ServiceState("shop-backend", "", (), (Share("shop-backend-1", 100),), "shop-backend-1", False, "e")


def order(image: str, env: dict[str, str], settings: Mapping[Setting, str]) -> Order:
    target = Target("backend", "shop-backend", source="backend")
    template = Template("shop-backend-ntl-0123456789", image, env, {"netra-loop-key": "k"}, settings)
    return Order(target, template, 60.0, Path("artifacts"))


@pytest.mark.parametrize(
    ("image", "env", "before", "expected"),
    [
        ("", {"A": "1"}, None, "--source backend {} --env-vars-file v.yaml --no-allow-unauthenticated"),
        (IMAGE, {}, SERVING, f"--image {IMAGE} {{}} --clear-env-vars --no-traffic --tag ntl-0123456789"),
        (IMAGE, {"A": "1"}, NOBODY_SERVES, f"--image {IMAGE} {{}} --env-vars-file v.yaml"),
    ],
    ids=["the first revision", "a candidate beside what serves", "a service that serves nothing yet"],
)  # fmt: skip
def test_the_command_says_all_that_a_revision_is(
    image: str, env: dict[str, str], before: ServiceState | None, expected: str
) -> None:
    environment = Environment("local", "embedded", "demo", "europe-west1", ())
    argv = deploy_argv(environment, order(image, env, {}), before, "v.yaml")
    assert " ".join(argv) == f"{HEAD} {expected.format(PLACE)} {TAIL}"


def test_the_command_says_the_settings_that_are_asked_for_and_no_others() -> None:
    environment = Environment("local", "embedded", "demo", "europe-west1", ())
    values = ("1Gi", "2", "40", "1", "3", "60s")
    asked = dict(zip(Setting, values, strict=True))
    argv = deploy_argv(environment, order(IMAGE, {}, asked), SERVING, "v.yaml")
    told = "--memory 1Gi --cpu 2 --concurrency 40 --min-instances 1 --max-instances 3 --timeout 60s"
    assert f" --clear-env-vars {told} --no-traffic " in " ".join(argv)
