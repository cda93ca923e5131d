"""One shape for everything that goes wrong, over HTTP and over the WebSocket."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse


class ApiError(Exception):
    """Something the caller did wrong: an HTTP status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def unauthorized(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, {"WWW-Authenticate": "Bearer"})


def error_response(error: ApiError) -> JSONResponse:
    body = {"error": {"status": error.status, "code": error.code, "message": error.message}}
    return JSONResponse(body, error.status, error.headers)


async def on_api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_response(error)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own refusals, such as 404 and 405, in our shape."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    message = f"{request.method} {request.url.path}: {status.phrase}"
    return error_response(ApiError(status, status.name.lower(), message, dict(error.headers or {})))


async def on_crash(*_: object) -> JSONResponse:
    return error_response(ApiError(500, "internal_error", "the service failed; its log has the traceback"))
