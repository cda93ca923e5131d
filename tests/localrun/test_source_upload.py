"""Uploading a source: buckets, whole objects and chunks, as Cloud Storage takes them from gcloud."""

import random
import re
import socket
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from netra_loop.localrun.source.upload import Uploads
from tests.localrun.cloud import Cloud, until
from tests.localrun.sources import (
    BUCKET,
    CHUNK,
    PROCFILE,
    STORAGE,
    Google,
    reference_of,
    refusal,
    source_of,
    zipped,
)

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def google(cloud: Cloud) -> Google:
    return Google(cloud)


def noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def test_a_bucket_is_there_once_it_was_created_and_belongs_to_its_project(google: Google) -> None:
    buckets = f"{STORAGE}/storage/v1/b"
    assert refusal(google.http.get(f"{buckets}/new")) == (404, "The specified bucket does not exist.")
    created = google.http.post(buckets, params={"project": "demo"}, json={"name": "new", "location": "europe-west1"})
    assert (created.json()["id"], created.json()["location"]) == ("new", "EUROPE-WEST1")
    assert google.http.get(f"{buckets}/new").json() == created.json()
    listed = {
        project: [
            item["id"] for item in google.http.get(buckets, params={"project": project, "prefix": "n"}).json()["items"]
        ]
        for project in ("demo", "other")
    }
    assert listed == {"demo": ["new"], "other": []}
    assert google.http.post(buckets, params={"project": "demo"}, json={"name": "new"}).status_code == 409


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a"])
def test_a_bucket_name_that_is_none_is_refused(google: Google, name: str) -> None:
    answer = google.http.post(f"{STORAGE}/storage/v1/b", params={"project": "demo"}, json={"name": name})
    assert refusal(answer) == (400, f"Invalid bucket name: '{name}'")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["LF", "CR LF"])
