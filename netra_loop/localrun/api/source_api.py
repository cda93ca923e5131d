"""Deploying from source: what gcloud then asks of Cloud Run, Cloud Build, IAM and Artifact Registry."""

from dataclasses import dataclass

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.errors import not_found
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.services.model import Place
from netra_loop.localrun.source.build import Builds, read_submission

PLACE = "/projects/{project}/locations/{location}"
MESSAGES = "type.googleapis.com/google.devtools.cloudbuild.v1"


@dataclass(slots=True)
class SourceApi:
    """The handlers. Every repository exists; the only service account is the one builds run as."""

    builds: Builds
    project_number: str

    def routes(self) -> list[Route]:
        v1 = f"/v1{PLACE}"
        return [
            Route("GET", f"{v1}/repositories/{{repository}}", self.get_repository, api="artifactregistry"),
            Route("GET", f"{v1}/defaultServiceAccount", self.get_default_account, api="cloudbuild"),
            Route("GET", "/v1/projects/{project}/serviceAccounts/{account}", self.get_account, api="iam"),
            Route("POST", f"/v2{PLACE}/builds:submit", self.submit_build, "build"),
            Route("GET", f"{v1}/operations/{{build}}", self.get_operation, api="cloudbuild"),
            Route("GET", f"{v1}/builds/{{build}}", self.get_build, api="cloudbuild"),
        ]

    async def get_repository(self, request: ApiRequest) -> Answer:
        return Answer(
            {
                "name": f"{_place(request).path}/repositories/{request.args['repository']}",
                "format": "DOCKER",
                "mode": "STANDARD_REPOSITORY",
            }
        )

    async def get_default_account(self, request: ApiRequest) -> Answer:
        place = _place(request)
        return Answer(
            {
                "name": f"{place.path}/defaultServiceAccount",
                "serviceAccountEmail": f"projects/{place.project}/serviceAccounts/{self._account}",
            }
        )

    async def get_account(self, request: ApiRequest) -> Answer:
        if request.args["account"] != self._account:
            raise not_found("Unknown service account")
        name = f"projects/{request.args['project']}/serviceAccounts/{self._account}"
        return Answer({"name": name, "email": self._account, "displayName": "Compute Engine default service account"})

    async def submit_build(self, request: ApiRequest) -> Answer:
        """Answers when the build is done, as only then it can be refused in a way that gcloud tells its user."""
        submission = read_submission(Fields(request.json()))
        build = await self.builds.submit(_place(request), submission)
        return Answer({"buildOperation": _operation(build)}, submission.name)

    async def get_operation(self, request: ApiRequest) -> Answer:
        return Answer(_operation(self._build(request)))

    async def get_build(self, request: ApiRequest) -> Answer:
        return Answer(self._build(request))

    @property
    def _account(self) -> str:
        return f"{self.project_number}-compute@developer.gserviceaccount.com"

    def _build(self, request: ApiRequest) -> Document:
        return self.builds.get(f"{_place(request).path}/builds/{request.args['build']}")


def _place(request: ApiRequest) -> Place:
    return Place(request.args["project"], request.args["location"])


def _operation(build: Document) -> Document:
    """The operation of a build has the build's id."""
    return {
        "name": build["name"].replace("/builds/", "/operations/"),
        "done": True,
        "metadata": {"@type": f"{MESSAGES}.BuildOperationMetadata", "build": build},
        "response": {"@type": f"{MESSAGES}.Build", **build},
    }
