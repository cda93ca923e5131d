"""IAM policies of services and jobs, kept as they were given. They protect nothing here."""

import base64
import secrets

from netra_loop.localrun.errors import aborted
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.state.store import Store

KIND = "policy"  # in the store
NO_POLICY: Document = {"version": 1, "etag": "ACAB"}  # as Cloud Run answers for a service without any


class Policies:
    """The policies by the path of what they are for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policies = store.all(KIND)

    def get(self, path: str) -> Document:
        return self._policies.get(path, NO_POLICY)

    def put(self, path: str, policy: Document) -> Document:
        """Refused (ABORTED) when it was prepared on an older policy, as its etag tells."""
        etag = Fields(policy).text("etag")
        if etag and etag != self.get(path)["etag"]:
            raise aborted("There were concurrent policy changes. Please retry the whole read-modify-write.")
        # Of hexadecimal digits, so that both alphabets of base64 write it alike: gcloud gives it back in the other.
        kept = policy | {"version": 1, "etag": base64.b64encode(secrets.token_hex(6).encode()).decode()}
        self._store.put(KIND, path, kept)
        self._policies[path] = kept
        return kept

    def remove(self, path: str) -> None:
        self._store.remove(KIND, path)
        self._policies.pop(path, None)
