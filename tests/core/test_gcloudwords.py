"""What gcloud's last words mean for a person; whatever it prints, it is never taken for a deploy."""

from __future__ import annotations

import pytest

from netra_loop.core.gcloudwords import advice_on

SAID = {
    "ERROR: (gcloud.run.deploy) Reauthentication required.": "sign in again: `gcloud auth login`",
    "There was a problem refreshing your current auth tokens: Reauthentication failed. cannot prompt": "sign in again",
    "ERROR: (gcloud.run.deploy) You do not currently have an active account selected.": "sign in: `gcloud auth login`",
    "Cloud Run Admin API has not been used in project 1 before or it is disabled.": "enable the API that it names",
    "Quota exceeded for quota metric 'Write requests' of service 'run.googleapis.com'": "a quota is used up",
    "ERROR: RESOURCE_EXHAUSTED: Resource has been exhausted": "a quota is used up",
    "Permission 'run.services.get' denied on resource 'backend'": "the account lacks a permission",
    "ERROR: (gcloud.run.deploy) PERMISSION_DENIED: The caller does not": "the account lacks a permission",
    "ERROR: (gcloud.run.deploy) Build failed; check build logs for details": "the build failed",
    "The user-provided container failed to start and listen on the port defined provided by PORT=8080": "the revision",
    "Revision 'b-1' is not ready: Container failed to start.": "the revision does not start",
    "ERROR: Image 'registry/backend:1' not found.": "the image is not there",
    "Creating Revision....interrupted": "it may have been cut off",
    "Deploying...\nCreating Revision.........timed out": "it may have been cut off",
    "ERROR: gcloud crashed (TypeError): 'NoneType' object": "gcloud itself failed",
    "Traceback (most recent call last):\n  File gcloud.py": "gcloud itself failed",
    "WARNING: Python 3.8 will be deprecated": "",
    "{\"a\": NaN, \"a\": 1}": "",
    "\x00\xff garbage": "",
    "": "",
}  # fmt: skip


@pytest.mark.parametrize(("said", "advice"), SAID.items())
def test_g2_g3_what_gcloud_says_comes_with_what_to_do(said: str, advice: str) -> None:
    found = advice_on(said)
    assert found.startswith(advice) if advice else found == ""
