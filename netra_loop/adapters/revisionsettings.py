"""The settings of a revision in the messages of the Admin API: put in, and read by the names users know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from netra_loop.core.resources import Setting, amount_of

if TYPE_CHECKING:
    from google.cloud import run_v2


def put_settings(template: run_v2.RevisionTemplate, settings: Mapping[Setting, str]) -> None:
    """Set these and nothing else of a template, on its first container where they are a container's."""
    for setting, value in settings.items():
        _put(template, setting, value)


def _put(template: run_v2.RevisionTemplate, setting: Setting, value: str) -> None:
    match setting:
        case Setting.MEMORY | Setting.CPU:
            _limit(template.containers[0], setting.value, value)
        case Setting.CONCURRENCY:
            template.max_instance_request_concurrency = int(amount_of(setting, value))
        case Setting.MIN_INSTANCES:
            template.scaling.min_instance_count = int(amount_of(setting, value))
        case Setting.MAX_INSTANCES:
            template.scaling.max_instance_count = int(amount_of(setting, value))
        case Setting.TIMEOUT:
            template.timeout = timedelta(seconds=float(amount_of(setting, value)))
        case _:
            assert_never(setting)


def _limit(container: run_v2.Container, name: str, value: str) -> None:
    """Set a limit. With resources that say nothing of it the API takes CPU for always allocated, which costs."""
    if "resources" not in container:
        container.resources.cpu_idle = True
    container.resources.limits[name] = value


def settings_of(revision: run_v2.Revision | run_v2.RevisionTemplate) -> Mapping[str, str]:
    """What a revision may use, how long a request may take, and as whom it acts; without what says nothing."""
    limits = dict(revision.containers[0].resources.limits) if revision.containers else {}
    told = {
        **limits,
        Setting.TIMEOUT.value: f"{revision.timeout.total_seconds():g}s",
        Setting.CONCURRENCY.value: str(revision.max_instance_request_concurrency),
        Setting.MIN_INSTANCES.value: str(revision.scaling.min_instance_count),
        Setting.MAX_INSTANCES.value: str(revision.scaling.max_instance_count),
        "service account": revision.service_account,
        "VPC connector": revision.vpc_access.connector,
    }
    return {name: value for name, value in told.items() if value}
