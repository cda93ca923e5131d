"""What can be named on Cloud Run: its limits, and the tags of ours that have to fit into them."""

from __future__ import annotations

import hashlib

LONGEST_SERVICE = 49  # characters, as all that follow
LONGEST_REVISION = 63
SHORTEST_TAG = 3
LONGEST_TAG_AND_SERVICE = 46  # together they are a label of a host name: tag---service-hash

TAG_PREFIX = "ntl-"
TAG_DIGITS = 10
OUR_TAG = len(TAG_PREFIX) + TAG_DIGITS
LONGEST_DEPLOYED = min(LONGEST_SERVICE, LONGEST_TAG_AND_SERVICE - OUR_TAG, LONGEST_REVISION - OUR_TAG - len("-"))
"""The longest name of a service that we can deploy: each of its revisions is called service-tag, and has that tag."""


def tag_of(made_of: str) -> str:
    """The tag of a revision: always the same for what it is made of and by."""
    return f"{TAG_PREFIX}{hashlib.sha256(made_of.encode()).hexdigest()[:TAG_DIGITS]}"


def too_long(service: str) -> str:
    """What is wrong with the length of a service's name, so that it reads on after the name; empty for nothing."""
    if len(service) <= LONGEST_DEPLOYED:
        return ""
    return f"has {len(service)} characters: at most {LONGEST_DEPLOYED} leave room for the tag of a candidate"
