"""A small project of a git repository whose service lacks an item, and whose environment has a coding agent."""

from __future__ import annotations

import json
import sys

from tests.adapters.remedies.repository import Repository
from tests.small_project import Project

REPAIR = 'open("backend/items.py", "w").write("ITEMS = [1, 2, 3]\\n")\n'


def break_service(project: Project) -> Project:
    """The project with a service in which an item is missing; a test says so."""
    project.change("backend/app.py", "import json, os", "import json, os\nfrom items import ITEMS")
    project.change("backend/app.py", '"items": [1, 2, 3]', '"items": ITEMS')
    project.write("backend/items.py", "ITEMS = [1, 2]\n").write(".gitignore", "worklogs/\n.netra-loop/\n")
    repository(project).git("init", "-q", "-b", "main")
    return project


def repository(project: Project) -> Repository:
    return Repository(project.path, project.path)


def with_agent(project: Project, script: str) -> str:
    """The footprint of the project, all committed, with this agent."""
    command = json.dumps([sys.executable, "-c", script])
    project.change("config/local.yaml", "deployer: api", f"agent: {{command: {command}, timeout: 60s}}\ndeployer: api")
    made = repository(project)
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "begin")
    return made.footprint
