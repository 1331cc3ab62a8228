"""What TMDB answers as :class:`Title` and :class:`Offer`.

What becomes of each field is told in :mod:`tv5core.sources.tmdb`, which also reads TMDB's files.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tv5core.errors import MalformedResponseError
from tv5core.sources.tmdb import offers_of, title_of
from tv5core.sources.values import Remarks, RowError
from tv5core.types import Offer, Title
from tv5core.upstream.tmdb.details import MovieDetails, TvDetails, WatchProviders
from tv5core.upstream.tmdb.types import MovieResult, MultiResult, TvResult

__all__ = ["WATCH_ATTRIBUTION", "offers_from", "title_from"]

WATCH_ATTRIBUTION = "JustWatch"
"""Whom to name wherever ``watch/providers`` is shown: TMDB has that data on this condition."""

_MEDIA = {MovieDetails: "movie", MovieResult: "movie", TvDetails: "tv", TvResult: "tv"}


def title_from(
    found: MovieDetails | TvDetails | MovieResult | TvResult | MultiResult,
    *,
    region: str = "US",
    checked_at: int = 0,
) -> Title:
    """Make a title of details, or a thin one of a result in a list.

    Parameters
    ----------
    found : MovieDetails, TvDetails, MovieResult, TvResult or MultiResult
    region : str
        ISO 3166-1 alpha-2 country whose age rating is taken.
    checked_at : int
        Unix time, in seconds, at which TMDB said so; goes into the offers and ``updated_at``.

    Raises
    ------
    MalformedResponseError
        There is no usable title in it, or it is a person.
    """
    media = _MEDIA.get(type(found), found.media_type)
    record: dict[str, Any] = {**_as_json(found), "media_type": media}
    try:
        title = title_of(record, Remarks(), region)
    except RowError as error:
        raise MalformedResponseError(f"{media or 'title'}/{found.id}: {error.detail}") from None
    return msgspec.structs.replace(
        title,
        id=f"tmdb:{'movie' if title.kind == 'movie' else 'tv'}:{found.id}",
        offers=_checked(title.offers, checked_at),
        updated_at=checked_at,
    )


def offers_from(
    providers: WatchProviders, regions: Collection[str] = (), *, checked_at: int = 0
) -> tuple[Offer, ...]:
    """Offers by country; :data:`WATCH_ATTRIBUTION` must be named beside them.

    Parameters
    ----------
    providers : WatchProviders
    regions : collection of str
        ISO 3166-1 alpha-2 countries; none means all.
    checked_at : int
        Unix time, in seconds, at which TMDB said so.
    """
    found = offers_of(_as_json(providers))
    return _checked((o for o in found if not regions or o.region in regions), checked_at)


def _as_json(value: msgspec.Struct) -> Any:
    """Return a struct as TMDB wrote it, without what was null."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _checked(offers: Any, checked_at: int) -> tuple[Offer, ...]:
    return tuple(msgspec.structs.replace(offer, checked_at=checked_at) for offer in offers)
