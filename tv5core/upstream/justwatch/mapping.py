"""JustWatch's responses as :class:`Title` and :class:`Offer`."""

from __future__ import annotations

from collections.abc import Iterable

from tv5core.errors import MalformedResponseError
from tv5core.sources.dates import DateReader
from tv5core.sources.numbers import count, digits, integer, rating, year_of
from tv5core.sources.tmdb import MAX_RUNTIME
from tv5core.sources.values import Remarks, RowError, imdb_id, required_title, text
from tv5core.sources.vocabulary import certification, genres, provider
from tv5core.types import Kind, Offer, Title
from tv5core.upstream.justwatch.types import Content, JustWatchOffer, JustWatchTitle

__all__ = ["offers_from", "title_from"]

_KINDS: dict[str, Kind] = {"MOVIE": "movie", "SHOW": "show"}
_QUALITIES = {"SD": "sd", "HD": "hd", "_4K": "4k", "4K": "4k"}
_OFFER_KINDS = {
    "FLATRATE": ("flatrate",),
    "FREE": ("free",),
    "FAST": ("ads",),
    "ADS": ("ads",),
    "RENT": ("rent",),
    "BUY": ("buy",),
    "FLATRATE_AND_BUY": ("flatrate", "buy"),
}
_GENRES = {
    "act": "Action", "ani": "Animation", "cmy": "Comedy", "crm": "Crime", "doc": "Documentary",
    "drm": "Drama", "eur": "European", "fml": "Family", "fnt": "Fantasy", "hrr": "Horror",
    "hst": "History", "msc": "Music", "rly": "Reality", "rma": "Romance",
    "scf": "Science Fiction", "spt": "Sports", "trl": "Thriller", "war": "War", "wsn": "Western",
}  # fmt: skip


def title_from(found: JustWatchTitle, *, country: str, checked_at: int = 0) -> Title:
    """Convert a film or series, with its offers in one country.

    Its id is TMDB's where JustWatch has it, else IMDb's, else JustWatch's.

    Parameters
    ----------
    found : JustWatchTitle
    country : str
        ISO 3166-1 alpha-2 country of the offers.
    checked_at : int
        Unix time of the response, in seconds.

    Raises
    ------
    MalformedResponseError
        It is neither a film nor a series, or has no name.
    """
    kind, content = _KINDS.get(found.object_type), found.content or Content()
    if kind is None:
        raise MalformedResponseError(
            f"justwatch {found.id}: expected MOVIE or SHOW, got {found.object_type!r}"
        )
    try:
        return _title(found, kind, content, country, checked_at)
    except RowError as error:
        raise MalformedResponseError(f"justwatch {found.id}: {error.detail}") from None


def _title(
    found: JustWatchTitle, kind: Kind, content: Content, country: str, checked_at: int
) -> Title:
    notes = Remarks()
    day, year = DateReader()(content.original_release_date, notes)
    ids = _external_ids(found.id, content)
    if "justwatch" not in ids:
        raise RowError("malformed id", f"expected an id of JustWatch's, got {found.id[:60]!r}")
    scoring = content.scoring
    offers = found.offers or ((found.watch_now_offer,) if found.watch_now_offer else ())
    return Title(
        id=_title_id(ids, kind),
        kind=kind,
        title=required_title(content.title),
        original_title=text(content.original_title),
        release_date=day,
        year=year_of(content.original_release_year, notes) or year,
        overview=text(content.short_description),
        genres=genres(_GENRES.get(code.short_name, "") for code in content.genres),
        runtime=integer(content.runtime, 1, MAX_RUNTIME, "runtime", notes),
        certification=certification(text(content.age_certification)),
        rating=rating(scoring.imdb_score, notes) if scoring else None,
        votes=count(scoring.imdb_votes, "votes", notes) if scoring else 0,
        popularity=max(0.0, scoring.tmdb_popularity) if scoring else 0.0,
        external_ids=ids,
        offers=offers_from(offers, country, checked_at=checked_at),
        source="justwatch",
        updated_at=checked_at,
    )


def _external_ids(own: str, content: Content) -> dict[str, str]:
    given = content.external_ids
    found = {
        "justwatch": text(own)[:60],
        "tmdb": digits(given.tmdb_id) if given else "",
        "imdb": imdb_id(given.imdb_id) if given else "",
    }
    return {scheme: value for scheme, value in found.items() if value}


def _title_id(ids: dict[str, str], kind: Kind) -> str:
    if "tmdb" in ids:
        return f"tmdb:{'movie' if kind == 'movie' else 'tv'}:{ids['tmdb']}"
    return f"imdb:{ids['imdb']}" if "imdb" in ids else f"justwatch:{ids['justwatch']}"


def offers_from(
    found: Iterable[JustWatchOffer], country: str, *, checked_at: int = 0
) -> tuple[Offer, ...]:
    """Convert offers in one country, without duplicates and without showings in cinemas.

    Offers that differ only in quality are both kept.
    """
    kept: dict[tuple[str, str, str], Offer] = {}
    for each in found:
        name = provider(each.package.clear_name) if each.package else ""
        quality = _QUALITIES.get(each.presentation_type.upper(), "")
        for kind in _OFFER_KINDS.get(each.monetization_type.upper(), ()) if name else ():
            offer = Offer(
                name, country, kind,
                price=each.retail_price_value if kind in ("rent", "buy") else None,
                currency=each.currency if each.retail_price_value is not None else "",
                url=each.standard_web_url, quality=quality, checked_at=checked_at,
                source="justwatch",
            )  # fmt: skip
            kept.setdefault((name, kind, quality), offer)
    return tuple(kept.values())
