"""What a check of the table can do: deploy a service of its own, ask it, and ask both APIs about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.localrun.cloud import Cloud, Document, service_body

SPACE = "http://europe-west1-run.googleapis.com/apis/serving.knative.dev/v1/namespaces/demo"


@dataclass(frozen=True, slots=True)
class World:
    cloud: Cloud
    image: str
    name: str
    v1: httpx.Client

    def deploy(self, *, env: dict[str, str] | None = None, container: Document | None = None, **template: Any) -> str:
        """The address of the service, once it is deployed; `container` has more fields of its container."""
        body = service_body(self.image, env=env, **template)
        body["template"]["containers"][0] |= container or {}
        return str(self.cloud.deploy(self.name, body)["uri"])

    def ask(self, path: str, **template: Any) -> Any:
        """What the service, deployed just now, answers at a path."""
        return self.cloud.http.get(f"{self.deploy(**template)}/{path}").json()

    def refusal(self, *, container: Document | None = None, **template: Any) -> str:
        """Why a service is refused; nothing has come into being then."""
        body = service_body(self.image, **template)
        body["template"]["containers"][0] |= container or {}
        answer = self.cloud.create(self.name, body)
        assert answer.status_code == 400, answer.text
        assert self.cloud.http.get(f"/v2/projects/demo/locations/europe-west1/services/{self.name}").status_code == 404
        return str(answer.json()["error"]["message"])

    def failure(self, **template: Any) -> str:
        """Why a service that is accepted does not become ready."""
        body = service_body(template.pop("image", self.image), **template)
        return str(self.cloud.finish(self.cloud.create(self.name, body))["error"]["message"])

    def knative(self, kind: str = "services", name: str = "") -> Document:
        """The v1 document of the service, or of what is named."""
        answer = self.v1.get(f"{SPACE}/{kind}/{name or self.name}")
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document


Check = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a document asks. `deviates` is the README's row on it, empty where it holds."""

    area: str
    asks: str
    source: str
    check: Check
    deviates: str = ""
