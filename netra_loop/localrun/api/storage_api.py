"""Cloud Storage, as far as uploading a source needs it: buckets, and objects in one request or in chunks."""

import re
from dataclasses import dataclass, field

from netra_loop.localrun import clock
from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.errors import already_exists, invalid, not_found
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.source.multipart import receive_multipart
from netra_loop.localrun.source.upload import Upload, Uploads, receive_chunk, require_size

GOOGLE = "http://storage.googleapis.com"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
BUCKET_FIELDS = ("name", "location", "iamConfiguration", "cors")
DEFAULT_LOCATION = "US"
RESUME_INCOMPLETE = 308
BUCKETS = "/storage/v1/b"
OBJECTS = "/upload/storage/v1/b/{bucket}/o"
RESUMABLE = f"/resumable{OBJECTS}"


@dataclass(frozen=True, slots=True)
class Bucket:
    project: str
    document: Document


@dataclass(slots=True)
class StorageApi:
    """The handlers. Buckets live as long as the server; `url` is its address, for clients that do not use a proxy."""

    uploads: Uploads
    url: str
    project_number: str
    _buckets: dict[str, Bucket] = field(init=False, default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("GET", BUCKETS, self.list_buckets, api="storage"),
            Route("POST", BUCKETS, self.create_bucket, "create_bucket", api="storage"),
            Route("GET", f"{BUCKETS}/{{bucket}}", self.get_bucket, api="storage"),
            Route("POST", OBJECTS, self.upload, "upload", api="storage", streams=True),
            Route("POST", RESUMABLE, self.begin_upload, "upload", api="storage"),
            Route("PUT", RESUMABLE, self.continue_upload, "upload", api="storage", streams=True),
        ]

    async def list_buckets(self, request: ApiRequest) -> Answer:
        project, prefix = request.parameter("project"), request.parameter("prefix")
        found = [bucket.document for name, bucket in self._buckets.items() if name.startswith(prefix)]
        mine = [document for document in found if self._buckets[document["name"]].project == project]
        return Answer({"kind": "storage#buckets", "items": mine})

    async def create_bucket(self, request: ApiRequest) -> Answer:
        body = Fields(request.json())
        body.expect_only(BUCKET_FIELDS)
        name = body.text("name")
        if not BUCKET_NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{name}'")
        if name in self._buckets:
            raise already_exists("Your previous request to create the named bucket succeeded and you already own it.")
        self._buckets[name] = Bucket(request.parameter("project"), self._bucket_document(body))
        return Answer(self._buckets[name].document)

    async def get_bucket(self, request: ApiRequest) -> Answer:
        return Answer(self._bucket(request).document)

    async def upload(self, request: ApiRequest) -> Answer:
        """A whole object in one request."""
        self._bucket(request)
        if request.parameter("uploadType") != "multipart":
            raise invalid("uploadType: only 'multipart' is served at this address")
        upload = self.uploads.begin(request.args["bucket"], request.parameter("name"))
        try:
            await _receive_object(upload, request)
        except BaseException:
            self.uploads.remove(upload)
            raise
        return Answer(_object_document(upload))

    async def begin_upload(self, request: ApiRequest) -> Answer:
        """The beginning of an upload in chunks; the answer's Location is where they go."""
        self._bucket(request)
        require_size(_announced_size(request))
        name = _required_name(request.parameter("name") or Fields(request.json()).text("name"))
        upload = self.uploads.begin(request.args["bucket"], name)
        host = GOOGLE if request.target.api else self.url
        location = f"{host}{request.path}?uploadType=resumable&upload_id={upload.id}"
        return Answer({}, headers={"location": location})

    async def continue_upload(self, request: ApiRequest) -> Answer:
        """The next chunk, or with a range of `*` only the question how much has come."""
        upload = self.uploads.find(request.parameter("upload_id"))
        if not upload.complete:
            await receive_chunk(upload, request.headers.get("content-range", ""), request.blocks)
        if upload.complete:
            return Answer(_object_document(upload))
        received = {"range": f"bytes=0-{upload.size - 1}"} if upload.size else {}
        return Answer({}, status=RESUME_INCOMPLETE, headers=received)

    def _bucket(self, request: ApiRequest) -> Bucket:
        bucket = self._buckets.get(request.args["bucket"])
        if bucket is None:
            raise not_found("The specified bucket does not exist.")
        return bucket

    def _bucket_document(self, asked: Fields) -> Document:
        name, moment = asked.text("name"), clock.now()
        return asked.document | {
            "kind": "storage#bucket",
            "id": name,
            "selfLink": f"{GOOGLE}{BUCKETS}/{name}",
            "projectNumber": self.project_number,
            "location": (asked.text("location") or DEFAULT_LOCATION).upper(),
            "storageClass": "STANDARD",
            "timeCreated": moment,
            "updated": moment,
            "metageneration": "1",
        }


async def _receive_object(upload: Upload, request: ApiRequest) -> None:
    with upload.path.open("r+b") as file:
        metadata = await receive_multipart(request.headers.get("content-type", ""), request.blocks, file)
    upload.name = _required_name(upload.name or Fields(metadata).text("name"))
    upload.complete = True


def _required_name(name: str) -> str:
    if not name:
        raise invalid("Required parameter: name")
    return name


def _announced_size(request: ApiRequest) -> int:
    text = request.headers.get("x-upload-content-length", "")
    return int(text) if re.fullmatch(r"\d{1,15}", text) else 0


def _object_document(upload: Upload) -> Document:
    return {
        "kind": "storage#object",
        "id": f"{upload.bucket}/{upload.name}/{upload.generation}",
        "bucket": upload.bucket,
        "name": upload.name,
        "generation": str(upload.generation),
        "metageneration": "1",
        "size": str(upload.size),
        "storageClass": "STANDARD",
        "timeCreated": upload.created,
        "updated": upload.created,
    }
