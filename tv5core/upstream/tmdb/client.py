"""TMDB's API, version 3: details, lists, search, changes, and the daily exports of ids.

::

    async with Tmdb.open() as tmdb:  # keys from TMDB_BEARER_TOKEN or TMDB_API_KEY
        title = await tmdb.title("tmdb:movie:603")
        page = await tmdb.search_movie("the matrix", year=1999)

Every call takes ``priority`` (a :class:`Priority`; USER by default) and ``deadline_s`` (seconds,
waiting included). What fails raises an :class:`UpstreamError`.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import date
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from tv5core.errors import InvalidInputError, TitleNotFoundError, UpstreamStatusError
from tv5core.types import Title
from tv5core.upstream.fetching.call_options import Limits
from tv5core.upstream.fetching.decoding import decoded
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.tmdb.api_errors import BAD_REQUEST, refusal, refusal_in
from tv5core.upstream.tmdb.changes import changed_ids, day, window
from tv5core.upstream.tmdb.details import MovieDetails, TvDetails, WatchProviders
from tv5core.upstream.tmdb.exports import BadLine, ExportedId, export_path, read_export
from tv5core.upstream.tmdb.mapping import title_from
from tv5core.upstream.tmdb.provider import tmdb_provider
from tv5core.upstream.tmdb.types import (
    ChangedId,
    Configuration,
    Found,
    Genre,
    Genres,
    MovieResult,
    MultiResult,
    Page,
    Region,
    ServiceListing,
    Services,
    TitleChanges,
    TvResult,
)

__all__ = ["MOVIE_PARTS", "TV_PARTS", "Media", "Tmdb"]

Media = Literal["movie", "tv"]
T = TypeVar("T")

_COMMON = ("credits", "keywords", "external_ids", "watch/providers", "similar")
MOVIE_PARTS = (*_COMMON, "release_dates")
"""What is asked for along with a film's details."""
TV_PARTS = (*_COMMON, "content_ratings")
"""What is asked for along with a series' details."""

MAX_PAGE = 500
_MAX_PARTS = 20
_MEDIA: tuple[str, ...] = ("movie", "tv")
_TITLE_ID = re.compile(r"tmdb:(movie|tv):([1-9]\d{0,11})")
_IMDB_ID = re.compile(r"(?:imdb:)?(tt\d{5,10})")
_SOURCES = ("imdb_id", "tvdb_id", "wikidata_id", "facebook_id", "instagram_id", "twitter_id")
_MAX_QUERY_CHARS = 500