@pytest.mark.parametrize(
    "media", [b"", b"a", b"ends so\r\n", b"--=1=", b"\n--=1=-", noise(3 * MEGABYTE)], ids=lambda media: repr(media[:8])
)
def test_an_object_in_one_request_is_exactly_its_media(
    cloud: Cloud, google: Google, media: bytes, newline: bytes
) -> None:
    answer = google.upload(media, newline=newline)
    assert (answer.status_code, answer.json()["size"]) == (200, str(len(media)))
    newest = max((cloud.home / "uploads").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.read_bytes() == media


def test_chunks_are_asked_for_until_the_last_one_completes_the_object(google: Google) -> None:
    archive = zipped(PROCFILE | {"noise": noise(3 * CHUNK)})
    *chunks, last = google.upload_in_chunks(archive)
    assert [(chunk.status_code, chunk.headers["range"]) for chunk in chunks] == [
        (308, f"bytes=0-{number * CHUNK - 1}") for number in range(1, len(chunks) + 1)
    ]
    assert len(chunks) == 3
    assert last.json()["size"] == str(len(archive))
    reference_of(google.submit(source_of(last)))


def test_a_client_that_lost_its_way_is_told_where_to_go_on(google: Google) -> None:
    location = google.begin().headers["location"]
    asked = google.send(location, "bytes */8")
    assert (asked.status_code, asked.headers.get("range")) == (308, None)
    google.send(location, "bytes 0-3/8", b"abcd")
    again = google.send(location, "bytes 0-3/8", b"abcd")
    beyond = google.send(location, "bytes 6-7/8", b"gh")
    assert {answer.headers["range"] for answer in (again, beyond)} == {"bytes=0-3"}
    assert google.send(location, "bytes 4-7/8", b"efgh").json()["size"] == "8"
    assert google.send(location, "bytes */8").json()["size"] == "8"


def test_what_came_before_a_client_was_lost_is_kept(cloud: Cloud, google: Google) -> None:
    location = urlsplit(google.begin().headers["location"])
    head = f"PUT {location.path}?{location.query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(cloud.url).port)) as connection:
        connection.sendall(f"{head}Content-Range: bytes 0-7/8\r\n\r\nabcd".encode())
    asked = until(
        lambda: (answer := google.send(location.geturl(), "bytes */8")).headers.get("range") and answer,
        "bytes are kept",
    )
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-3")
    assert google.send(location.geturl(), "bytes 4-7/8", b"efgh").json()["size"] == "8"


def test_the_length_may_be_unknown_until_the_end(google: Google) -> None:
    location = google.begin().headers["location"]
    assert google.send(location, "bytes 0-3/*", b"abcd").status_code == 308
    assert google.send(location, "bytes */4").json()["size"] == "4"


def test_without_a_proxy_the_chunks_go_to_the_server_itself(cloud: Cloud) -> None:
    begun = cloud.http.post(f"/resumable/upload/storage/v1/b/{BUCKET}/o", params={"name": "direct.zip"}, json={})
    location = begun.headers["location"]
    assert location.startswith(cloud.url)
    assert cloud.http.put(location, content=b"ab", headers={"content-range": "bytes 0-1/2"}).json()["size"] == "2"


@pytest.mark.parametrize(
    ("content_range", "block", "message"),
    [
        ("", b"", "Content-Range: '' is not of the form 'bytes FIRST-LAST/TOTAL'"),
        ("bytes 0-5", b"", "Content-Range: 'bytes 0-5' is not of the form 'bytes FIRST-LAST/TOTAL'"),
        ("bytes 0-7/8", b"abcd", "Content-Range: 8 bytes were announced, 4 came"),
        ("bytes 0-1/8", b"abcd", "Content-Range: 2 bytes were announced, 4 came"),
    ],
)
def test_a_chunk_that_is_not_what_it_says_is_refused(
    google: Google, content_range: str, block: bytes, message: str
) -> None:
    location = google.begin().headers["location"]
    assert refusal(google.send(location, content_range, block)) == (400, message)
    assert google.send(location, "bytes */8").headers.get("range") is None


def test_what_is_too_large_is_refused_before_it_is_sent(google: Google) -> None:
    half, most = 600 * MEGABYTE, 512 * MEGABYTE
    message = f"The object has {half} bytes; the embedded Cloud Run takes at most {most}."
    assert refusal(google.begin(size=half)) == (413, message)
    location = google.begin().headers["location"]
    assert refusal(google.send(location, f"bytes 0-0/{half}", b"a")) == (413, message)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("text/plain", b"", "Content-Type: 'text/plain' is not of the form 'multipart/related; boundary=...'"),
        ("multipart/related; boundary=b", b"no part", "The body has no two parts, a document and the media."),
        ("multipart/related; boundary=b", b"--b\n\n{}\n--b\n\nmedia", "The body does not end with its boundary."),
        ("multipart/related; boundary=b", b"--b\n\n[]\n--b\n\nm\n--b--", "metadata: must be a JSON object"),
        ("multipart/related; boundary=b", b"--b\n\n{\n--b\n\nm\n--b--", "metadata: invalid JSON"),
        ("multipart/related; boundary=b", b"--b\n\n{}\n--b\n\nm\n--b--", "Required parameter: name"),
    ],
)
def test_a_body_that_is_no_object_is_refused_and_leaves_nothing(
    cloud: Cloud, google: Google, content_type: str, body: bytes, message: str
) -> None:
    before = set((cloud.home / "uploads").iterdir())
    answer = google.http.post(
        f"{STORAGE}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "multipart"},
        content=body,
        headers={"content-type": content_type},
    )
    assert refusal(answer)[0] == 400
    assert refusal(answer)[1].startswith(message)
    assert set((cloud.home / "uploads").iterdir()) <= before


def test_what_a_server_that_was_killed_had_received_is_removed(tmp_path: Path) -> None:
    left = Uploads(tmp_path / "uploads").begin(BUCKET, "services/s/1.zip")
    assert left.path.exists()
    Uploads(tmp_path / "uploads")
    assert not left.path.exists()


def test_uploads_that_nobody_builds_do_not_pile_up(cloud: Cloud, google: Google) -> None:
    for number in range(40):
        google.upload(b"a", f"services/s/{number}.zip")
    assert len(list((cloud.home / "uploads").iterdir())) == 32


def test_a_large_source_does_not_pass_through_memory(cloud: Cloud, google: Google) -> None:
    reference_of(google.build(zipped(PROCFILE)))
    archive = zipped(PROCFILE | {"noise": noise(20 * MEGABYTE)}, method=zipfile.ZIP_STORED)
    process = Path(f"/proc/{cloud.process.pid}")
    (process / "clear_refs").write_text("5")  # begin a new peak
    before = memory(process)
    *_, last = google.upload_in_chunks(archive, 10 * MEGABYTE)
    reference_of(google.submit(source_of(last)))
    assert memory(process) - before < 6 * MEGABYTE


def memory(process: Path) -> int:
    """The most bytes of memory a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert found is not None
    return int(found[1]) * 1024
