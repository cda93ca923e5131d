"""Whether a revision is needed: by what it would be made of, never by age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.events import Git
from netra_loop.core.redeploy import (
    COMMIT_LABEL,
    KEY_LABEL,
    SESSION_LABEL,
    SETTINGS_LABEL,
    Serving,
    Wanted,
    commit_of,
    labels_of,
    needed,
    told_unchanged,
)
from netra_loop.core.resources import Setting

WANTED = Wanted("c0ffee", {"A": "1"}, "abc1234")
SERVES = Serving("backend-ntl-1", True, True, labels_of(WANTED, "session-1", "k1"))
NO_REASON = ""
OTHERS = "the source, the image, the variables or the settings are others"

CASES: dict[str, tuple[Wanted, Serving, tuple[str, ...], bool, str]] = {
    "the very same": (WANTED, SERVES, (), False, NO_REASON),
    "another commit that changes nothing of it": (replace(WANTED, commit="def5678"), SERVES, (), False, NO_REASON),
    "changes that are not committed and none of its": (
        replace(WANTED, commit="abc-dirty"),
        SERVES,
        (),
        False,
        NO_REASON,
    ),
    "outside a repository": (replace(WANTED, commit=""), SERVES, (), False, NO_REASON),
    "another source or image": (replace(WANTED, content="decaf"), SERVES, (), False, OTHERS),
    "another value": (replace(WANTED, env={"A": "2"}), SERVES, (), False, OTHERS),
    "another variable": (replace(WANTED, env={"B": "1"}), SERVES, (), False, OTHERS),
    "one more variable": (replace(WANTED, env={"A": "1", "B": ""}), SERVES, (), False, OTHERS),
    "a setting": (replace(WANTED, resources={Setting.MEMORY: "1Gi"}), SERVES, (), False, OTHERS),
    "an image without a digest": (
        replace(WANTED, content=""),
        replace(SERVES, labels={}),
        (),
        False,
        "what the image holds is not known: it is given without a digest",
    ),
    "a revision that says nothing of itself": (WANTED, replace(SERVES, labels={}), (), False, OTHERS),
    "somebody else's revision that kept our labels": (
        WANTED,
        replace(SERVES, revision="backend-00007-abc", ours=False),
        (),
        False,
        "backend-00007-abc serves, which is not ours",
    ),
    "not ready": (WANTED, replace(SERVES, ready=False), (), False, "backend-ntl-1 is not ready"),
    "remedies are to be verified": (WANTED, SERVES, ("raise",), False, "it is to contain remedies"),
    "asked for": (WANTED, SERVES, (), True, "the plan asks for it"),
}


@pytest.mark.parametrize(("wanted", "serving", "changes", "always", "expected"), CASES.values(), ids=CASES)
def test_whether_a_revision_is_needed(
    wanted: Wanted, serving: Serving, changes: tuple[str, ...], always: bool, expected: str
) -> None:
    assert needed(wanted, serving, changes, always=always) == expected


def test_variables_cannot_pass_for_each_other() -> None:
    digests = {replace(WANTED, env=env).settings for env in ({"A": "1", "B": "2"}, {"A": "1\0B=2"}, {"A": "1B=2"}, {})}
    assert len(digests) == 4


def test_a_setting_decides_by_its_amount_and_none_leaves_the_digest_that_old_revisions_have() -> None:
    amounts = [{Setting.MEMORY: "1Gi"}, {Setting.MEMORY: "2Gi"}, {Setting.CPU: "1"}, {}]
    assert len({replace(WANTED, resources=each).settings for each in amounts}) == 4
    assert (
        replace(WANTED, resources={Setting.MEMORY: "1024Mi"}).settings == replace(WANTED, resources=amounts[0]).settings
    )
    assert WANTED.settings == "9fbe8acf6b6873dffdb55a91653a845795836b0c"


def test_labels_are_what_cloud_run_takes() -> None:
    labels = labels_of(WANTED, f"ultimate-test-deploy-loop-{'x' * 40}-2025-09-14-171026", "k")
    assert set(labels) == {KEY_LABEL, SESSION_LABEL, COMMIT_LABEL, SETTINGS_LABEL}
    assert all(0 < len(value) <= 63 and not value.startswith("-") for value in labels.values())
    assert labels[SESSION_LABEL].endswith("x-2025-09-14-171026")
    assert set(labels_of(Wanted("", {}, ""), "session-1", "k")) == {KEY_LABEL, SESSION_LABEL}


@pytest.mark.parametrize(
    ("git", "expected"),
    [(None, ""), (Git("abc", "main", dirty=False), "abc"), (Git("abc", "main", dirty=True), "abc-dirty")],
    ids=["outside a repository", "clean", "dirty"],
)
def test_a_commit_says_whether_it_holds_everything(git: Git | None, expected: str) -> None:
    assert commit_of(git) == expected


def test_it_is_told_from_which_commit_the_serving_revision_came() -> None:
    told = "backend-ntl-1 serves the same source or image with the same variables"
    assert told_unchanged(WANTED, SERVES) == told
    assert told_unchanged(replace(WANTED, commit="def5678"), SERVES) == f"{told}, deployed from commit abc1234"
