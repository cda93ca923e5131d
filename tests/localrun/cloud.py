"""What the tests know of a running server: its address, its API spoken plainly, and the real Google clients."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from google.api_core.client_options import ClientOptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.api_core.operation import Operation
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.logging import Client as LoggingClient

ECHO_APP = Path(__file__).parent / "echo_app.py"
PLACE = "projects/demo/locations/europe-west1"
PATIENCE = 15.0
PROJECT = "projects/demo"

Document = dict[str, Any]


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for a condition and return its value; fail with `what` when it does not come true."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {patience:g} s in vain until {what}"
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def write_echo_app(folder: Path) -> Path:
    """A source folder with the echo app and its Procfile."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ECHO_APP, folder / "app.py")
    (folder / "Procfile").write_text("web: python app.py --port-was $PORT\n")
    return folder


class Cloud:
    """A server process on a state folder of its own."""

    def __init__(self, home: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.process = start_server(home, *options, env=env)
        self.identity: Document = until(self._announced, "the server listens")
        self.url: str = self.identity["url"]
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def _announced(self) -> Document | None:
        """What the server says of itself, None before it does; a killed one may have left its words behind."""
        try:
            identity: Document = json.loads((self.home / "server.json").read_text())
        except FileNotFoundError:
            return None
        return identity if identity["pid"] == self.process.pid else None

    @property
    def token(self) -> dict[str, str]:
        return {"x-netra-local-token": self.identity["token"]}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End the server the orderly way; returns its exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def build(self, source: Path, name: str = "echo") -> Document:
        answer = self.http.post("/_local/build", json={"name": name, "source": str(source)}, headers=self.token)
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document

    def back(self, name: str, source: Path, address: str) -> httpx.Response:
        body = {"name": name, "source": str(source), "address": address}
        return self.http.post("/_local/backing", json=body, headers=self.token)

    def get(self, path: str) -> Document:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document

    def service(self, name: str) -> Document:
        return self.get(f"/v2/{PLACE}/services/{name}")

    def revisions(self, name: str) -> list[Document]:
        found: list[Document] = self.get(f"/v2/{PLACE}/services/{name}/revisions").get("revisions", [])
        return found

    def create(self, name: str, body: Document, **query: str) -> httpx.Response:
        return self.http.post(f"/v2/{PLACE}/services", params={"serviceId": name, **query}, json=body)

    def patch(self, name: str, body: Document, **query: str) -> httpx.Response:
        return self.http.patch(f"/v2/{PLACE}/services/{name}", params=query, json=body)

    def delete(self, name: str) -> Document:
        return self.finish(self.http.delete(f"/v2/{PLACE}/services/{name}"))

    def finish(self, answer: httpx.Response) -> Document:
        """The operation of an answer once it is done."""
        assert answer.status_code == 200, answer.text
        name = answer.json()["name"]
        done = until(
            lambda: (found := self.http.post(f"/v2/{name}:wait", json={"timeout": "10s"}).json())["done"] and found,
            f"{name} is done",
        )
        document: Document = done
        return document

    def deploy(self, name: str, body: Document, **query: str) -> Document:
        """Create the service or change it; returns its document and fails when the operation does."""
        operation = self.finish(self.patch(name, body, allowMissing="true", **query))
        assert "error" not in operation, operation["error"]
        return {key: value for key, value in operation["response"].items() if key != "@type"}

    def instances(self, service: str) -> dict[str, list[Document]]:
        """The running instances of each revision of a service."""
        services = self.get("/_local/status")["services"]
        revisions: list[Document] = next((item["revisions"] for item in services if item["name"] == service), [])
        return {revision["name"]: revision["instances"] for revision in revisions}

    def entries(self, filter_: str, **more: Any) -> list[Document]:
        """The newest matching log entries, oldest first."""
        body = {"resourceNames": [PROJECT], "filter": filter_, "pageSize": 1000, **more}
        answer = self.http.post("/v2/entries:list", json=body)
        assert answer.status_code == 200, answer.text
        entries: list[Document] = answer.json()["entries"]
        return entries

    def services_client(self) -> run_v2.ServicesClient:
        return run_v2.ServicesClient(**self._client_options(), transport="rest")

    def revisions_client(self) -> run_v2.RevisionsClient:
        return run_v2.RevisionsClient(**self._client_options(), transport="rest")

    def jobs_client(self) -> run_v2.JobsClient:
        return run_v2.JobsClient(**self._client_options(), transport="rest")

    def executions_client(self) -> run_v2.ExecutionsClient:
        return run_v2.ExecutionsClient(**self._client_options(), transport="rest")

    def tasks_client(self) -> run_v2.TasksClient:
        return run_v2.TasksClient(**self._client_options(), transport="rest")

    def logging_client(self) -> Any:
        """The client, which is not typed."""
        options = self._client_options()
        return LoggingClient(project="demo", _use_grpc=False, **options)  # type: ignore[no-untyped-call]

    def _client_options(self) -> Document:
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        return {"credentials": credentials, "client_options": ClientOptions(api_endpoint=self.url)}


def finished(operation: Operation) -> Any:
    """What an operation of the real client leads to; raises what it ended with."""
    often = DEFAULT_POLLING.with_delay(initial=0.05, maximum=0.05).with_timeout(PATIENCE)
    return operation.result(polling=often)  # type: ignore[no-untyped-call]


def start_server(home: Path, *options: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a server; its folder for `import` is the project, its output is ours to read."""
    command = [sys.executable, "-m", "netra_loop.localrun", "--state", str(home), *options]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=dict(os.environ) | dict(env or {})
    )


def service_body(image: str, *, env: Mapping[str, str] | None = None, **template: Any) -> Document:
    """A v2 Service with one container of an image, its environment, and more fields of its template."""
    variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
    return {"template": {"containers": [{"image": image, "env": variables}], **template}}


def to_revision(name: str, percent: int = 0, tag: str = "") -> Document:
    """A traffic target that names a revision."""
    target: Document = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": name, "percent": percent}
    return target | ({"tag": tag} if tag else {})


def to_latest(percent: int = 100, tag: str = "") -> Document:
    target: Document = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": percent}
    return target | ({"tag": tag} if tag else {})
