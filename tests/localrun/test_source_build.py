"""Building an uploaded source: the image is what was uploaded, and what cannot be one is refused in one sentence."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.runtime.images import Images
from netra_loop.localrun.services.model import Place
from netra_loop.localrun.source import archive as source_archive
from netra_loop.localrun.source import build as source_build
from netra_loop.localrun.source.archive import unpack
from netra_loop.localrun.source.build import Builds, Submission
from netra_loop.localrun.source.upload import Uploads
from tests.localrun.cloud import ECHO_APP, PLACE, Cloud, service_body
from tests.localrun.sources import (
    CLOUD_BUILD,
    PROCFILE,
    REPOSITORY,
    Google,
    reference_of,
    refusal,
    source_of,
    zipped,
)

APP = PROCFILE | {"app.py": ECHO_APP.read_bytes()}
NO_DOCKER = (
    "The embedded Cloud Run cannot build a Dockerfile, as it has no container engine. Remove the Dockerfile and add a "
    "Procfile with a line 'web: COMMAND' that starts the server."
)
NO_PROCFILE = "source: there is no Procfile, so nothing says how to start it; add one with a line 'web: COMMAND'"


@pytest.fixture(scope="module")
def google(cloud: Cloud) -> Google:
    return Google(cloud)


def test_a_built_source_is_an_image_that_serves(cloud: Cloud, google: Google, name: str) -> None:
    reference = reference_of(google.build(zipped(APP)))
    assert reference.startswith(f"{REPOSITORY}/s@sha256:")
    service = cloud.deploy(name, service_body(reference))
    assert cloud.http.get(service["uri"]).status_code == 200
    assert cloud.revisions(name)[0]["containers"][0]["image"] == reference


def test_a_built_image_is_found_by_its_name_alone_too(cloud: Cloud, google: Google, name: str) -> None:
    reference = reference_of(google.build(zipped(APP)))
    cloud.deploy(name, service_body(f"{REPOSITORY}/s"))
    assert cloud.revisions(name)[0]["containers"][0]["image"] == reference


def test_equal_sources_are_one_image_and_their_moments_do_not_matter(google: Google) -> None:
    first = reference_of(google.build(zipped(APP, year=2020)))
    assert reference_of(google.build(zipped(APP, year=2026))) == first
    assert reference_of(google.build(zipped(APP | {"more": b""}))) != first


def test_a_file_that_can_be_executed_still_can_in_the_image(cloud: Cloud, google: Google) -> None:
    digest = reference_of(google.build(zipped(APP, mode=0o100755))).rpartition(":")[2]
    assert stat.S_IMODE((cloud.home / "images" / digest / "app.py").stat().st_mode) == 0o555


def test_a_build_can_be_looked_up_and_its_source_is_gone(google: Google) -> None:
    source = source_of(google.upload(zipped(APP)))
    operation = google.submit(source).json()["buildOperation"]
    build = operation["metadata"]["build"]
    assert (build["status"], build["projectId"], build["tags"]) == ("SUCCESS", "demo", ["service_s"])
    assert build["source"]["storageSource"] == source
    assert google.http.get(f"{CLOUD_BUILD}/v1/{PLACE}/operations/{build['id']}").json() == operation
    assert google.http.get(f"{CLOUD_BUILD}/v1/{PLACE}/builds/{build['id']}").json() == build
    assert refusal(google.submit(source)) == (
        400, "There is no object 'services/s/1.zip' in bucket 'run-sources-demo'.",
    )  # fmt: skip


def test_where_a_builds_log_is_said_to_be_the_build_is(cloud: Cloud, google: Google) -> None:
    build = google.build(zipped(APP)).json()["buildOperation"]["metadata"]["build"]
    assert cloud.http.get(build["logUrl"]).json() == build


def test_a_build_nobody_submitted_is_not_found(google: Google) -> None:
    for kind in ("builds", "operations"):
        assert google.http.get(f"{CLOUD_BUILD}/v1/{PLACE}/{kind}/none").status_code == 404


def test_only_the_newest_builds_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_build, "KEPT", 2)
    uploads = Uploads(tmp_path / "uploads")
    builds = Builds(Images(tmp_path / "images"), uploads, "http://127.0.0.1:1")

    def build() -> str:
        upload = uploads.begin("b", "o")
        upload.path.write_bytes(zipped(APP))
        upload.complete = True
        submission = Submission("b", "o", upload.generation, REPOSITORY, "s", [])
        return str(asyncio.run(builds.submit(Place("demo", "europe-west1"), submission))["name"])

    oldest, *others = [build() for _ in range(3)]
    assert [builds.get(name)["name"] for name in others] == others
    with pytest.raises(ApiError, match="does not exist"):
        builds.get(oldest)


def test_builds_run_as_an_account_that_is_there(google: Google) -> None:
    account = google.http.get(f"{CLOUD_BUILD}/v1/{PLACE}/defaultServiceAccount").json()["serviceAccountEmail"]
    email = account.rpartition("/")[2]
    accounts = "http://iam.googleapis.com/v1/projects/-/serviceAccounts"
    assert google.http.get(f"{accounts}/{email}").json()["email"] == email
    assert google.http.get(f"{accounts}/somebody@example.com").status_code == 404


def test_every_repository_is_there(google: Google) -> None:
    path = f"{PLACE}/repositories/cloud-run-source-deploy"
    answer = google.http.get(f"http://artifactregistry.googleapis.com/v1/{path}")
    assert (answer.json()["name"], answer.json()["format"]) == (path, "DOCKER")


def test_a_build_is_audited_under_its_service(cloud: Cloud, google: Google) -> None:
    google.build(zipped(APP))
    entry = cloud.get("/_local/audit")["entries"][-1]
    assert (entry["action"], entry["service"], entry["status"]) == ("build", "s", 200)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"app.py": b""}, NO_PROCFILE),
        (PROCFILE | {"../up": b""}, "The source has a file outside of its folder: '../up'."),
        (PROCFILE | {"a/../../up": b""}, "The source has a file outside of its folder: 'a/../../up'."),
        (PROCFILE | {"/etc/up": b""}, "The source has a file outside of its folder: '/etc/up'."),
        (PROCFILE | {"a": b"", "a/b": b""}, "The source cannot be unpacked: File exists"),
        (PROCFILE | {"x" * 300: b""}, "The source cannot be unpacked: File name too long"),
    ],
    ids=["no Procfile", "up", "up again", "absolute", "a file as a folder", "a long name"],
)  # fmt: skip
def test_an_archive_that_cannot_be_an_image_is_refused_and_leaves_nothing(
    cloud: Cloud, google: Google, files: dict[str, bytes], message: str
) -> None:
    folders = [cloud.home / "images", cloud.home / "uploads"]
    before = [set(folder.iterdir()) for folder in folders]
    answer = google.build(zipped(files))
    assert (refusal(answer), answer.json()["error"]["status"]) == ((400, message), "FAILED_PRECONDITION")
    assert [set(folder.iterdir()) for folder in folders] == before
    assert not (cloud.home / "up").exists()


def test_a_link_is_refused(google: Google) -> None:
    message = "'Procfile' is neither a file nor a folder; an image holds nothing else."
    assert refusal(google.build(zipped({"Procfile": b"/etc/passwd"}, mode=0o120777))) == (400, message)


@pytest.mark.parametrize("archive", [b"", b"no archive", zipped(APP)[:-30]], ids=["empty", "a text", "cut off"])
def test_what_is_no_archive_is_refused(google: Google, archive: bytes) -> None:
    message = "The source is no zip archive that can be read: File is not a zip file"
    assert refusal(google.build(archive)) == (400, message)


def test_an_archive_with_a_damaged_file_is_refused(google: Google) -> None:
    archive = bytearray(zipped(APP))
    archive[200] ^= 0xFF
    assert refusal(google.build(bytes(archive)))[0] == 400


def test_an_archive_that_would_fill_the_disk_is_refused_before_it_does(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(zipped({"zeros": bytes(1 << 20)}))
    pretend_size(bomb, source_archive.MOST_BYTES + 1)
    with pytest.raises(ApiError, match=f"unpacks to {source_archive.MOST_BYTES + 1} bytes"):
        unpack(bomb, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_archive, "MOST_FILES", 2)
    crowd = tmp_path / "crowd.zip"
    crowd.write_bytes(zipped({"a": b"", "b": b"", "c": b""}))
    with pytest.raises(ApiError, match=r"The source has 3 files; at most 2 are unpacked\."):
        unpack(crowd, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_an_archive_that_lies_about_its_size_is_unpacked_no_further(tmp_path: Path) -> None:
    liar = tmp_path / "liar.zip"
    liar.write_bytes(zipped({"zeros": bytes(1 << 20)}))
    pretend_size(liar, 1000)
    with pytest.raises(ApiError, match="no zip archive that can be read: Bad CRC-32"):
        unpack(liar, tmp_path)
    assert (tmp_path / "zeros").stat().st_size <= 1000


def pretend_size(archive: Path, size: int) -> None:
    """Change what the directory of an archive with one file says of that file's size."""
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    archive.write_bytes(content)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dockerBuild": {}, "buildpackBuild": None}, NO_DOCKER),
        ({"workerPool": "p"}, "workerPool: the embedded Cloud Run does not support this field"),
        ({"image": "name"}, "imageUri: 'name' is not of the form 'HOST/PROJECT/REPOSITORY/NAME'"),
        ({"image": "h/p/r/s:v1"}, "imageUri: 'h/p/r/s:v1' is not of the form 'HOST/PROJECT/REPOSITORY/NAME'"),
        (
            {"buildpackBuild": {"functionTarget": "main"}},
            "buildpackBuild.functionTarget: the embedded Cloud Run does not support this field",
        ),
        (
            {"buildpackBuild": {"baseImage": "python313", "enableAutomaticUpdates": True}},
            "buildpackBuild.baseImage: 'python313' is not there; services run with what this machine has installed",
        ),
    ],
    ids=["a Dockerfile", "a worker pool", "no image name", "a tag", "a function", "a base image"],
)  # fmt: skip
def test_what_no_snapshot_can_be_is_refused(google: Google, asked: dict[str, Any], message: str) -> None:
    assert refusal(google.build(zipped(APP), **asked)) == (400, message)


def test_a_missing_image_says_in_the_log_how_to_make_one(cloud: Cloud, name: str) -> None:
    operation = cloud.finish(cloud.create(name, service_body(f"{REPOSITORY}/nothing")))
    assert operation["error"]["message"].endswith(f"Image '{REPOSITORY}/nothing' not found.")
    [entry] = cloud.entries(f'resource.labels.service_name="{name}" severity=ERROR')
    assert entry["textPayload"].endswith(f"by 'gcloud run deploy {name} --source FOLDER'.")
