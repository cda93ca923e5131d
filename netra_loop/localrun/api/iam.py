"""IAM policies of services and jobs: kept and given back. They protect nothing here: whoever is on this machine may."""

import base64
import secrets
from dataclasses import dataclass

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.errors import aborted
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs.catalog import JobsCatalog
from netra_loop.localrun.jobs.model import JobId
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.services.model import Place, ServiceId
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


@dataclass(slots=True)
class IamApi:
    """The same three methods for services and jobs, in v1 and in v2."""

    policies: Policies
    catalog: Catalog
    jobs: JobsCatalog

    def routes(self) -> list[Route]:
        found = []
        for version in ("v1", "v2"):
            for kind in ("services", "jobs"):
                resource = f"/{version}/projects/{{project}}/locations/{{location}}/{kind}/{{service}}"
                found += [
                    Route("GET", f"{resource}:getIamPolicy", self.get_policy),
                    Route("POST", f"{resource}:setIamPolicy", self.set_policy, "set_iam_policy"),
                    Route("POST", f"{resource}:testIamPermissions", self.test_permissions),
                ]
        return found

    async def get_policy(self, request: ApiRequest) -> Answer:
        self._require_one(request)
        return Answer(self.policies.get(_resource(request)))

    async def set_policy(self, request: ApiRequest) -> Answer:
        policy = Fields(request.json()).fields("policy")
        policy.expect_only(("version", "etag", "bindings", "auditConfigs"))
        self._require_one(request)
        return Answer(self.policies.put(_resource(request), policy.document), request.args["service"])

    async def test_permissions(self, request: ApiRequest) -> Answer:
        """Whoever asks may do everything here, also to what does not exist yet, which gcloud asks before it deploys."""
        return Answer({"permissions": Fields(request.json()).texts("permissions")})

    def _require_one(self, request: ApiRequest) -> None:
        """Raise NOT_FOUND when there is no such service or job."""
        place, name = Place(request.args["project"], request.args["location"]), request.args["service"]
        if "/jobs/" in request.path:
            self.jobs.job(JobId(place, name))
        else:
            self.catalog.service(ServiceId(place, name))


def _resource(request: ApiRequest) -> str:
    """The path of what a policy is for, without the version of the API."""
    return request.path.removeprefix("/v1/").removeprefix("/v2/").rpartition(":")[0]
