"""TMDB's API, version 3: details, lists, search, changes, and the daily exports of ids.

::

    async with Tmdb.open() as tmdb:  # keys from TMDB_BEARER_TOKEN or TMDB_API_KEY
        title = await tmdb.title("tmdb:movie:603")
        page = await tmdb.search_movie("the matrix", year=1999)

Every method takes ``priority`` (a :class:`Priority`; USER by default) and ``deadline_s`` (seconds
for the whole call), and raises an :class:`UpstreamError` where it fails.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import date
from functools import partial
from typing import Any, Literal, TypeVar, Unpack

from tv5core.errors import (
    InvalidInputError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamStatusError,
)
from tv5core.types import Title
from tv5core.upstream.fetching.call_options import CallOptions
from tv5core.upstream.fetching.client import ProviderClient
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.fetcher_options import FetcherOptions
from tv5core.upstream.tmdb.api_errors import (
    FIRST_ERROR_STATUS,
    error_from_response,
    error_from_status,
    raise_error_in_body,
)
from tv5core.upstream.tmdb.arguments import (
    append_params,
    page_params,
    query_params,
    to_query,
    validated_id,
    validated_media,
)
from tv5core.upstream.tmdb.changes import changed_ids, validated_day, window_params
from tv5core.upstream.tmdb.details import MovieDetails, TvDetails, WatchProviders
from tv5core.upstream.tmdb.exports import ExportedId, MalformedLine, export_path, stream_export
from tv5core.upstream.tmdb.mapping import title_from
from tv5core.upstream.tmdb.provider import tmdb_provider
from tv5core.upstream.tmdb.types import (
    ChangedId,
    Configuration,
    FindResults,
    Genre,
    Genres,
    Media,
    MovieResult,
    MultiResult,
    Page,
    Region,
    ServiceListing,
    Services,
    TitleChanges,
    TvResult,
)

__all__ = ["MOVIE_PARTS", "TV_PARTS", "Tmdb"]

T = TypeVar("T")

_COMMON = (
    "credits", "keywords", "external_ids", "watch/providers", "similar", "alternative_titles",
    "translations",
)  # fmt: skip
MOVIE_PARTS = (*_COMMON, "release_dates")
"""What is appended to the details of a film."""
TV_PARTS = (*_COMMON, "content_ratings")
"""What is appended to the details of a series."""

_TITLE_ID = re.compile(r"tmdb:(movie|tv):([1-9]\d{0,11})")
_IMDB_ID = re.compile(r"(?:imdb:)?(tt\d{5,10})")
_SOURCES = ("imdb_id", "tvdb_id", "wikidata_id", "facebook_id", "instagram_id", "twitter_id")


class Tmdb(ProviderClient):
    """Client of TMDB; used as ``async with``.

    Parameters
    ----------
    fetcher : Fetcher
        Of :func:`tmdb_provider`; it opens and closes with the client.
    language : str
        Language of titles and texts, such as ``en-US``.
    region : str
        ISO 3166-1 alpha-2 country of age ratings.
    """

    def __init__(self, fetcher: Fetcher, *, language: str = "en-US", region: str = "US") -> None:
        super().__init__(fetcher, language=language)
        self.region = region

    @classmethod
    def open(
        cls,
        *,
        language: str = "en-US",
        region: str = "US",
        bulk_share: float = 0.2,
        **fetching: Unpack[FetcherOptions],
    ) -> Tmdb:
        """Make a client with keys and addresses from the environment; see ``tmdb_provider``.

        Parameters
        ----------
        language, region : str
        bulk_share : float
            Part of the rate that calls in the bulk class may take over any minute.
        **fetching
            Options of :class:`Fetcher`, such as ``observer``; see :class:`FetcherOptions`.

        Raises
        ------
        CredentialsError
            No key is set.
        """
        fetcher = Fetcher(tmdb_provider(bulk_share=bulk_share), **fetching)
        return cls(fetcher, language=language, region=region)

    # -- one title ----------------------------------------------------------------------------

    async def movie(
        self, id: int, *, append: Collection[str] = MOVIE_PARTS, **options: Unpack[CallOptions]
    ) -> MovieDetails:
        """Fetch the details of a film, with at most 20 appended parts.

        Raises
        ------
        TitleNotFoundError
            TMDB has no such film.
        """
        return await self._get(
            f"movie/{validated_id(id)}", MovieDetails, append_params(append), **options
        )

    async def tv(
        self, id: int, *, append: Collection[str] = TV_PARTS, **options: Unpack[CallOptions]
    ) -> TvDetails:
        """Fetch the details of a series, with at most 20 appended parts.

        Raises
        ------
        TitleNotFoundError
            TMDB has no such series.
        """
        return await self._get(
            f"tv/{validated_id(id)}", TvDetails, append_params(append), **options
        )

    async def title(self, id: str, **options: Unpack[CallOptions]) -> Title:
        """Fetch one title by ``tmdb:movie:603``, ``tmdb:tv:1399`` or ``imdb:tt0133093``.

        Raises
        ------
        InvalidInputError
            The id has none of these forms.
        TitleNotFoundError
            TMDB has no such title.
        """
        media, number = await self._resolve(id, **options)
        details = (
            await self.movie(number, **options)
            if media == "movie"
            else await self.tv(number, **options)
        )
        return title_from(details, region=self.region, checked_at=int(time.time()))

    async def _resolve(self, id: str, **options: Unpack[CallOptions]) -> tuple[str, int]:
        if known := _TITLE_ID.fullmatch(id):
            return known[1], int(known[2])
        if not (imdb := _IMDB_ID.fullmatch(id)):
            raise InvalidInputError(
                f"expected tmdb:movie:603, tmdb:tv:1399 or imdb:tt0133093, got {id[:80]!r}"
            )
        found = await self.find(imdb[1], **options)
        for media, results in (("movie", found.movie_results), ("tv", found.tv_results)):
            if results:
                return media, results[0].id
        raise TitleNotFoundError(f"expected a title that TMDB knows, got {id}")

    async def find(
        self, id: str, source: str = "imdb_id", **options: Unpack[CallOptions]
    ) -> FindResults:
        """Find the titles with an external id, such as ``tt0133093`` of ``imdb_id``."""
        if source not in _SOURCES:
            raise InvalidInputError(f"expected one of {', '.join(_SOURCES)}, got {source!r}")
        if not re.fullmatch(r"[\w.-]{1,100}", id, re.ASCII):
            raise InvalidInputError(f"expected an id of letters and digits, got {id[:80]!r}")
        return await self._get(f"find/{id}", FindResults, {"external_source": source}, **options)

    async def watch_providers(
        self, media: Media, id: int, **options: Unpack[CallOptions]
    ) -> WatchProviders:
        """Fetch where a title can be watched; show ``WATCH_ATTRIBUTION`` beside it."""
        return await self._get(
            f"{validated_media(media)}/{validated_id(id)}/watch/providers",
            WatchProviders,
            **options,
        )

    # -- lists --------------------------------------------------------------------------------

    async def search_movie(
        self, query: str, *, page: int = 1, year: int | None = None, **options: Unpack[CallOptions]
    ) -> Page[MovieResult]:
        """Search films by name."""
        params = {**query_params(query), **page_params(page), "year": year}
        return await self._get("search/movie", Page[MovieResult], params, **options)

    async def search_tv(
        self, query: str, *, page: int = 1, year: int | None = None, **options: Unpack[CallOptions]
    ) -> Page[TvResult]:
        """Search series by name; ``year`` is that of the first broadcast."""
        params = {**query_params(query), **page_params(page), "first_air_date_year": year}
        return await self._get("search/tv", Page[TvResult], params, **options)

    async def search_multi(
        self, query: str, *, page: int = 1, **options: Unpack[CallOptions]
    ) -> Page[MultiResult]:
        """Search films, series and people by name; ``media_type`` is the kind of each."""
        params = {**query_params(query), **page_params(page)}
        return await self._get("search/multi", Page[MultiResult], params, **options)

    async def trending(
        self,
        media: Literal["movie", "tv", "all"] = "all",
        window: Literal["day", "week"] = "day",
        *,
        page: int = 1,
        **options: Unpack[CallOptions],
    ) -> Page[MultiResult]:
        """List the most viewed titles of the day or week."""
        if window not in ("day", "week"):
            raise InvalidInputError(f"expected day or week, got {window!r}")
        if media != "all":
            validated_media(media)
        return await self._get(
            f"trending/{media}/{window}", Page[MultiResult], page_params(page), **options
        )

    async def popular(
        self, media: Media, *, page: int = 1, **options: Unpack[CallOptions]
    ) -> Page[MovieResult | TvResult]:
        """List the most popular films or series."""
        return await self._list(media, "popular", page, **options)

    async def top_rated(
        self, media: Media, *, page: int = 1, **options: Unpack[CallOptions]
    ) -> Page[MovieResult | TvResult]:
        """List the best rated films or series."""
        return await self._list(media, "top_rated", page, **options)

    async def _list(
        self, media: Media, name: str, page: int, **options: Unpack[CallOptions]
    ) -> Page[MovieResult | TvResult]:
        return await self._get(
            f"{validated_media(media)}/{name}", _pages(media), page_params(page), **options
        )

    async def discover(
        self,
        media: Media,
        filters: Mapping[str, str | int | float | bool] | None = None,
        *,
        page: int = 1,
        **options: Unpack[CallOptions],
    ) -> Page[MovieResult | TvResult]:
        """List films or series that match TMDB's filters, such as ``{"with_genres": "18"}``."""
        params = {**(filters or {}), **page_params(page)}
        return await self._get(
            f"discover/{validated_media(media)}", _pages(media), params, **options
        )

    # -- reference data -----------------------------------------------------------------------

    async def genres(self, media: Media, **options: Unpack[CallOptions]) -> tuple[Genre, ...]:
        """List the genres of films or series."""
        found = await self._get(f"genre/{validated_media(media)}/list", Genres, **options)
        return found.genres

    async def configuration(self, **options: Unpack[CallOptions]) -> Configuration:
        """Fetch the addresses and sizes of images."""
        return await self._get("configuration", Configuration, **options)

    async def services(
        self, media: Media, region: str | None = None, **options: Unpack[CallOptions]
    ) -> tuple[ServiceListing, ...]:
        """List the watch services for films or series, in one country or all."""
        params = {"watch_region": region}
        path = f"watch/providers/{validated_media(media)}"
        return (await self._get(path, Services[ServiceListing], params, **options)).results

    async def regions(self, **options: Unpack[CallOptions]) -> tuple[Region, ...]:
        """List the countries for which TMDB has watch services."""
        return (await self._get("watch/providers/regions", Services[Region], **options)).results

    # -- changes and exports ------------------------------------------------------------------

    async def changes(
        self, media: Media, start: date, end: date, *, page: int = 1, **options: Unpack[CallOptions]
    ) -> Page[ChangedId]:
        """List a page of the titles that changed within at most 14 days."""
        params = {**window_params(start, end), **page_params(page)}
        return await self._get(
            f"{validated_media(media)}/changes", Page[ChangedId], params, **options
        )

    async def changed_ids(
        self, media: Media, since: date, until: date, **options: Unpack[CallOptions]
    ) -> list[int]:
        """List the ids of all titles that changed between two days, however far apart."""
        return await changed_ids(partial(self._changes_page, media, **options), since, until)

    async def _changes_page(
        self, media: Media, start: date, end: date, page: int, **options: Unpack[CallOptions]
    ) -> Page[ChangedId]:
        return await self.changes(media, start, end, page=page, **options)

    async def title_changes(
        self, media: Media, id: int, start: date, end: date, **options: Unpack[CallOptions]
    ) -> TitleChanges:
        """List the changes of one title, field by field, within at most 14 days."""
        path = f"{validated_media(media)}/{validated_id(id)}/changes"
        return await self._get(path, TitleChanges, window_params(start, end), **options)

    def export(self, media: Media, day: date) -> AsyncIterator[ExportedId | MalformedLine]:
        """Stream the ids of all films or series as of a day, with their popularity.

        TMDB writes the day's file by 08:00 UTC and keeps it for three months; see
        :func:`latest_export_day`.

        Raises
        ------
        TitleNotFoundError
            There is no file of that day.
        MalformedResponseError
            The file is damaged, or larger than its bounds.
        """
        return stream_export(self.fetcher, export_path(validated_media(media), validated_day(day)))

    # -- requests -----------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> T:
        query = to_query({"language": self.language, **(params or {})})
        try:
            response = await self.fetcher.get(path, query, **options)
        except UpstreamStatusError as error:
            raise error_from_status(error.status, error.code, error.message, path) from None
        if response.status >= FIRST_ERROR_STATUS:
            raise error_from_response(response, path)
        try:
            return self._decode(response.body, kind, f"tmdb {path}")
        except MalformedResponseError:
            raise_error_in_body(response.body, path)
            raise


def _pages(media: Media) -> type[Page[MovieResult | TvResult]]:
    """Return the page type of films or of series, so that a body of the other is refused."""
    return Page[MovieResult] if media == "movie" else Page[TvResult]
