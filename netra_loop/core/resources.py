"""What a revision may use: settings by the names of gcloud's flags, their values, and Cloud Run's documented bounds.

Memory: https://cloud.google.com/run/docs/configuring/services/memory-limits
CPU: https://cloud.google.com/run/docs/configuring/services/cpu
Concurrency: https://cloud.google.com/run/docs/about-concurrency
Timeout: https://cloud.google.com/run/docs/configuring/request-timeout
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction


class Setting(Enum):
    """What can be set, as it is called in plans and revisions; gcloud's flag has hyphens."""

    MEMORY = "memory"
    CPU = "cpu"
    CONCURRENCY = "concurrency"
    MIN_INSTANCES = "min_instances"
    MAX_INSTANCES = "max_instances"
    TIMEOUT = "timeout"

    @property
    def flag(self) -> str:
        """The flag of `gcloud run deploy`."""
        return f"--{self.value.replace('_', '-')}"


_MIB, _GIB = Fraction(2**20), Fraction(2**30)
_UNITS: Mapping[Setting, Mapping[str, int | Fraction]] = {
    Setting.MEMORY: {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30},
    Setting.CPU: {"": 1, "m": Fraction(1, 1000)},
    Setting.TIMEOUT: {"": 1, "s": 1, "m": 60, "h": 3600},
}
_NUMBER = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)([A-Za-z]*)", re.ASCII)
_BOUNDS: Mapping[Setting, tuple[Fraction, Fraction | None]] = {
    Setting.MEMORY: (128 * _MIB, 32 * _GIB),
    Setting.CPU: (Fraction("0.08"), Fraction(8)),
    Setting.CONCURRENCY: (Fraction(1), Fraction(1000)),
    Setting.MIN_INSTANCES: (Fraction(0), None),  # how many there may be is the project's quota
    Setting.MAX_INSTANCES: (Fraction(1), None),
    Setting.TIMEOUT: (Fraction(1), Fraction(3600)),
}
_TOGETHER = {Setting.MEMORY, Setting.CPU, Setting.CONCURRENCY}  # these bound each other
_WHOLE_CPUS = tuple(map(Fraction, (1, 2, 4, 6, 8)))
_LEAST_MEMORY = {Fraction(4): 2 * _GIB, Fraction(6): 4 * _GIB, Fraction(8): 4 * _GIB}
_MOST_MEMORY = (  # from so many CPUs on
    (Fraction(8), 32 * _GIB),
    (Fraction(6), 24 * _GIB),
    (Fraction(4), 16 * _GIB),
    (Fraction(2), 8 * _GIB),
    (Fraction(1), 4 * _GIB),
    (Fraction("0.5"), _GIB),
    (Fraction(0), 512 * _MIB),
)


def amount_of(setting: Setting, text: str) -> Fraction:
    """The exact amount of a value such as `512Mi`, `2`, `500m` (of a CPU), `80` or `300s`.

    In bytes, CPUs, seconds, or a whole count; amounts of one setting compare. Raises ValueError for what is no such
    value; bounds are not looked at.
    """
    found, units = _NUMBER.fullmatch(text), _UNITS.get(setting, {"": 1})
    if found is None or found[2] not in units or (setting not in _UNITS and "." in text):
        raise ValueError(f"{text!r} is no value of {setting.value}")
    return Fraction(found[1]) * units[found[2]]


def written(setting: Setting, amount: Fraction) -> str:
    """An amount as gcloud and the API take it, rounded up to what can be written."""
    if setting is Setting.MEMORY:
        mebibytes = math.ceil(amount / _MIB)
        return f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"
    if setting is Setting.CPU:
        return f"{math.ceil(amount * 1000) / 1000:g}"
    return f"{math.ceil(amount)}s" if setting is Setting.TIMEOUT else str(math.ceil(amount))


