"""What a check can do: deploy a service of its own, ask it, and ask both APIs about it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.localrun.cloud import PLACE, Cloud, Document, service_body

RUN_HOST = "http://europe-west1-run.googleapis.com"
SPACE = f"{RUN_HOST}/apis/serving.knative.dev/v1/namespaces/demo"


@dataclass(frozen=True, slots=True)
class World:
    """`cloud` is shared, and so is its service `plain`, which no check changes and whose revision is `plain-one`.

    `name` and `folder` are the check's own. `v1` asks as gcloud does, by the names of Google's hosts. `second` is a
    server that took over from one that was killed.
    """

    cloud: Cloud
    image: str
    name: str
    folder: Path
    v1: httpx.Client
    second: Callable[[], Cloud]

    @property
    def uri(self) -> str:
        """The address of the plain service."""
        return str(self.cloud.service("plain")["uri"])

    def ask(self, path: str, **query: str) -> Any:
        """What the plain service answers."""
        return self.cloud.http.get(f"{self.uri}/{path}", params=query).json()

    def deploy(self, *, env: dict[str, str] | None = None, container: Document | None = None, **template: Any) -> str:
        """The address of the check's own service, once it is deployed; `container` has more fields of its container."""
        return str(self.cloud.deploy(self.name, self.body(env=env, container=container, **template))["uri"])

    def body(
        self, *, env: dict[str, str] | None = None, container: Document | None = None, **template: Any
    ) -> Document:
        """A v2 Service of the image."""
        body = service_body(self.image, env=env, **template)
        body["template"]["containers"][0] |= container or {}
        return body

    def instance(self, service: str = "plain") -> Document:
        """The only instance of a service with one revision."""
        [instance] = instances_of(self.cloud, service)
        return instance

    def refusal(self, *, container: Document | None = None, **template: Any) -> str:
        """Why the v2 API refuses a service; nothing has come into being then."""
        answer = self.cloud.create(self.name, self.body(container=container, **template))
        return self._refusal(answer)

    def v1_refusal(self, *, container: Document | None = None, **spec: Any) -> str:
        """Why the v1 API refuses a service; nothing has come into being then."""
        return self.v1_refused(self.v1_body(container=container, **spec))

    def v1_refused(self, body: Document) -> str:
        """Why the v1 API refuses a document."""
        return self._refusal(self.v1.post(f"{SPACE}/services", json=body))

    def v1_body(self, *, container: Document | None = None, **spec: Any) -> Document:
        """A v1 Service of the image; `spec` has more fields of its revisions."""
        template = {"spec": {"containers": [{"image": self.image, **(container or {})}], **spec}}
        kind = {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}
        return kind | {"metadata": {"name": self.name}, "spec": {"template": template}}

    def checked(self, *, container: Document | None = None, **spec: Any) -> Document:
        """The spec of the revision that would come of a v1 Service, as a dry run tells it."""
        body = self.v1_body(container=container, **spec)
        answer = self.v1.post(f"{SPACE}/services", params={"dryRun": "all"}, json=body)
        assert answer.status_code == 200, answer.text
        found: Document = answer.json()["spec"]["template"]["spec"]
        return found

    def wait(self, answer: httpx.Response) -> httpx.Response:
        """The operation that an answer of the v1 API has begun, as the v2 API tells it."""
        assert answer.status_code == 200, answer.text
        identity = answer.json()["metadata"]["annotations"]["run.googleapis.com/operation-id"]
        return self.cloud.http.get(f"/v2/{PLACE}/operations/{identity}")

    def create(self, container: Document) -> Document:
        """The operation of creating the check's own service over the v1 API, once it is done."""
        answer = self.v1.post(f"{SPACE}/services", json=self.v1_body(container=container))
        return self.cloud.finish(self.wait(answer))

    def _refusal(self, answer: httpx.Response) -> str:
        assert answer.status_code == 400, answer.text
        assert self.cloud.http.get(f"/v2/{PLACE}/services/{self.name}").status_code == 404
        error = answer.json()["error"]
        assert error["status"] == "INVALID_ARGUMENT"
        return str(error["message"])

    def knative(self, kind: str = "services", name: str = "plain") -> Document:
        """The v1 document of what is named."""
        answer = self.v1.get(f"{SPACE}/{kind}/{name}")
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document


def instances_of(cloud: Cloud, service: str) -> list[Document]:
    """The instances of the only revision of a service."""
    [instances] = cloud.instances(service).values()
    return instances
