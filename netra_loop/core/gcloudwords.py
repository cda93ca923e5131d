"""What gcloud says when it cannot, and what a person can do about it. Pure.

Its words prove nothing of the service: what counts is the revision that is read back. The sentences are gcloud's own
(528) and those of public issue threads; none of them is parsed as data.
"""

from __future__ import annotations

import re

_ADVICE = (
    (
        r"reauthentication (is )?(required|failed)|please run:?\s+\$ gcloud auth login",
        "sign in again: `gcloud auth login`",
    ),
    (r"do not currently have an active account", "sign in: `gcloud auth login`"),
    (r"has not been used in project|SERVICE_DISABLED|API .* is not enabled", "enable the API that it names"),
    (r"quota|RESOURCE_EXHAUSTED|rate limit", "a quota is used up; wait, or ask for more"),
    (r"permission|forbidden|PERMISSION_DENIED", "the account lacks a permission: roles/run.developer"),
    (r"build (failed|step)|failed to build|buildpack", "the build failed; its log is linked in what gcloud said"),
    (r"failed to start and listen|startup probe|container failed to start", "the revision does not start; see its log"),
    (r"image .* not found|manifest unknown", "the image is not there; push it first"),
    (r"interrupted|timed out|deadline exceeded", "it may have been cut off; run again, what was made is found"),
    (r"crashed|traceback", "gcloud itself failed; `gcloud components update`, or `deployer: api`"),
)


def advice_on(words: str) -> str:
    """What to do about gcloud's last words, empty where nobody knows."""
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, words, re.IGNORECASE)), "")
