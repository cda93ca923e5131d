"""The real gcloud against a server, with a proxy between the two that keeps every answer to look at it afterwards."""

import json
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from netra_loop.adapters.gcloud_env import gcloud_environment
from tests.localrun.cloud import Cloud
from tests.localrun.forked_gcloud import ForkedGcloud, Said, installation

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

KNATIVE, JOBS = "/apis/serving.knative.dev/v1/namespaces/demo", "/apis/run.googleapis.com/v1/namespaces/demo"
PLACE = "/v1/projects/demo/locations/[^/]+"
MESSAGES = [
    ("run", f"GET {KNATIVE}/services", "run_v1.ListServicesResponse"),
    ("run", f"DELETE ({KNATIVE}|{JOBS})/.*", "run_v1.Status"),
    ("run", f"(GET|PUT|POST) {KNATIVE}/services(/[^/]+)?", "run_v1.Service"),
    ("run", f"GET {KNATIVE}/revisions", "run_v1.ListRevisionsResponse"),
    ("run", f"GET {KNATIVE}/revisions/[^/]+", "run_v1.Revision"),
    ("run", f"GET {PLACE}/services", "run_v1.ListServicesResponse"),
    ("run", "GET /v1/projects/demo/locations", "run_v1.ListLocationsResponse"),
    ("run", f"POST {PLACE}/operations/[^/]+:wait", "run_v1.GoogleLongrunningOperation"),
    ("run", f"(GET|POST) {PLACE}/services/[^/]+:[gs]etIamPolicy", "run_v1.Policy"),
    ("run", f"POST {PLACE}/services/[^/]+:testIamPermissions", "run_v1.TestIamPermissionsResponse"),
    ("run", f"GET {JOBS}/jobs", "run_v1.ListJobsResponse"),
    ("run", f"POST {JOBS}/jobs/[^/]+:run", "run_v1.Execution"),
    ("run", f"(GET|PUT|POST) {JOBS}/jobs(/[^/]+)?", "run_v1.Job"),
    ("run", f"GET {JOBS}/executions", "run_v1.ListExecutionsResponse"),
    ("run", f"(GET|POST) {JOBS}/executions/[^/]+", "run_v1.Execution"),
    ("run", f"GET {JOBS}/tasks", "run_v1.ListTasksResponse"),
    ("run", "POST /v2/projects/demo/locations/[^/]+/builds:submit", "run_v2.GoogleCloudRunV2SubmitBuildResponse"),
    ("logging", "POST /v2/entries:list", "logging_v2.ListLogEntriesResponse"),
    ("logging", "POST /v2/entries:write", "logging_v2.WriteLogEntriesResponse"),
    ("cloudresourcemanager", "GET /v1/projects/demo", "cloudresourcemanager_v1.Project"),
    ("artifactregistry", "GET /v1/.*/repositories/[^/]+", "artifactregistry_v1.Repository"),
    ("cloudbuild", "GET /v1/.*/defaultServiceAccount", "cloudbuild_v1.DefaultServiceAccount"),
    ("cloudbuild", "GET /v1/.*/operations/[^/]+", "cloudbuild_v1.Operation"),
    ("iam", "GET /v1/projects/.*/serviceAccounts/[^/]+", "iam_v1.ServiceAccount"),
    ("storage", "GET /storage/v1/b/[^/]+", "storage_v1.Bucket"),
    ("storage", "GET /storage/v1/b", "storage_v1.Buckets"),
    ("storage", "POST /storage/v1/b", "storage_v1.Bucket"),
    ("storage", "(GET|POST) /storage/v1/b/[^/]+/o/.*", "storage_v1.Object"),
    ("storage", "(POST|PUT) /(upload|resumable/upload)/storage/v1/b/[^/]+/o", "storage_v1.Object"),
]
STRICT = """
import json, sys
from importlib import import_module
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/third_party"]
from apitools.base.py import encoding

def unknown(message, path):
    found = [path + "." + name for name in message.all_unrecognized_fields()]
    for field in message.all_fields():
        value = getattr(message, field.name)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "all_unrecognized_fields") and field.name != "additionalProperties":
                found += unknown(item, path + "." + field.name)
    return found

def messages(kind):
    module, _, name = kind.partition(".")
    api, _, version = module.partition("_")
    path = "googlecloudsdk.generated_clients.apis." + api + "." + version + "." + module + "_messages"
    return getattr(import_module(path), name)

found = []
for kind, text in json.load(sys.stdin):
    found += unknown(encoding.JsonToMessage(messages(kind), text), kind)
    if kind == "run_v1.GoogleLongrunningOperation":
        response = json.loads(text).get("response", {})
        service = {key: value for key, value in response.items() if key != "@type"}
        found += unknown(encoding.JsonToMessage(messages("run_v1.Service"), json.dumps(service)), "response")
print(json.dumps(sorted(set(found))))
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked of which API, and the answer."""

    api: str
    request: str
    status: int
    answer: str


