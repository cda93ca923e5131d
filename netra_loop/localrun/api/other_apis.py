"""What gcloud asks of other Google APIs before it deploys: the project, and whether an API is enabled."""

from dataclasses import dataclass

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route

PROJECT_NUMBER = "100000000000"  # every project has this one here


@dataclass(frozen=True, slots=True)
class OtherApis:
    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/projects/{project}", self.get_project, api="cloudresourcemanager"),
            Route("GET", "/v1/projects/{project}/services/{service}", self.get_enabled, api="serviceusage"),
        ]

    async def get_project(self, request: ApiRequest) -> Answer:
        """Every project exists."""
        name = request.args["project"]
        return Answer({"projectId": name, "projectNumber": PROJECT_NUMBER, "lifecycleState": "ACTIVE", "name": name})

    async def get_enabled(self, request: ApiRequest) -> Answer:
        """Every API is enabled."""
        api, parent = request.args["service"], f"projects/{PROJECT_NUMBER}"
        return Answer({"name": f"{parent}/services/{api}", "parent": parent, "state": "ENABLED"})
