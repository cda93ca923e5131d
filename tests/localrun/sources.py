"""Uploading and building a source over HTTP, in the order in which gcloud asks for it."""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx

from tests.localrun.cloud import PLACE, Cloud

BUCKET = "run-sources-demo"
STORAGE = "http://storage.googleapis.com"
RUN = "http://europe-west1-run.googleapis.com"
CLOUD_BUILD = "http://cloudbuild.googleapis.com"
REPOSITORY = "europe-west1-docker.pkg.dev/demo/cloud-run-source-deploy"
PROCFILE = {"Procfile": b"web: python app.py --port-was $PORT\n"}
CHUNK = 256 * 1024

Document = dict[str, Any]


def zipped(
    files: Mapping[str, bytes], mode: int = 0o100644, year: int = 2026, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip archive of files that all have the same mode and year."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            member.external_attr = mode << 16
            member.compress_type = method
            archive.writestr(member, content)
    return buffer.getvalue()


class Google:
    """Google's APIs as a client sees them that uses the server as its proxy."""

    def __init__(self, cloud: Cloud) -> None:
        self.http = httpx.Client(proxy=cloud.url, timeout=15)
        self.http.post(f"{STORAGE}/storage/v1/b", params={"project": "demo"}, json={"name": BUCKET})

    def upload(self, media: bytes, name: str = "services/s/1.zip", newline: bytes = b"\n") -> httpx.Response:
        """One request, written as gcloud's library writes it."""
        parts = (b"--=1=", b"Content-Type: application/json", b"MIME-Version: 1.0", b"", b'{"size": 1}')
        more = (b"--=1=", b"Content-Type: application/zip", b"Content-Transfer-Encoding: binary", b"", media)
        return self.http.post(
            f"{STORAGE}/upload/storage/v1/b/{BUCKET}/o",
            params={"name": name, "uploadType": "multipart"},
            content=newline.join((*parts, *more, b"--=1=--", b"")),
            headers={"content-type": "multipart/related; boundary='=1='"},
        )

    def begin(self, name: str = "services/s/1.zip", size: int = 0) -> httpx.Response:
        return self.http.post(
            f"{STORAGE}/resumable/upload/storage/v1/b/{BUCKET}/o",
            params={"name": name, "uploadType": "resumable"},
            json={},
            headers={"x-upload-content-length": str(size)},
        )

    def send(self, location: str, content_range: str, block: bytes = b"") -> httpx.Response:
        return self.http.put(location, content=block, headers={"content-range": content_range})

    def upload_in_chunks(self, media: bytes, size: int = CHUNK) -> list[httpx.Response]:
        """The answers to all chunks."""
        location = self.begin().headers["location"]
        return [
            self.send(location, f"bytes {start}-{start + len(block) - 1}/{len(media)}", block)
            for start in range(0, len(media), size)
            if (block := media[start : start + size])
        ]

    def submit(self, source: Document, image: str = f"{REPOSITORY}/s", **more: Any) -> httpx.Response:
        body = {"storageSource": source, "imageUri": image, "buildpackBuild": {}, "tags": ["service_s"], **more}
        return self.http.post(f"{RUN}/v2/{PLACE}/builds:submit", json=body)

    def build(self, archive: bytes, image: str = f"{REPOSITORY}/s", **more: Any) -> httpx.Response:
        """Upload an archive and have it built."""
        return self.submit(source_of(self.upload(archive)), image, **more)


def source_of(answer: httpx.Response) -> Document:
    """The source of a build that an uploaded object is."""
    assert answer.status_code == 200, answer.text
    return {"bucket": BUCKET, "object": answer.json()["name"], "generation": answer.json()["generation"]}


def reference_of(answer: httpx.Response) -> str:
    """The image that a build led to, pinned by digest."""
    assert answer.status_code == 200, answer.text
    image = answer.json()["buildOperation"]["response"]["results"]["images"][0]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["digest"])
    return f"{image['name']}@{image['digest']}"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]
