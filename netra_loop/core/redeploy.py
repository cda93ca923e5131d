"""What a revision of ours says of itself, and whether another one would be any different from the one that serves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netra_loop.core.events import Git
from netra_loop.core.resources import Setting, amount_of

KEY_LABEL = "netra-loop-key"
SESSION_LABEL = "netra-loop-session"
COMMIT_LABEL = "netra-loop-commit"
SETTINGS_LABEL = "netra-loop-settings"
OUR_LABELS = frozenset({KEY_LABEL, SESSION_LABEL, COMMIT_LABEL, SETTINGS_LABEL})
LONGEST_LABEL = 63  # characters; Cloud Run's limit
DIRTY = "-dirty"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed. content: a digest of the source folder or of the image, empty where nobody knows it.

    resources: what it may use, where that is to be other than what the service has.
    """

    content: str
    env: Mapping[str, str]
    commit: str
    resources: Mapping[Setting, str] = field(default_factory=dict)

    @property
    def settings(self) -> str:
        """A digest of all that decides what the revision does, never of its age; empty where that is not known."""
        if not self.content:
            return ""
        told = [self.content, sorted(self.env.items())]
        if self.resources:  # a digest of old revisions has nothing of them
            told.append(sorted((each.value, str(amount_of(each, value))) for each, value in self.resources.items()))
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]


def labels_of(wanted: Wanted, session_id: str, key: str) -> dict[str, str]:
    """The labels of a revision: whose it is, and what it was made of as far as that is known."""
    told = {
        KEY_LABEL: key,
        SESSION_LABEL: session_id[-LONGEST_LABEL:].strip("-"),
        COMMIT_LABEL: wanted.commit,
        SETTINGS_LABEL: wanted.settings,
    }
    return {name: value for name, value in told.items() if value}


def commit_of(git: Git | None) -> str:
    """The project's commit, marked where its folder holds something else; empty outside a repository."""
    if git is None:
        return ""
    return f"{git.sha}{DIRTY}" if git.dirty else git.sha


@dataclass(frozen=True, slots=True)
class Serving:
    """The revision that gets all traffic. ours: it has a name of ours, so nobody has changed it under our labels."""

    revision: str
    ours: bool
    ready: bool
    labels: Mapping[str, str]
    image: str = ""
    created: str = ""


def needed(wanted: Wanted, serving: Serving, changes: Sequence[str], *, always: bool) -> str:
    """Why a new revision is needed, empty when the one that serves is what would be deployed.

    changes: the remedies that the new one is to contain; they are verified by a newer revision only. always: the plan
    asks for a new one.
    """
    if always:
        return "the plan asks for it"
    if changes:
        return "it is to contain remedies"
    if not serving.ours or not serving.ready:
        return f"{serving.revision} serves, which is not ours" if serving.ready else f"{serving.revision} is not ready"
    if not wanted.settings:
        return "what the image holds is not known: it is given without a digest"
    if serving.labels.get(SETTINGS_LABEL) != wanted.settings:
        return "the source, the image, the variables or the settings are others"
    return ""


def told_unchanged(wanted: Wanted, serving: Serving) -> str:
    """Why nothing was deployed; with the commit that the serving revision was made of, where it is another."""
    commit = serving.labels.get(COMMIT_LABEL, "")
    told = f"{serving.revision} serves the same source or image with the same variables"
    return f"{told}, deployed from commit {commit}" if commit != wanted.commit and commit else told
