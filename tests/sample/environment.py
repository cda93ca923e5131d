"""The environment of every process these tests start."""

import os
import sys
from pathlib import Path


def bare_environment(**variables: str) -> dict[str, str]:
    """Nothing is inherited: no PYTEST_* of the outer run, no proxy, no configuration of the machine."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    return {"PATH": path, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **variables}
