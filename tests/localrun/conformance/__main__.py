"""`python -m tests.localrun.conformance` prints the table."""

import sys

from tests.localrun.conformance import api, runtime


def main() -> None:
    for case in (*api.CASES, *runtime.CASES):
        holds = f"deviates: {case.deviates}" if case.deviates else "holds"
        sys.stdout.write(f"{case.area:18} {case.asks} ({case.source})\n{'':18} {holds}\n")


if __name__ == "__main__":
    main()
