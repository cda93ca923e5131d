"""A plan told in lines, without what has its default, for cases to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum

from netra_loop.core.plan import Plan


def told(plan: Plan) -> str:
    """Every value of the plan but its digest: one line a service, suite, phase, step, cause and why."""
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    bare_environment = replace(plan.environment, targets=())
    yield _short(replace(plan, digest="", environment=bare_environment, phases=(), suites=(), knowledge=()))
    for target in plan.environment.targets:
        yield _short(target)
    for suite in plan.suites:
        yield _short(suite)
    for phase in plan.phases:
        yield _short(replace(phase, steps=()))
        for step in phase.steps:
            yield f"  {_short(step)}"
    for cause in plan.knowledge:
        yield _short(replace(cause, whys=()))
        for why in cause.whys:
            yield f"  {_short(why)}"


def _short(value: object) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        shown = (f"{each.name}={_short(getattr(value, each.name))}" for each in fields(value) if _differs(value, each))
        return f"{type(value).__name__}({', '.join(shown)})"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(value))}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_short, value))}]"
    return repr(value)


def _differs(owner: object, each: Field[object]) -> bool:
    value = getattr(owner, each.name)
    if value in ((), ""):
        return False
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return bool(value != default)
