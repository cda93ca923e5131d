"""Whether Google knows us, as whom, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from netra_loop.core.environment import Environment
from netra_loop.core.preflight import Finding, State

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LOGIN = "`gcloud auth application-default login`, or name a service account's file in GOOGLE_APPLICATION_CREDENTIALS"
_PROJECTS = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
_REGIONS = ("CLOUDSDK_RUN_REGION",)


def credentials(wall: float) -> Finding:
    """The credentials of this machine, and whether they last for so many seconds; blocks, and signs in once."""
    from google.auth import default
    from google.auth.transport.requests import Request

    try:
        found, _ = default(scopes=[_SCOPE])
        found.refresh(Request())  # type: ignore[no-untyped-call]
    except Exception as error:
        return Finding("credentials", State.FAILED, f"{type(error).__name__}: {str(error)[:200]}", _LOGIN)
    who = getattr(found, "service_account_email", "") or "a user account"
    if _renews_itself(found):
        return Finding("credentials", State.OK, f"{who}, renewed as long as it is allowed to")
    left = (found.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() if found.expiry else 0.0
    if left >= wall:
        return Finding("credentials", State.OK, f"{who}, for {left:.0f} s more")
    said = f"{who}, for {left:.0f} s more; a session may take {wall:g} s"
    return Finding("credentials", State.WARNING, said, "use credentials that renew themselves, or a smaller --budget")


def _renews_itself(found: Any) -> bool:
    return bool(getattr(found, "refresh_token", None) or getattr(found, "signer", None))


def agreement(environment: Environment, told: Mapping[str, str]) -> Finding:
    """Whether what the shell says of project and region is what the plan's environment says. told: our variables."""
    expected = dict.fromkeys(_PROJECTS, environment.project) | dict.fromkeys(_REGIONS, environment.region)
    others = [
        f"{name} is {told[name]}, not {value}" for name, value in expected.items() if told.get(name, value) != value
    ]
    if others:
        remedy = "choose the right --env, or unset the variables"
        return Finding("environment", State.FAILED, "; ".join(others), remedy)
    return Finding("environment", State.OK, f"project {environment.project}, region {environment.region}")
