"""Faults of the sample as data: a small change of the project that makes it fail as real services do."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from tests.small_project import Project

CASES = Path(__file__).parents[1] / "cases" / "faults"
HTTP_API = "netra_loop/sample/backend/app/http_api.py"
BODY = " " * 8  # the indent of a method's body
SERVICE = "v2/projects/local-project/locations/us-central1/services/backend"


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file of the project, a text that stands there is replaced, or code is inserted after it in a method.

    `{NAME}` stands for something that is known only when the fault begins.
    """

    old: str = ""
    new: str = ""
    after: str = ""
    insert: str = ""
    file: str = HTTP_API

    def apply(self, project: Project, known: Mapping[str, str]) -> None:
        new = f"{self.after}\n{indent(self.insert, BODY).rstrip()}" if self.after else self.new
        project.change(self.file, _filled(self.after or self.old, known), _filled(new, known))


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and what a diagnosis should say of it.

    cause: the id of the right cause, empty where no entry of the knowledge knows it. writes: what a library or the
    platform writes then, and by whom; it stands nowhere in what we have written. service: settings of its template that
    somebody gave the backend by hand. red: whether there is anything to diagnose.
    """

    name: str
    about: str
    edits: tuple[Edit, ...] = ()
    cause: str = ""
    writes: str = ""
    by: str = ""
    service: Mapping[str, Any] = field(default_factory=dict)
    red: bool = True

    def apply(self, project: Project, known: Mapping[str, str]) -> None:
        """Make the changes to a copy of the project."""
        for edit in self.edits:
            edit.apply(project, known)


def faults(folder: Path = CASES) -> Iterator[Fault]:
    """Every case file, by name."""
    for path in sorted(folder.glob("*.yaml")):
        plain = yaml.safe_load(path.read_text("utf-8"))
        yield Fault(path.stem, edits=tuple(Edit(**each) for each in plain.pop("edits", ())), **plain)


def set_by_hand(project: Project, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Change the backend's template past our product, as somebody does in a console; what it had before."""
    told = json.loads((project.path / ".netra-loop/local/server.json").read_text("utf-8"))
    url = f"{told['url']}/{SERVICE}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        template = json.load(answer)["template"]
    wanted = json.dumps({"template": {**template, "revision": "", **settings}}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}?updateMask=template", wanted, headers, method="PATCH")
    with urllib.request.urlopen(request, timeout=60) as answer:
        operation = json.load(answer)["name"]
    with urllib.request.urlopen(
        urllib.request.Request(f"{told['url']}/v2/{operation}:wait", b"{}", headers), timeout=60
    ):
        return {name: template.get(name) for name in settings}


def _filled(text: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text