class Recorder:
    """A proxy on a port of its own that hands everything on to the server, which is a proxy itself."""

    def __init__(self, server: str) -> None:
        self.exchanges: list[Exchange] = []
        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, urlsplit(server).netloc, self.exchanges))
        self.url = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: str, exchanges: list[Exchange], *arguments: Any) -> None:
        self.upstream, self.exchanges = server, exchanges
        super().__init__(*arguments)

    def hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        connection = HTTPConnection(self.upstream, timeout=120)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        text = answer.read()
        target = urlsplit(self.path)
        api = re.sub(r"^[a-z]+-[a-z]+\d+-", "", target.hostname or "").partition(".")[0]
        self.exchanges.append(Exchange(api, f"{self.command} {target.path}", answer.status, text.decode()))
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)
        connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = hand_on

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


class Gcloud:
    """gcloud with a configuration of its own. It sends what is larger than 5 MiB in chunks, here of 1 MiB."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.recorder = Recorder(cloud.url)
        ours = gcloud_environment(self.recorder.url, "demo", "europe-west1", folder / "gcloud")
        others = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDSDK_")}
        self._forked = ForkedGcloud(others | ours | {"CLOUDSDK_STORAGE_UPLOAD_CHUNK_SIZE": "1Mi"})

    def __call__(self, *arguments: str) -> Said:
        return self._forked(*arguments)

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints."""
        return self(*arguments, "--format=json").document

    def close(self) -> None:
        self._forked.close()
        self.recorder.close()


def check_forms(gcloud: Gcloud, at_least: int) -> None:
    """Every answer that this gcloud was given has the form that Google publishes, and there were so many at least."""
    exchanges = [one for one in gcloud.recorder.exchanges if not one.request.startswith("CONNECT")]
    assert len(exchanges) >= at_least
    foreign = foreign_fields(exchanges)
    assert not foreign, foreign
    assert [one.request for one in exchanges if one.status >= 400 and not _is_error(one)] == []


def foreign_fields(exchanges: list[Exchange]) -> list[str]:
    """The fields of good answers that Google's own published messages, as gcloud brings them along, do not have.

    An answer for which MESSAGES has no message is one of them.
    """
    good = [exchange for exchange in exchanges if exchange.status < 300]
    kinds = [_message(exchange) for exchange in good]
    unknown = [exchange.request for exchange, kind in zip(good, kinds, strict=True) if not kind]
    told = [[kind, exchange.answer] for exchange, kind in zip(good, kinds, strict=True) if kind]
    python, modules = installation()
    done = subprocess.run(
        [python, "-c", STRICT, modules], input=json.dumps(told), capture_output=True, text=True, check=True
    )
    return unknown + list(json.loads(done.stdout))


def _message(exchange: Exchange) -> str:
    found = (kind for api, path, kind in MESSAGES if api == exchange.api and re.fullmatch(path, exchange.request))
    return next(found, "")


def _is_error(exchange: Exchange) -> bool:
    error = json.loads(exchange.answer).get("error", {})
    return set(error) == {"code", "message", "status"} and error["code"] == exchange.status
