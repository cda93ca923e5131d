"""Prints the gallery's table; each project is also run by plain pytest, to see that its exit code is what is told."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.certificate import certificate_of_localhost

from .projects import projects
from .runs import Gallery
from .table import table
from .target import real_target


def main() -> int:
    """The number of projects whose exit code is another than their data file tells."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with real_target(certificate_of_localhost(folder / "localhost.pem")) as target:
            gallery = Gallery(folder, target, folder / "compiled")
            codes = {project.name: gallery.plain(project).returncode for project in projects()}
            sys.stdout.write(table(gallery.visit().values()))
    wrong = [project for project in projects() if project.plain != codes[project.name]]
    for project in wrong:
        sys.stderr.write(f"{project.name}: plain pytest ended with {codes[project.name]}, not with {project.plain}\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
