"""IAM policies of services and jobs, asked for and set; whoever is on this machine may do everything."""

from dataclasses import dataclass

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.control.policies import Policies
from netra_loop.localrun.fields import Fields
from netra_loop.localrun.jobs.catalog import JobsCatalog
from netra_loop.localrun.jobs.model import JobId
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.services.model import Place, ServiceId


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
