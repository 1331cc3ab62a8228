"""TMDB's own errors, told apart by their numbers."""

from __future__ import annotations

from tv5core.errors import (
    CredentialsError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.upstream.fetching.decoding import decoded
from tv5core.upstream.fetching.fetcher import Response
from tv5core.upstream.tmdb.types import ErrorBody

__all__ = ["BAD_REQUEST", "error_body", "refusal", "refusal_in"]

# https://developer.themoviedb.org/docs/errors
_KEY_CODES = {3, 7, 10, 14, 16, 30, 31, 32, 33, 35, 45}
_NOT_FOUND_CODES = {6, 21, 34, 37}
BAD_REQUEST = 400
"""From here on a status is an error."""
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


def error_body(body: bytes) -> ErrorBody:
    """Read what is said in an error's body; empty where nothing can be read."""
    try:
        return decoded(body, ErrorBody, "error")
    except MalformedResponseError:
        return ErrorBody()


def refusal_in(response: Response, path: str) -> UpstreamError:
    """Return the error that an answer with a status of 400 or more stands for."""
    said = error_body(response.body)
    message = said.status_message or "; ".join(said.errors)
    return refusal(response.status, said.status_code, message, path)


def refusal(status: int, code: int, message: str, path: str) -> UpstreamError:
    """Return the error that a status, and TMDB's own number and words, stand for."""
    said = message or f"status {status}"
    if status in (_UNAUTHORISED, _FORBIDDEN) or code in _KEY_CODES:
        return CredentialsError(f"tmdb {path}: expected a key that TMDB accepts, got: {said}")
    if status == _NOT_FOUND or code in _NOT_FOUND_CODES:
        return TitleNotFoundError(f"tmdb {path}: {said}")
    return UpstreamStatusError(status, code, message, where=f"tmdb {path}")
