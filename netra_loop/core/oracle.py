"""What no remedy may change: whatever decides that tests are green. A diff that touches it needs a person.

Here is what may not be touched at all; what a diff may not do elsewhere is in `weakening`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from posixpath import join, normpath

from netra_loop.core.diff import FileChange
from netra_loop.core.plan import Suite

PROTECTED = (
    # tests, and what runs them
    *("tests/**", "test/**", "**/tests/**", "**/test/**", "**/e2e/**", "**/__tests__/**", "**/__snapshots__/**"),
    *("**/test_*", "**/*_test.*", "**/*.test.*", "**/*.spec.*", "**/*_spec.*", "**/*.cy.*", "**/cypress/**"),
    *("**/tests.*", "**/test.*", "**/conftest.py", "**/pytest.ini", "**/tox.ini", "**/setup.cfg"),
    *("**/noxfile.py", "**/.coveragerc", "**/jest.config.*", "**/vitest.config.*", "**/playwright.config.*"),
    *("**/cypress.config.*", "**/karma.conf.*", "**/.mocharc*"),
    # plans, environments, continuous integration, checkers
    *("phases/**", "config/**", ".github/**", ".gitlab-ci.yml", ".circleci/**", ".ci/**", "**/Makefile"),
    *("**/Jenkinsfile", "**/cloudbuild.*", "**/azure-pipelines.yml", "**/bitbucket-pipelines.yml"),
    *("**/.pre-commit-config.yaml", "**/.eslintrc*", "**/eslint.config.*", "**/ruff.toml", "**/.ruff.toml"),
    *("**/mypy.ini", "**/.mypy.ini", "**/.flake8", "**/.pylintrc", "**/biome.json*", "**/.golangci.*"),
    # what git itself reads, and what coding agents obey
    *("**/.git/**", "**/.gitattributes", "**/.gitmodules", "**/.gitignore", "**/CLAUDE.md", "**/AGENTS.md"),
    *("**/GEMINI.md", "**/.claude/**", "**/.codex/**", "**/.cursor/**", "**/.cursorrules", "**/.gemini/**"),
    *("**/.mcp.json", "**/.aider*"),
    # ours
    *(".netra-loop/**", "worklogs/**"),
)
LONGEST_EXCERPT = 120  # characters of a line
LONGEST_LINE = 2000  # characters; nobody reads a longer one, and what looks for cheats would take too long


class Rule(Enum):
    """Why a person must look first."""

    PROTECTED = "it is protected"
    OUTSIDE = "it is outside of the service's source"
    SPECIAL = "it is a link, a submodule, or changes who may run it"
    BINARY = "it is binary"
    TOO_MUCH = "it is more than a remedy may change"
    SECRET = "it holds a secret"
    FEWER_ASSERTIONS = "it takes assertions away"
    SKIPPED = "it skips tests"
    SWALLOWED = "it swallows failures"
    STUBBED = "it puts a stand-in in place"
    LIMIT = "it changes a limit: that is for a remedy with recorded completions"
    HEALTH = "it changes what health says"
    SNIFFED = "it looks whether it is tested"
    SHARED = "it makes users or sessions of one"


@dataclass(frozen=True, slots=True)
class Rules:
    """inside: the folders that may be changed, `.` for any. is_secret: whether a text holds one."""

    inside: tuple[str, ...]
    protected: tuple[str, ...] = PROTECTED
    most_files: int = 20
    most_lines: int = 500
    is_secret: Callable[[str], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason; line: a part of the line that gives it, empty where the whole file does."""

    rule: Rule
    path: str
    line: str = ""

    def __str__(self) -> str:
        where = f": {self.line.strip()[:LONGEST_EXCERPT]}" if self.line else ""
        return f"{self.path}: {self.rule.value}{where}"


def misplaced(changes: Sequence[FileChange], rules: Rules) -> tuple[Violation, ...]:
    """What a diff may not touch at all, whatever it does there."""
    found = [violation for change in changes for violation in _misplaced(change, rules)]
    lines = sum(len(change.added) + len(change.removed) for change in changes)
    if len(changes) > rules.most_files or lines > rules.most_lines:
        found.append(Violation(Rule.TOO_MUCH, f"{len(changes)} files, {lines} lines"))
    return tuple(found)


def kept_for_tests(suites: Sequence[Suite], source: str) -> tuple[str, ...]:
    """Where the tests of these suites are, as globs: their folders, paths and the files in their commands.

    A folder that holds a service's source is not among them: it is not for tests alone.
    """
    named = {
        normpath(join(suite.cwd, path.partition("::")[0]))
        for suite in suites
        for path in ("", *suite.paths, *suite.argv)
    }
    return tuple(glob for path in sorted(named) if not _holds(path, source) for glob in (path, f"{path}/**"))


def _holds(folder: str, source: str) -> bool:
    return folder == "." or f"{source}/".startswith(f"{folder}/")


def _misplaced(change: FileChange, rules: Rules) -> Iterator[Violation]:
    if any(_matches(change.path, glob) for glob in rules.protected):
        yield Violation(Rule.PROTECTED, change.path)
    if not any(folder == "." or change.path.startswith(f"{folder}/") for folder in rules.inside):
        yield Violation(Rule.OUTSIDE, change.path)
    modes = {mode for mode in (change.old_mode, change.new_mode) if mode}
    if modes - {"100644", "100755"} or len(modes) > 1:
        yield Violation(Rule.SPECIAL, change.path)
    if change.is_binary:
        yield Violation(Rule.BINARY, change.path)
    if long := [line for line in change.added if len(line) > LONGEST_LINE]:
        yield Violation(Rule.TOO_MUCH, change.path, long[0])
    if rules.is_secret("\n".join(change.added)):
        yield Violation(Rule.SECRET, change.path)


def _matches(path: str, glob: str) -> bool:
    """Whether a glob matches a path: `**/` any folders or none, `/**` all that is below, `*` within one name."""
    pattern = re.escape(glob).replace(r"\*\*/", "(?:.*/)?").replace(r"/\*\*", "/.*").replace(r"\*", "[^/]*")
    return re.fullmatch(pattern, path, re.IGNORECASE | re.DOTALL) is not None