class Tmdb:
    """Client of TMDB over one :class:`Fetcher`.

    Parameters
    ----------
    fetcher : Fetcher
        Of :func:`tmdb_provider`; closed with the client.
    language : str
        Of titles and texts, such as ``en-US``.
    region : str
        ISO 3166-1 alpha-2 country of age ratings.
    """

    def __init__(self, fetcher: Fetcher, *, language: str = "en-US", region: str = "US") -> None:
        self.fetcher = fetcher
        self.language, self.region = language, region

    @classmethod
    def open(
        cls,
        *,
        language: str = "en-US",
        region: str = "US",
        bulk_share: float = 0.2,
        **fetching: Any,
    ) -> Tmdb:
        """Make a client with keys and addresses from the environment; see ``tmdb_provider``.

        Parameters
        ----------
        language, region : str
        bulk_share : float
            What part of the rate calls in the bulk class may take, over a minute.
        **fetching
            For :class:`Fetcher`, such as ``observer``.

        Raises
        ------
        CredentialsError
            No key is set.
        """
        fetcher = Fetcher(tmdb_provider(bulk_share=bulk_share), **fetching)
        return cls(fetcher, language=language, region=region)

    async def __aenter__(self) -> Self:
        await self.fetcher.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.fetcher.close()

    # -- one title ----------------------------------------------------------------------------

    async def movie(
        self, id: int, *, append: Collection[str] = MOVIE_PARTS, **limits: Unpack[Limits]
    ) -> MovieDetails:
        """Fetch the details of a film, with what is to be appended (20 parts at most).

        Raises
        ------
        TitleNotFoundError
            TMDB has no such film.
        """
        return await self._get(f"movie/{_id(id)}", MovieDetails, _appended(append), **limits)

    async def tv(
        self, id: int, *, append: Collection[str] = TV_PARTS, **limits: Unpack[Limits]
    ) -> TvDetails:
        """Fetch the details of a series, with what is to be appended (20 parts at most).

        Raises
        ------
        TitleNotFoundError
            TMDB has no such series.
        """
        return await self._get(f"tv/{_id(id)}", TvDetails, _appended(append), **limits)

    async def title(self, id: str, **limits: Unpack[Limits]) -> Title:
        """Fetch one title by ``tmdb:movie:603``, ``tmdb:tv:1399`` or ``imdb:tt0133093``.

        Raises
        ------
        InvalidInputError
            The id is none of these.
        TitleNotFoundError
        """
        media, number = await self._resolved(id, **limits)
        details = (
            await self.movie(number, **limits)
            if media == "movie"
            else await self.tv(number, **limits)
        )
        return title_from(details, region=self.region, checked_at=int(time.time()))

    async def _resolved(self, id: str, **limits: Unpack[Limits]) -> tuple[str, int]:
        if known := _TITLE_ID.fullmatch(id):
            return known[1], int(known[2])
        if not (elsewhere := _IMDB_ID.fullmatch(id)):
            raise InvalidInputError(
                f"expected tmdb:movie:603, tmdb:tv:1399 or imdb:tt0133093, got {id[:80]!r}"
            )
        found = await self.find(elsewhere[1], **limits)
        for media, results in (("movie", found.movie_results), ("tv", found.tv_results)):
            if results:
                return media, results[0].id
        raise TitleNotFoundError(f"expected a title that TMDB knows, got {id}")

    async def find(self, id: str, source: str = "imdb_id", **limits: Unpack[Limits]) -> Found:
        """Find what carries an id elsewhere: ``tt0133093`` of ``imdb_id``, and so on."""
        if source not in _SOURCES:
            raise InvalidInputError(f"expected one of {', '.join(_SOURCES)}, got {source!r}")
        if not re.fullmatch(r"[\w.-]{1,100}", id, re.ASCII):
            raise InvalidInputError(f"expected an id of letters and digits, got {id[:80]!r}")
        return await self._get(f"find/{id}", Found, {"external_source": source}, **limits)

    async def watch_providers(
        self, media: Media, id: int, **limits: Unpack[Limits]
    ) -> WatchProviders:
        """Ask where a title can be watched. ``WATCH_ATTRIBUTION`` must be named beside it."""
        return await self._get(
            f"{_media(media)}/{_id(id)}/watch/providers", WatchProviders, **limits
        )

    # -- lists --------------------------------------------------------------------------------

    async def search_movie(
        self, query: str, *, page: int = 1, year: int | None = None, **limits: Unpack[Limits]
    ) -> Page[MovieResult]:
        """Find films by name."""
        asked = {**_query(query), **_page(page), "year": year}
        return await self._get("search/movie", Page[MovieResult], asked, **limits)

    async def search_tv(
        self, query: str, *, page: int = 1, year: int | None = None, **limits: Unpack[Limits]
    ) -> Page[TvResult]:
        """Find series by name; ``year`` is that of the first broadcast."""
        asked = {**_query(query), **_page(page), "first_air_date_year": year}
        return await self._get("search/tv", Page[TvResult], asked, **limits)

    async def search_multi(
        self, query: str, *, page: int = 1, **limits: Unpack[Limits]
    ) -> Page[MultiResult]:
        """Find films, series and people by name; ``media_type`` tells them apart."""
        asked = {**_query(query), **_page(page)}
        return await self._get("search/multi", Page[MultiResult], asked, **limits)

    async def trending(
        self,
        media: Literal["movie", "tv", "all"] = "all",
        window: Literal["day", "week"] = "day",
        *,
        page: int = 1,
        **limits: Unpack[Limits],
    ) -> Page[MultiResult]:
        """List what is looked at most, of this day or week."""
        if window not in ("day", "week"):
            raise InvalidInputError(f"expected day or week, got {window!r}")
        if media != "all":
            _media(media)
        return await self._get(
            f"trending/{media}/{window}", Page[MultiResult], _page(page), **limits
        )

    async def popular(
        self, media: Media, *, page: int = 1, **limits: Unpack[Limits]
    ) -> Page[MovieResult | TvResult]:
        """List the most popular films or series."""
        return await self._list(media, "popular", page, **limits)

    async def top_rated(
        self, media: Media, *, page: int = 1, **limits: Unpack[Limits]
    ) -> Page[MovieResult | TvResult]:
        """List the best rated films or series."""
        return await self._list(media, "top_rated", page, **limits)

    async def _list(
        self, media: Media, name: str, page: int, **limits: Unpack[Limits]
    ) -> Page[MovieResult | TvResult]:
        return await self._get(f"{_media(media)}/{name}", _pages(media), _page(page), **limits)

    async def discover(
        self,
        media: Media,
        filters: Mapping[str, str | int | float | bool] | None = None,
        *,
        page: int = 1,
        **limits: Unpack[Limits],
    ) -> Page[MovieResult | TvResult]:
        """List films or series by TMDB's own filters, such as ``{"with_genres": "18"}``."""
        asked = {**(filters or {}), **_page(page)}
        return await self._get(f"discover/{_media(media)}", _pages(media), asked, **limits)

    # -- what things are called ---------------------------------------------------------------

    async def genres(self, media: Media, **limits: Unpack[Limits]) -> tuple[Genre, ...]:
        """List the genres of films or series."""
        found = await self._get(f"genre/{_media(media)}/list", Genres, **limits)
        return found.genres

    async def configuration(self, **limits: Unpack[Limits]) -> Configuration:
        """Tell where images are, and in what sizes."""
        return await self._get("configuration", Configuration, **limits)

    async def services(
        self, media: Media, region: str | None = None, **limits: Unpack[Limits]
    ) -> tuple[ServiceListing, ...]:
        """List the services on which films or series can be watched, in one country or all."""
        asked = {"watch_region": region}
        path = f"watch/providers/{_media(media)}"
        return (await self._get(path, Services[ServiceListing], asked, **limits)).results

    async def regions(self, **limits: Unpack[Limits]) -> tuple[Region, ...]:
        """List the countries of which TMDB knows where to watch."""
        return (await self._get("watch/providers/regions", Services[Region], **limits)).results

    # -- what changed -------------------------------------------------------------------------

    async def changes(
        self, media: Media, start: date, end: date, *, page: int = 1, **limits: Unpack[Limits]
    ) -> Page[ChangedId]:
        """List titles that changed from one day to another, 14 days apart at most; one page."""
        asked = {**window(start, end), **_page(page)}
        return await self._get(f"{_media(media)}/changes", Page[ChangedId], asked, **limits)

    async def changed_ids(
        self, media: Media, since: date, until: date, **limits: Unpack[Limits]
    ) -> list[int]:
        """List the numbers of all titles that changed between two days, however far apart."""
        return await changed_ids(self, media, since, until, **limits)

    async def title_changes(
        self, media: Media, id: int, start: date, end: date, **limits: Unpack[Limits]
    ) -> TitleChanges:
        """Tell what changed of one title, field by field, 14 days at most."""
        path = f"{_media(media)}/{_id(id)}/changes"
        return await self._get(path, TitleChanges, window(start, end), **limits)

    def export(self, media: Media, of: date) -> AsyncIterator[ExportedId | BadLine]:
        """Stream all ids of films or series as of a day, with their popularity.

        TMDB writes the day's file by 08:00 UTC and keeps it for three months; see
        :func:`latest_export_day`.

        Raises
        ------
        TitleNotFoundError
            There is no file of that day.
        MalformedResponseError
            The file is damaged, or larger than any that is believed.
        """
        return read_export(self.fetcher, export_path(_media(media), day(of)))

    # -- asking -------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, Any] | None = None,
        **limits: Unpack[Limits],
    ) -> T:
        asked = {"language": self.language, **(params or {})}
        try:
            response = await self.fetcher.get(path, _written(asked), **limits)
        except UpstreamStatusError as error:
            raise refusal(error.status, error.code, error.message, path) from None
        if response.status >= BAD_REQUEST:
            raise refusal_in(response, path)
        return decoded(response.body, kind, f"tmdb {path}")


