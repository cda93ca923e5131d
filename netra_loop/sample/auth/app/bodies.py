"""Reading what callers send."""

import json
from typing import Any

from .errors import ApiError


def json_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`; anything else is the caller's 422."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # what cannot be sent back is not accepted
    except (ValueError, RecursionError) as error:
        raise ApiError(422, "invalid_json", "the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise ApiError(422, "not_an_object", "the body must be a JSON object")
    return value


def text_field(body: dict[str, Any], name: str) -> str:
    """The text in a required field; missing, empty and non-text values are the caller's 422."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ApiError(422, "invalid_field", f"field '{name}' must be a non-empty text")
    return value
