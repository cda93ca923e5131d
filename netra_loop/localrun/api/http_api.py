"""The control plane's requests, answers and route table."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from netra_loop.localrun.errors import ApiError, forbidden, invalid, not_found, unimplemented
from netra_loop.localrun.fields import Document, parse_json
from netra_loop.localrun.loopback import LOCAL_HOSTS

API_PATH = re.compile(r"/(v1|v2|apis|storage|upload|resumable)(/|$)")
GOOGLE_HOST = re.compile(r"(?:(?P<region>[a-z]+-[a-z]+\d+)-)?(?P<api>[a-z]+)\.googleapis\.com")
LARGEST_PAGE = 1000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is for. `api` and `region` are those of a Google host, empty when we are addressed directly."""

    path: str
    query: Mapping[str, str]
    api: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request; `args` are the names in its path. Query keys may be written in snake or camel case.

    A client that uses us as its proxy names the API (`run`) and often the region (`europe-west1`) by the host; both
    are empty in a direct call. A route that streams finds its body in `blocks`, as it comes, and none in `body`.
    """

    method: str
    target: "Target"
    headers: Mapping[str, str]
    body: bytes
    blocks: AsyncIterator[bytes]
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.path

    @property
    def query(self) -> Mapping[str, str]:
        return self.target.query

    @property
    def region(self) -> str:
        return self.target.region

    def json(self) -> Document:
        """The body as a JSON object, empty when there is none. Raises INVALID_ARGUMENT."""
        try:
            document = parse_json(self.body) if self.body.strip() else {}
        except ValueError as error:
            raise invalid(f"Invalid JSON payload received. {error}") from None
        if not isinstance(document, dict):
            raise invalid("Invalid JSON payload received. The body must be a JSON object.")
        return document

    def parameter(self, camel: str) -> str:
        """A query parameter, empty when absent."""
        snake = re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), camel)
        return self.query.get(camel) or self.query.get(snake, "")

    def flag(self, camel: str) -> bool:
        return self.parameter(camel).lower() == "true"

    def number(self, camel: str, default: int) -> int:
        text = self.parameter(camel)
        if text and not re.fullmatch(r"\d{1,9}", text):
            raise invalid(f"{camel}: '{text}' must be a number")
        return int(text or 0) or default


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document with an HTTP status and more headers than every answer has.

    `service` and `revision` are for the audit: what the call was about and what it created.
    """

    document: Document
    service: str = ""
    revision: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def page_of(
    items: Sequence[Item], request: ApiRequest, size_key: str = "pageSize", token_key: str = "pageToken"
) -> tuple[Sequence[Item], str]:
    """One page and the token of the next; a token is the place in the list where it begins."""
    size, start = min(request.number(size_key, LARGEST_PAGE), LARGEST_PAGE), request.number(token_key, 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""


def page_document(key: str, items: list[Document], next_token: str) -> Document:
    """One page of a list; clients go on asking for as long as there is a token."""
    return {key: items} | ({"nextPageToken": next_token} if next_token else {})


Handler = Callable[[ApiRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path such as `/v2/projects/{project}`. A route with an action changes something: it is audited.

    `api` is the Google API it belongs to, empty for our own. One that streams may be sent far more than fits in memory.
    """

    method: str
    path: str
    handler: Handler
    action: str = ""
    needs_token: bool = False
    api: str = "run"
    streams: bool = False

    def match(self, path: str) -> dict[str, str] | None:
        """The names in a path, or None when it is another's."""
        found = _pattern(self.path).fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(path)))


def parse_target(target: str) -> Target:
    """The target of a request: a path, or as clients write it to their proxy, a whole URL of a Google API.

    Raises PERMISSION_DENIED for every other host: nothing is ever passed on.
    """
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not parts.scheme and not parts.netloc:
        return Target(parts.path, query)
    found = GOOGLE_HOST.fullmatch(parts.hostname or "")
    if parts.scheme == "http" and found:
        return Target(parts.path, query, found["api"], found["region"] or "")
    if parts.scheme == "http" and parts.hostname in LOCAL_HOSTS:
        return Target(parts.path, query)
    raise forbidden(f"The embedded Cloud Run passes nothing on: '{target}' is none of the APIs it stands in for.")


def find_route(routes: list[Route], method: str, target: Target) -> tuple[Route, dict[str, str]]:
    """The route of a request and the names in its path.

    Raises NOT_FOUND or UNIMPLEMENTED; through the proxy PERMISSION_DENIED, for gcloud asks again what it thinks broken.
    """
    for route in routes:
        args = route.match(target.path)
        if args is not None and route.method == method and target.api in ("", route.api):
            return route, args
    raise _unknown(method, target)


def _unknown(method: str, target: Target) -> ApiError:
    if target.api:
        return forbidden(f"The embedded Cloud Run does not implement {method} {target.path} of the API {target.api}.")
    if API_PATH.match(target.path):
        return unimplemented(f"The embedded Cloud Run does not implement {method} {target.path}.")
    return not_found(f"There is nothing at {method} {target.path}.")