def raised(setting: Setting, value: str, factor: float, cap: str) -> str | None:
    """A value times a factor, rounded up to one that Cloud Run takes, and at most the cap and Cloud Run's own bound.

    None where that is no raise: at the cap already, a factor of at most 1, or a value that cannot be read or that says
    nothing (0 of anything but the fewest instances, which become 1). Raises ValueError for a cap that is no value.
    """
    bound = _BOUNDS[setting][1]
    most = amount_of(setting, cap) if bound is None else min(amount_of(setting, cap), bound)
    try:
        now = amount_of(setting, value)
    except ValueError:
        return None
    if factor <= 1 or not (now or setting is Setting.MIN_INSTANCES):
        return None
    wanted = _step(setting, max(now * Fraction(str(factor)), Fraction(not now)), up=True)
    after = min(wanted, _step(setting, most, up=False))
    return written(setting, after) if after > now else None


def _step(setting: Setting, amount: Fraction, *, up: bool) -> Fraction:
    """The nearest amount above or below that can be set, itself included."""
    if setting is Setting.CPU and amount > 1:
        near = [each for each in _WHOLE_CPUS if (each >= amount if up else each <= amount)]
        return min(near, default=_WHOLE_CPUS[-1]) if up else max(near)
    size = {Setting.MEMORY: _MIB, Setting.CPU: Fraction("0.01")}.get(setting, Fraction(1))
    return (math.ceil(amount / size) if up else math.floor(amount / size)) * size


def refusals(wanted: Mapping[Setting, str], beside: Mapping[str, str]) -> tuple[str, ...]:
    """Why Cloud Run would not take what is wanted, alone or with what else a service has, by the settings' names."""
    alone = tuple(refusal for setting, value in wanted.items() if (refusal := _out_of_bounds(setting, value)))
    if alone or not _TOGETHER & wanted.keys():
        return alone
    return _together({**beside, **{setting.value: value for setting, value in wanted.items()}})


def _out_of_bounds(setting: Setting, value: str) -> str:
    try:
        amount = amount_of(setting, value)
    except ValueError as error:
        return str(error)
    least, most = _BOUNDS[setting]
    if amount < least:
        return f"{setting.value} {value} is less than {written(setting, least)}"
    if most is not None and amount > most:
        return f"{setting.value} {value} is more than {written(setting, most)}"
    if setting is Setting.CPU and amount > 1 and amount not in _WHOLE_CPUS:
        return f"cpu {value} is none of 1, 2, 4, 6, 8 and not below 1"
    return ""


def _together(told: Mapping[str, str]) -> tuple[str, ...]:
    """What does not go together; what nobody has set is what Cloud Run gives."""
    cpu, memory = told.get("cpu", "1"), told.get("memory", "512Mi")
    cpus, room = amount_of(Setting.CPU, cpu), amount_of(Setting.MEMORY, memory)
    most = next(most for least, most in _MOST_MEMORY if cpus >= least)
    least = _LEAST_MEMORY.get(cpus, Fraction(0))
    at_once = told.get("concurrency", "0")
    found = {
        f"memory {memory} is more than {written(Setting.MEMORY, most)}, the most with cpu {cpu}": room > most,
        f"memory {memory} is less than {written(Setting.MEMORY, least)}, the least with cpu {cpu}": room < least,
        f"concurrency {at_once} needs cpu 1 or more, not {cpu}": cpus < 1 and at_once not in ("0", "1"),
    }
    return tuple(refusal for refusal, is_so in found.items() if is_so)


def unmet(wanted: Mapping[Setting, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """What a revision has otherwise than was wanted, with both values; found: by the settings' names."""
    return tuple(
        f"{setting.value} is {found.get(setting.value, 'not set')}, not {value} as asked for"
        for setting, value in wanted.items()
        if not _same(setting, value, found.get(setting.value, ""))
    )


def _same(setting: Setting, one: str, other: str) -> bool:
    return bool(other) and amount_of(setting, one) == amount_of(setting, other)
