"""Builds: an uploaded source becomes an image under the name the client asked for."""

import asyncio
import re
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from netra_loop.localrun import clock
from netra_loop.localrun.errors import ApiError, failed_precondition, not_found
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.runtime.images import Image, Images
from netra_loop.localrun.services.model import Place
from netra_loop.localrun.source.archive import unpack
from netra_loop.localrun.source.upload import Upload, Uploads

KEPT = 100
SUBMISSION_FIELDS = ("storageSource", "imageUri", "buildpackBuild", "dockerBuild", "serviceAccount", "tags")
SUBMISSION_UNSUPPORTED = ("workerPool", "machineType")
BUILDPACK_UNSUPPORTED = (
    "runtime", "functionTarget", "cacheImageUri", "environmentVariables", "enableAutomaticUpdates", "projectDescriptor",
)  # fmt: skip
DEFAULT_BASE_IMAGE = re.compile(r"[a-z0-9.-]+/buildpacks/google-\d+/run")  # gcloud sends it when none was asked for
IMAGE_URI = re.compile(r"(?P<registry>[a-z0-9.-]+(?:/[a-z0-9._-]+)+)/(?P<name>[a-z0-9._-]+)(?::latest)?")


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be built: the object, and the image's registry and name."""

    bucket: str
    object: str
    generation: int
    registry: str
    name: str
    tags: list[str]


def read_submission(body: Fields) -> Submission:
    """What a SubmitBuildRequest asks for.

    Raises INVALID_ARGUMENT, and FAILED_PRECONDITION for a Dockerfile: gcloud cannot cope with a build that failed.
    """
    body.expect_only(SUBMISSION_FIELDS, SUBMISSION_UNSUPPORTED)
    if body.has("dockerBuild"):
        raise failed_precondition(
            "The embedded Cloud Run cannot build a Dockerfile, as it has no container engine. Remove the Dockerfile "
            "and add a Procfile with a line 'web: COMMAND' that starts the server."
        )
    _require_default(body.fields("buildpackBuild"))
    source = body.fields("storageSource")
    source.expect_only(("bucket", "object", "generation"))
    found = IMAGE_URI.fullmatch(body.text("imageUri"))
    if found is None:
        raise body.wrong("imageUri", f"'{body.text('imageUri')}' is not of the form 'HOST/PROJECT/REPOSITORY/NAME'")
    generation = _generation(source)
    return Submission(
        source.text("bucket"), source.text("object"), generation, found["registry"], found["name"], body.texts("tags")
    )


def _require_default(buildpack: Fields) -> None:
    """Refuse functions, base images and all else that a snapshot of the source cannot be."""
    base = buildpack.text("baseImage")
    if base and not DEFAULT_BASE_IMAGE.fullmatch(base):
        raise buildpack.wrong("baseImage", f"'{base}' is not there; services run with what this machine has installed")
    buildpack.expect_only(("baseImage",), BUILDPACK_UNSUPPORTED)


def _generation(source: Fields) -> int:
    """An int64, which protobuf's JSON writes as a string; 0 when absent."""
    value = str(source.document.get("generation") or 0)
    if not re.fullmatch(r"\d{1,19}", value):
        raise source.wrong("generation", f"'{value}' must be a number")
    return int(value)


class Builds:
    """The builds of this server's life, the newest KEPT of them, as documents of Cloud Build."""

    def __init__(self, images: Images, uploads: Uploads, url: str) -> None:
        self._images = images
        self._uploads = uploads
        self._url = url
        self._builds: dict[str, Document] = {}

    async def submit(self, place: Place, submission: Submission) -> Document:
        """Build an image; returns the finished build, and removes the source. Raises FAILED_PRECONDITION."""
        started = clock.now()
        upload = self._uploads.object(submission.bucket, submission.object, submission.generation)
        try:
            image = await asyncio.to_thread(self._build, upload, submission)
        finally:
            self._uploads.remove(upload)
        build = self._document(place, submission, upload, image) | {"startTime": started}
        self._builds[build["name"]] = build
        for old in list(self._builds)[:-KEPT]:
            del self._builds[old]
        return build

    def get(self, name: str) -> Document:
        """A build by its full name. Raises NOT_FOUND."""
        if name not in self._builds:
            raise not_found(f"Build '{name}' does not exist.")
        return self._builds[name]

    def _build(self, upload: Upload, submission: Submission) -> Image:
        folder = Path(tempfile.mkdtemp(dir=self._uploads.folder))
        try:
            unpack(upload.path, folder)
            return self._images.build(submission.name, folder, self._uploads.folder, submission.registry)
        except ApiError as error:
            raise failed_precondition(error.message) from None
        except OSError as error:
            raise failed_precondition(f"The source cannot be unpacked: {error.strerror}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _document(self, place: Place, submission: Submission, upload: Upload, image: Image) -> Document:
        identity = str(uuid.uuid4())
        name = f"{place.path}/builds/{identity}"
        source = {"bucket": upload.bucket, "object": upload.name, "generation": str(upload.generation)}
        return {
            "name": name,
            "id": identity,
            "projectId": place.project,
            "status": "SUCCESS",
            "source": {"storageSource": source},
            "createTime": upload.created,
            "finishTime": clock.now(),
            "images": [image.name],
            "results": {"images": [{"name": image.name, "digest": image.digest}]},
            "tags": submission.tags,
            "logUrl": f"{self._url}/v1/{name}",
        }
