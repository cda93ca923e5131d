"""From a confirmed cause to the one change that fits, its value derived from what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from netra_loop.core.knowledge import Cause, Derivation, RemedyKind, Treatment
from netra_loop.core.problem import Remedy
from netra_loop.diagnosis.calibration import raised_limit
from netra_loop.diagnosis.looks import Trail
from netra_loop.diagnosis.scene import Scene


def remedy_for(cause: Cause, treatment: Treatment, scene: Scene, trail: Trail) -> Remedy:
    """The remedy of a confirmed cause; one that its bounds forbid carries the refusal."""
    tests = tuple(sorted(failure.name for failure in trail.failures))
    match treatment.kind:
        case RemedyKind.LEASE_USERS:
            enough = len(scene.user_pool) > 1
            return Remedy(
                id="",
                problem=cause.id,
                kind=treatment.kind,
                target="",
                variable="users.mode",
                before="shared",
                after="exclusive",
                tests=tests,
                figures={"pool": len(scene.user_pool)},
                refusal="" if enough else "the pool has one user: nobody can have one alone",
                permanent=f"config/{scene.environment}.yaml: users.mode: exclusive",
            )
        case RemedyKind.SET_ENV:
            target = trail.subject
            variable, after, refusal = _derived(treatment, trail, scene.variables.get(target, {}))
            return Remedy(
                id="",
                problem=cause.id,
                kind=treatment.kind,
                target=target,
                variable=variable,
                before=scene.variables.get(target, {}).get(variable),
                after=after,
                tests=tests,
                figures=_figures(treatment, trail),
                refusal=refusal,
                permanent=_permanent(treatment, scene.environment, f"services.{target}.env.{variable}", after),
            )
        case _:
            assert_never(treatment.kind)


def _permanent(treatment: Treatment, environment: str, key: str, after: str) -> str:
    """The line to write; for an address the one to remove, because the declared one is told then, wherever it is."""
    if treatment.derived is Derivation.ADDRESS:
        return f"config/{environment}.yaml: no {key}, so that the declared address is told"
    return f"config/{environment}.yaml: {key}: {after}" if after else ""


def _derived(treatment: Treatment, trail: Trail, told: Mapping[str, str | None]) -> tuple[str, str, str]:
    """The variable, its new value, and why the bounds forbid it."""
    match treatment.derived:
        case Derivation.ADDRESS:
            dependency = trail.down[0].dependency
            return dependency.variable, dependency.address, ""
        case Derivation.P95:
            cap = treatment.cap or 0.0
            value = raised_limit(trail.measured["p95_s"], treatment.headroom, cap)
            if value is None:
                return treatment.variable, "", "the work takes longer than the cap allows"
            if value <= max(trail.measured["limit_s"], _number(told.get(treatment.variable))):
                return treatment.variable, f"{value:g}", "it would not raise the limit"
            return treatment.variable, f"{value:g}", ""
        case None:
            raise ValueError("a variable's value is always derived")
        case _:
            assert_never(treatment.derived)


def _number(text: str | None) -> float:
    """The number that a variable holds, 0 for anything else."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _figures(treatment: Treatment, trail: Trail) -> dict[str, int | float]:
    if treatment.derived is not Derivation.P95:
        return {}
    return {**trail.measured, "headroom": treatment.headroom, "cap_s": treatment.cap or 0.0}
