"""What is cached of a catalogue, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.errors import InvalidInputError
from tv5core.recommend import Recommendation
from tv5core.results import BrowseResult, SearchResult, Suggestion
from tv5core.types import Hit, Title

__all__ = ["CATALOG_POLICIES", "CachedTitle", "validate_policies"]


class CachedTitle(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A title as it is cached.

    Attributes
    ----------
    title : Title
    row : int
        Its row in the catalogue.
    seq : int
        The catalogue's version when the title was read.
    """

    title: Title
    row: int
    seq: int


_TYPES: Mapping[str, Any] = {
    "title": CachedTitle,
    "search": SearchResult,
    "suggestions": tuple[Suggestion, ...],
    "recommendations": SearchResult,
    "recommended": tuple[Recommendation, ...],
    "popular": tuple[Title, ...],
    "browse": BrowseResult,
    "trending": tuple[Hit, ...],
}

CATALOG_POLICIES: Mapping[str, Policy] = {
    **DEFAULT_POLICIES,
    **{
        kind: msgspec.structs.replace(DEFAULT_POLICIES[kind], type=type_)
        for kind, type_ in _TYPES.items()
    },
}
"""The default policies, with the types of a catalogue's answers."""


def validate_policies(policies: Mapping[str, Policy]) -> None:
    """Refuse policies whose types are not those of a catalogue's answers.

    Raises
    ------
    InvalidInputError
    """
    for kind, want in _TYPES.items():
        got = policies.get(kind)
        if got is None or got.type != want:
            raise InvalidInputError(
                f"expected a cache opened with CATALOG_POLICIES, got one whose {kind!r} "
                f"holds {'nothing' if got is None else got.type}"
            )
