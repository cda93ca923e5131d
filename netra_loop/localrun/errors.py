"""What goes wrong at the API, in Google's JSON error form."""

from typing import Any


class ApiError(Exception):
    """An answer other than success: an HTTP code, Google's canonical status and one clear sentence."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message

    def document(self) -> dict[str, Any]:
        """The body every Google REST API sends with an error."""
        return {"error": {"code": self.code, "message": self.message, "status": self.status}}


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_ARGUMENT", message)


def failed_precondition(message: str) -> ApiError:
    return ApiError(400, "FAILED_PRECONDITION", message)


def forbidden(message: str) -> ApiError:
    return ApiError(403, "PERMISSION_DENIED", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", message)


def already_exists(message: str) -> ApiError:
    return ApiError(409, "ALREADY_EXISTS", message)


def aborted(message: str) -> ApiError:
    return ApiError(409, "ABORTED", message)


def too_large(message: str) -> ApiError:
    return ApiError(413, "INVALID_ARGUMENT", message)


def unimplemented(message: str) -> ApiError:
    return ApiError(501, "UNIMPLEMENTED", message)
