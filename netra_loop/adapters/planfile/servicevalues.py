"""How the text of an environment becomes what a service is told and asked: HTTP, JSON, environment variables."""

from __future__ import annotations

import json
import keyword
import re

from netra_loop.adapters.planfile.values import Wrong, single, text
from netra_loop.adapters.planfile.yamldocument import Scalar, quoted
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.names import too_long
from netra_loop.core.target import Scalar as JsonScalar

_POINTER = re.compile(r"(/([^/~]|~[01])*)+")
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}:([1-9][0-9]{0,4})")
_HTTP_PATH = re.compile(r"/(?!/)[!-~]*")
_JSON = re.compile(r"true|false|null|-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?")
_AMBIGUOUS = re.compile(
    r"~|yes|no|on|off|true|false|null|[-+]?\.(inf|nan)|0[xob][0-9a-f_]+"
    r"|[-+]?[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|[-+]?\.[0-9]+",
    re.IGNORECASE,
)


def pointer(given: str) -> str:
    """A JSON pointer (RFC 6901) to something within a document."""
    if not _POINTER.fullmatch(given):
        raise Wrong(f"is no JSON pointer: {quoted(given)}", "it starts with /, like /status")
    return given


def pointer_text(value: object) -> str:
    """A JSON pointer that is a value."""
    return pointer(text(value))


def json_scalar(value: object) -> JsonScalar:
    """What JSON would read: quoted is text; plain is true, false, null, a number, else text.

    Plain `yes`, `0123`, `.inf` and the like are refused: one YAML reads them as text, another as something else.
    """
    scalar = single(value)
    if not scalar.plain:
        return scalar.text
    if not scalar.text:
        raise Wrong("must not be empty", 'write null or ""')
    if _JSON.fullmatch(scalar.text):
        read: JsonScalar = json.loads(scalar.text)
        return read
    if _AMBIGUOUS.fullmatch(scalar.text):
        raise Wrong(f"can be read in two ways: {quoted(scalar.text)}", "quotes make it text")
    return scalar.text


def message(value: object) -> str:
    """What to send: a text as it is, a mapping as compact JSON."""
    if isinstance(value, Scalar):
        return text(value)
    if not isinstance(value, dict):
        raise Wrong("must be text or a mapping")
    return json.dumps(_json(value), ensure_ascii=False, separators=(",", ":"))


def _json(value: object) -> object:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return json_scalar(value)


def http_path(value: object) -> str:
    """The path of a URL, with a query if need be; two slashes at its start would name another host."""
    given = text(value)
    if not _HTTP_PATH.fullmatch(given):
        raise Wrong(f"is no path: {quoted(given)}", "it starts with one / and has no spaces")
    return given


def address(value: object) -> str:
    """Where something listens: a host and a port."""
    given = text(value)
    found = _ADDRESS.fullmatch(given)
    if not found or int(found[1]) > 65535:
        raise Wrong(f"is no address: {quoted(given)}", "it is a host and a port up to 65535, like 127.0.0.1:6379")
    return given


def header(value: object) -> str:
    """The name of an HTTP header."""
    given = text(value)
    if not re.fullmatch(r"[A-Za-z0-9-]+", given):
        raise Wrong(f"is no name of a header: {quoted(given)}")
    return given


def cloud_run_name(value: object) -> str:
    """What Cloud Run takes as the name of a service that we deploy."""
    given = text(value)
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", given):
        hint = "on Cloud Run: lower case letters, digits and -, a letter first, no - at the end"
        raise Wrong(f"cannot be {quoted(given)}", hint)
    if problem := too_long(given):
        raise Wrong(problem)
    return given


def variable(given: str) -> str:
    """The name of an environment variable."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given):
        raise Wrong(f"is no name of an environment variable: {quoted(given)}")
    return given


def service_variable(given: str) -> str:
    """The name of an environment variable that a service may be given."""
    if given == "PORT" or given.startswith("K_"):
        raise Wrong(f"cannot be {quoted(given)}", "Cloud Run sets PORT and K_... itself")
    return variable(given)


def service_variable_text(value: object) -> str:
    """The name of an environment variable of a service that is a value."""
    return service_variable(text(value))


def module(value: object) -> str:
    """The dotted name of a Python module."""
    given = text(value)
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in given.split(".")):
        raise Wrong(f"is no name of a module: {quoted(given)}")
    return given


def content_type(value: object) -> str:
    """A media type without parameters, in lower case."""
    given = text(value).lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", given):
        raise Wrong(f"is no media type: {quoted(given)}", "like application/json, without parameters")
    return given


def host(value: object) -> str:
    """A host, with a port where it is not the usual one."""
    given = text(value)
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", given):
        raise Wrong(f"is no host: {quoted(given)}", "like login.example.com, without scheme and path")
    return given


def remedy_kind(given: str) -> str:
    """The word of a kind of remedies."""
    known = [kind.value for kind in RemedyKind]
    if given not in known:
        raise Wrong(f"is no kind of remedies: {quoted(given)}", f"known are: {', '.join(known)}")
    return given


def timeout_name(given: str) -> str:
    """The name of a timeout; suites know it in upper case, with _ for -."""
    if not re.fullmatch(r"[a-z0-9-]{1,63}", given):
        raise Wrong(f"cannot be {quoted(given)}", "lower case letters, digits and -, at most 63")
    return given
