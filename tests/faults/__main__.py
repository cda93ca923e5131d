"""Runs faults in the sample, all or those that are named, and prints what was diagnosed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.fault import faults
from tests.faults.measure import Told, faulty_sample, table


def main(names: list[str]) -> None:
    told = []
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "compiled"
        compiled.mkdir()
        with faulty_sample(Path(folder), compiled) as sample:
            for fault in faults():
                if not names or fault.name in names:
                    told.append(sample.told(fault))
                    sys.stdout.write(line(told[-1]))
                    sys.stdout.flush()  # a person watches: all of them take minutes
    sys.stdout.write(f"\n{table(told)}")


def line(told: Told) -> str:
    """One fault: the mark, what happened, and what was said of it."""
    said = ", ".join(f"{each['title']}{'' if each['root_cause'] else ' (not confirmed)'}" for each in told.problems)
    return f"{told.mark.value:8} {told.fault.name}: {told.verdict}; {said or 'nothing named'}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