def _written(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as text, those without a value left out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
        if value is not None
    }


def _pages(media: Media) -> type[Page[MovieResult | TvResult]]:
    """Return the page of films or of series: a body of the other kind must not pass."""
    return Page[MovieResult] if media == "movie" else Page[TvResult]


def _id(id: int) -> int:
    if isinstance(id, bool) or not isinstance(id, int) or not 0 < id < 10**12:
        raise InvalidInputError(f"expected a number of TMDB's, got {id!r}")
    return id


def _media(media: str) -> str:
    if media not in _MEDIA:
        raise InvalidInputError(f"expected movie or tv, got {media!r}")
    return media


def _page(page: int) -> dict[str, int]:
    if not 1 <= page <= MAX_PAGE:
        raise InvalidInputError(f"expected a page from 1 to {MAX_PAGE}, got {page}")
    return {"page": page}


def _query(query: str) -> dict[str, str]:
    if not query.strip() or len(query) > _MAX_QUERY_CHARS:
        raise InvalidInputError(
            f"expected a query of 1 to {_MAX_QUERY_CHARS} characters, got {len(query.strip())}"
        )
    return {"query": query}


def _appended(parts: Collection[str]) -> dict[str, str]:
    wrong = [part for part in parts if not re.fullmatch(r"[a-z_/]+", part)]
    if wrong or len(parts) > _MAX_PARTS:
        raise InvalidInputError(f"expected at most {_MAX_PARTS} parts to append, got {parts!r}")
    return {"append_to_response": ",".join(parts)} if parts else {}
