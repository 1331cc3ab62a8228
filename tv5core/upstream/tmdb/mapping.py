"""TMDB's responses as :class:`Title` and :class:`Offer`.

:mod:`tv5core.sources.tmdb`, which also reads TMDB's files, maps each field.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tv5core.errors import MalformedResponseError
from tv5core.sources.tmdb import offers_of, title_of
from tv5core.sources.values import Remarks, RowError
from tv5core.types import Offer, Title
from tv5core.upstream.fetching.omissions import note_omissions
from tv5core.upstream.tmdb.details import MovieDetails, TvDetails, WatchProviders
from tv5core.upstream.tmdb.types import MovieResult, MultiResult, TvResult

__all__ = ["WATCH_ATTRIBUTION", "offers_from", "title_from"]

WATCH_ATTRIBUTION = "JustWatch"
"""Attribution that TMDB requires wherever ``watch/providers`` is shown."""

_USUAL = ("rating without votes", "entry without a name")
"""Remarks about what TMDB sends all the time, and nobody misses."""

_MEDIA = {MovieDetails: "movie", MovieResult: "movie", TvDetails: "tv", TvResult: "tv"}


def title_from(
    response: MovieDetails | TvDetails | MovieResult | TvResult | MultiResult,
    *,
    region: str = "US",
    checked_at: int = 0,
) -> Title:
    """Convert details, or a result in a list, which gives a title with fewer fields.

    Parameters
    ----------
    response : MovieDetails, TvDetails, MovieResult, TvResult or MultiResult
    region : str
        ISO 3166-1 alpha-2 country whose age rating is taken.
    checked_at : int
        Unix time of the response, in seconds; stored in the offers and ``updated_at``.

    Values that cannot be stored, such as a runtime of a million minutes, are left out and counted
    as omissions.

    Raises
    ------
    MalformedResponseError
        It has no usable name, or is a person.
    """
    media = _MEDIA.get(type(response), response.media_type)
    fields: dict[str, Any] = {**_as_json(response), "media_type": media}
    remarks = Remarks()
    try:
        title = title_of(fields, remarks, region)
    except RowError as error:
        raise MalformedResponseError(f"{media or 'title'}/{response.id}: {error.detail}") from None
    note_omissions(each for each in remarks.elements() if not each.endswith(_USUAL))
    return msgspec.structs.replace(
        title,
        id=f"tmdb:{'movie' if title.kind == 'movie' else 'tv'}:{response.id}",
        offers=_checked(title.offers, checked_at),
        updated_at=checked_at,
    )


def offers_from(
    providers: WatchProviders, regions: Collection[str] = (), *, checked_at: int = 0
) -> tuple[Offer, ...]:
    """Convert offers; show :data:`WATCH_ATTRIBUTION` beside them.

    Parameters
    ----------
    providers : WatchProviders
    regions : collection of str
        ISO 3166-1 alpha-2 countries; empty for all.
    checked_at : int
        Unix time of the response, in seconds.
    """
    found = offers_of(_as_json(providers))
    return _checked((o for o in found if not regions or o.region in regions), checked_at)


def _as_json(value: msgspec.Struct) -> Any:
    """Return a struct as TMDB's JSON, without fields that were null."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _checked(offers: Any, checked_at: int) -> tuple[Offer, ...]:
    return tuple(msgspec.structs.replace(offer, checked_at=checked_at) for offer in offers)
