"""`python -m tests.localrun.conformance` prints the table."""

import sys

from tests.localrun.conformance.deviations import reasons
from tests.localrun.conformance.table import CASES


def main() -> None:
    why = reasons()
    for case in CASES:
        result = f"deviates: {case.deviates} ({why[case.deviates]})" if case.deviates else "holds"
        sys.stdout.write(f"{case.id} [{case.area}] {case.asks} ({case.source})\n    {result}\n")


if __name__ == "__main__":
    main()
