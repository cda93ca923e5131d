"""Draws the last session of this project as docs/session.svg, from its journal: `make picture` after `make run`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from netra_loop.adapters.files import State
from netra_loop.views.live import draw
from netra_loop.views.sessions import headline_of
from netra_loop.wiring.place import Place
from netra_loop.wiring.reports import read_session

WIDTH = 112
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""  # Rich's own frame loads its fonts from the web; a picture in a repository must not


def main() -> None:
    project = Path(__file__).parents[1]
    session = read_session(Place(project, State(project / ".netra-loop")), "last")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ make run", style="bold"))
    console.print(draw(session))
    console.print(Text(headline_of(session)))
    svg = console.export_svg(title="ultimate-test-deploy-loop", theme=MONOKAI, code_format=FRAME, unique_id="session")
    (project / "docs" / "session.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")
    sys.stdout.write("docs/session.svg\n")


if __name__ == "__main__":
    main()
