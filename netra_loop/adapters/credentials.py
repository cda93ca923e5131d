"""The credentials of this machine, as they are at the moment: a session outlives those that it began with."""

from __future__ import annotations

from typing import Any

import google.auth
from google.auth.credentials import Credentials

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class PresentCredentials(Credentials):
    """Read anew whenever a token is needed, so that what a person has renewed meanwhile is found."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def refresh(self, request: Any) -> None:
        """Raises DefaultCredentialsError, RefreshError, TransportError."""
        found, _ = google.auth.default(scopes=SCOPES, request=request)
        found.refresh(request)  # type: ignore[no-untyped-call]
        self.token, self.expiry, self._quota_project_id = found.token, found.expiry, found.quota_project_id
