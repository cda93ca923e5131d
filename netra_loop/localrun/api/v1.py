"""What all documents and requests of the v1 APIs share: their form, their lists, and the region in the host's name."""

from collections.abc import Sequence

from netra_loop.localrun.api.http_api import Answer, ApiRequest, page_of
from netra_loop.localrun.api.label_selector import read_selector
from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document
from netra_loop.localrun.services.catalog import ANY_LOCATION
from netra_loop.localrun.services.model import Place


def resource(api: str, kind: str, metadata: Document, spec: Document, status: Document) -> Document:
    """A resource of an API such as `serving.knative.dev/v1`."""
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def owner(api: str, kind: str, name: str, uid: str) -> Document:
    """How a resource says by which other one it came into being."""
    return {"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}


def listed(api: str, kind: str, documents: Sequence[Document], request: ApiRequest) -> Answer:
    """One page of the documents whose labels the request's selector wants."""
    wants = read_selector(request.parameter("labelSelector"))
    wanted = [document for document in documents if wants(document["metadata"]["labels"])]
    page, token = page_of(wanted, request, "limit", "continue")
    metadata = {"continue": token} if token else {}
    return Answer({"apiVersion": api, "kind": f"{kind}List", "metadata": metadata, "items": list(page)})


def place(request: ApiRequest) -> Place:
    """The place that a request is for: as its path says, else the region of its host, or all of them."""
    return Place(request.args["project"], request.args.get("location") or request.region or ANY_LOCATION)


def region(request: ApiRequest) -> Place:
    """The one region that a request is for. Raises INVALID_ARGUMENT when its host names none."""
    if not request.region:
        raise invalid("The host must name a region, such as europe-west1-run.googleapis.com.")
    return place(request)
