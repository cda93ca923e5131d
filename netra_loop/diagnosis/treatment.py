"""From a confirmed cause to the one change that fits, its value derived from what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from netra_loop.core.knowledge import Cause, Derivation, RemedyKind, Treatment
from netra_loop.core.problem import Remedy
from netra_loop.core.resources import Setting, raised
from netra_loop.core.signals import VARIABLE
from netra_loop.diagnosis.calibration import raised_limit
from netra_loop.diagnosis.looks import Trail
from netra_loop.diagnosis.scene import Scene

AS_IT_IS = "as it is"
IMAGE = "image"
SOURCE = "source"  # instead of a variable, for what changes the code of a service
_MASKED = "[masked]"


@dataclass(frozen=True, slots=True)
class _Change:
    """What a remedy changes, from what to what, why its bounds forbid that, and the line that would make it last.

    commit: the one to go back to.
    """

    target: str
    variable: str
    before: str | None
    after: str
    refusal: str = ""
    permanent: str = ""
    figures: Mapping[str, int | float] = field(default_factory=dict)
    commit: str = ""


def remedy_for(cause: Cause, treatment: Treatment, scene: Scene, trail: Trail) -> Remedy:
    """The remedy of a confirmed cause; one that its bounds forbid carries the refusal."""
    change = _change(treatment, scene, trail)
    return Remedy(
        id="",
        problem=cause.id,
        kind=treatment.kind,
        target=change.target,
        variable=change.variable,
        before=change.before,
        after=change.after,
        tests=tuple(sorted(failure.name for failure in trail.failures if not failure.step)),
        figures=change.figures,
        refusal=change.refusal,
        permanent=change.permanent,
        file=treatment.file,
        key=treatment.key,
        argv=treatment.argv,
        commit=change.commit,
    )


def _change(treatment: Treatment, scene: Scene, trail: Trail) -> _Change:
    target = trail.subject or trail.targets[0]
    match treatment.kind:
        case RemedyKind.LEASE_USERS:
            return _users(scene)
        case RemedyKind.SET_ENV:
            return _variable(treatment, scene, trail, target)
        case RemedyKind.SET_RESOURCES:
            return _setting(treatment, scene, target)
        case RemedyKind.RESTART:
            return _Change(target, "revision", None, "a new one of the same")
        case RemedyKind.ROLLBACK:
            return _rollback(scene, target)
        case RemedyKind.PATCH:
            return _patch(treatment, scene, target)
        case RemedyKind.CONFIG_EDIT:
            return _Change(target, f"{treatment.file} {treatment.key}", None, treatment.value)
        case RemedyKind.COMMAND:
            return _Change(target, SOURCE, AS_IT_IS, f"what {treatment.argv[0]} makes of it")
        case RemedyKind.AGENT:
            raise ValueError("an agent is no remedy of a cause")
        case _:
            assert_never(treatment.kind)


def _users(scene: Scene) -> _Change:
    enough = len(scene.user_pool) > 1
    return _Change(
        target="",
        variable="users.mode",
        before="shared",
        after="exclusive",
        refusal="" if enough else "the pool has one user: nobody can have one alone",
        permanent=f"config/{scene.environment}.yaml: users.mode: exclusive",
        figures={"pool": len(scene.user_pool)},
    )


def _variable(treatment: Treatment, scene: Scene, trail: Trail, target: str) -> _Change:
    told = scene.variables.get(target, {})
    match treatment.derived:
        case Derivation.ADDRESS:
            dependency = trail.down[0].dependency
            variable, after, refusal = dependency.variable, dependency.address, ""
        case Derivation.P95:
            variable = treatment.variable
            after, refusal = _longer(treatment, trail, _number(told.get(variable)))
        case Derivation.LAST_GOOD:
            variable, after, refusal = _as_before(treatment, scene, target)
        case Derivation.RAISED | None:
            raise ValueError("a variable's value is always derived from what was seen")
        case _:
            assert_never(treatment.derived)
    return _Change(
        target=target,
        variable=variable,
        before=told.get(variable),
        after=after,
        refusal=refusal,
        permanent=_permanent(treatment, scene.environment, f"services.{target}.env.{variable}", after),
        figures=_figures(treatment, trail),
    )


def _permanent(treatment: Treatment, environment: str, key: str, after: str) -> str:
    """The line to write; for an address the one to remove, because the declared one is told then, wherever it is."""
    if treatment.derived is Derivation.ADDRESS:
        return f"config/{environment}.yaml: no {key}, so that the declared address is told"
    return f"config/{environment}.yaml: {key}: {after}" if after else ""


def _longer(treatment: Treatment, trail: Trail, told: float) -> tuple[str, str]:
    """The raised limit in seconds, and why the bounds forbid it."""
    value = raised_limit(trail.measured["p95_s"], treatment.headroom, treatment.cap or 0.0)
    if value is None:
        return "", "the work takes longer than the cap allows"
    is_longer = value > max(trail.measured["limit_s"], told)
    return f"{value:g}", "" if is_longer else "it would not raise the limit"


def _as_before(treatment: Treatment, scene: Scene, target: str) -> tuple[str, str, str]:
    """The one variable that the last good revision was told otherwise, what it was told, and why it is not set."""
    drifted = [changed for drift in scene.drifts if drift.target == target for changed in drift.changed]
    variables = {each.name.removeprefix(VARIABLE): each.before for each in drifted if each.name.startswith(VARIABLE)}
    names = [name for name in variables if treatment.variable in ("", name)]
    if len(names) != 1:
        return treatment.variable, "", f"{len(names)} variables differ from those of the last good revision, not one"
    before = variables[names[0]]
    if before is None:
        return names[0], "", "the last good revision was not told it"
    return (names[0], "", "it is a secret") if _MASKED in before else (names[0], before, "")


def _setting(treatment: Treatment, scene: Scene, target: str) -> _Change:
    setting = Setting(treatment.variable)
    before = scene.settings.get(target, {}).get(setting.value, "")
    after = raised(setting, before, treatment.headroom, treatment.most) if before else None
    return _Change(
        target=target,
        variable=setting.value,
        before=before or None,
        after=after or "",
        refusal="" if after else f"it is {before or 'not known'} and may be {treatment.most} at most",
        permanent=f"gcloud run services update {target} {setting.flag} {after}" if after else "",
        figures={"factor": treatment.headroom},
    )


def _rollback(scene: Scene, target: str) -> _Change:
    image = scene.good_images.get(target, "")
    if not image:
        return _Change(target, IMAGE, AS_IT_IS, "", "no session has proven a revision with another image good")
    permanent = f"deploy {image} to {target}, or repair what came after it"
    return _Change(target, IMAGE, AS_IT_IS, image, permanent=permanent, commit=scene.good_commits.get(target, ""))


def _patch(treatment: Treatment, scene: Scene, target: str) -> _Change:
    if treatment.file:
        return _Change(target, SOURCE, AS_IT_IS, f"with {treatment.file}", permanent=f"apply {treatment.file}")
    good = scene.good_commits.get(target, "")
    if not good:
        return _Change(target, SOURCE, AS_IT_IS, "", "no session has proven an earlier commit of it good")
    short = good[:12]
    return _Change(
        target, SOURCE, AS_IT_IS, f"as of {short}", permanent=f"take back what came after {short}", commit=good
    )


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
