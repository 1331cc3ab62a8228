"""Validates what callers pass to the client, and returns it as query parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tv5core.errors import InvalidInputError
from tv5core.upstream.tmdb.types import END_OF_IDS

__all__ = [
    "append_params",
    "page_params",
    "query_params",
    "to_query",
    "validated_id",
    "validated_media",
]

_MAX_PAGE = 500
_MAX_PARTS = 20
_MAX_QUERY_CHARS = 500
_MEDIA: tuple[str, ...] = ("movie", "tv")


def to_query(params: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as text, without those that are None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
        if value is not None
    }


def validated_id(id: int) -> int:
    """Return an id of TMDB, an integer from 1."""
    if isinstance(id, bool) or not isinstance(id, int) or not 0 < id < END_OF_IDS:
        raise InvalidInputError(f"expected an id of TMDB, a positive integer, got {id!r}")
    return id


def validated_media(media: str) -> str:
    """Return ``movie`` or ``tv``."""
    if media not in _MEDIA:
        raise InvalidInputError(f"expected movie or tv, got {media!r}")
    return media


def page_params(page: int) -> dict[str, int]:
    """Return the number of a page of results, counted from 1, as a parameter."""
    if not 1 <= page <= _MAX_PAGE:
        raise InvalidInputError(f"expected a page from 1 to {_MAX_PAGE}, got {page}")
    return {"page": page}


def query_params(query: str) -> dict[str, str]:
    """Return a text to search for as a parameter."""
    if not query.strip() or len(query) > _MAX_QUERY_CHARS:
        raise InvalidInputError(
            f"expected a query of 1 to {_MAX_QUERY_CHARS} characters, got {len(query.strip())}"
        )
    return {"query": query}


def append_params(parts: Collection[str]) -> dict[str, str]:
    """Return the parts to append to details as a parameter."""
    wrong = [part for part in parts if not re.fullmatch(r"[a-z_/]+", part)]
    if wrong or len(parts) > _MAX_PARTS:
        raise InvalidInputError(f"expected at most {_MAX_PARTS} parts to append, got {parts!r}")
    return {"append_to_response": ",".join(parts)} if parts else {}
