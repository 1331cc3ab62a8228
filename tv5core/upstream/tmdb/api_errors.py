"""TMDB's errors as exceptions, by HTTP status and TMDB's own error code."""

from __future__ import annotations

from tv5core.errors import (
    CredentialsError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.upstream.fetching.decoding import decode
from tv5core.upstream.fetching.request import Response
from tv5core.upstream.tmdb.types import ErrorBody

__all__ = ["FIRST_ERROR_STATUS", "error_from_response", "error_from_status", "raise_error_in_body"]

# https://developer.themoviedb.org/docs/errors
_KEY_CODES = {3, 7, 10, 14, 16, 30, 31, 32, 33, 35, 45}
_NOT_FOUND_CODES = {6, 21, 34, 37}
FIRST_ERROR_STATUS = 400
"""Statuses from here on are errors."""
_OK = 200
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


def error_from_response(response: Response, path: str) -> UpstreamError:
    """Return the error that a response with a status of 400 or more stands for."""
    body = _error_body(response.body)
    message = body.status_message or "; ".join(body.errors)
    return error_from_status(response.status, body.status_code, message, path)


def error_from_status(status: int, code: int, message: str, path: str) -> UpstreamError:
    """Return the error that a status, and TMDB's own code and message, stand for."""
    shown = message or f"status {status}"
    if status in (_UNAUTHORISED, _FORBIDDEN) or code in _KEY_CODES:
        return CredentialsError(f"tmdb {path}: expected a key that TMDB accepts, got: {shown}")
    if status == _NOT_FOUND or code in _NOT_FOUND_CODES:
        return TitleNotFoundError(f"tmdb {path}: {shown}")
    return UpstreamStatusError(status, code, message, where=f"tmdb {path}")


def raise_error_in_body(body: bytes, path: str) -> None:
    """Raise the error that a body stands for, if any; TMDB sometimes sends one with status 200."""
    found = _error_body(body)
    if found.status_code and found.status_message:
        raise error_from_status(_OK, found.status_code, found.status_message, path) from None


def _error_body(body: bytes) -> ErrorBody:
    """Decode the body of an error; empty where it is not TMDB's."""
    try:
        return decode(body, ErrorBody, "error")
    except MalformedResponseError:
        return ErrorBody()
