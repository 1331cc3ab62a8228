"""JustWatch's GraphQL: search, popular titles, and offers of one title in several countries.

The API is unofficial and may change at any time, so it is disabled by default; availability then
comes from TMDB's ``watch/providers``.

::

    async with JustWatch.open(enabled=True) as justwatch:
        found = await justwatch.search("the matrix", country="US")
        offers = await justwatch.offers(found[0].external_ids["justwatch"], ["US", "DE"])
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Unpack

import msgspec

from tv5core.errors import (
    InvalidInputError,
    MalformedResponseError,
    SourceDisabledError,
    TitleNotFoundError,
    UpstreamRefusalError,
    UpstreamStatusError,
)
from tv5core.types import Kind, Offer, Title
from tv5core.upstream.fetching.call_options import CallOptions
from tv5core.upstream.fetching.client import ProviderClient
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.fetcher_options import FetcherOptions
from tv5core.upstream.fetching.omissions import note_omissions
from tv5core.upstream.justwatch.mapping import offers_from, title_from
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.justwatch.queries import offers_query, popular_query, search_query
from tv5core.upstream.justwatch.types import Edge, GraphqlResponse, JustWatchOffer, Popular

__all__ = ["ENABLED_VARIABLE", "CountryOffers", "JustWatch", "PopularTitles"]

ENABLED_VARIABLE = "TV5_JUSTWATCH"
"""Environment variable that enables JustWatch with the value ``1``."""

_FIRST_ERROR_STATUS = 400
_MAX_FIRST = 100
_MAX_COUNTRIES = 30
_OBJECT_TYPES: dict[Kind, str] = {"movie": "MOVIE", "show": "SHOW"}


class CountryOffers(msgspec.Struct, frozen=True):
    """Offers of one title.

    Attributes
    ----------
    offers : tuple of Offer
        In the order of the requested countries.
    missing : dict of str to str
        Countries without a result, with JustWatch's message.
    """

    offers: tuple[Offer, ...]
    missing: dict[str, str] = {}


class PopularTitles(msgspec.Struct, frozen=True):
    """A page of popular titles.

    Attributes
    ----------
    titles : tuple of Title
    total : int
    after : str
        Cursor of the next page; empty on the last.
    """

    titles: tuple[Title, ...]
    total: int = 0
    after: str = ""


class JustWatch(ProviderClient):
    """Client of JustWatch; used as ``async with``.

    Parameters
    ----------
    fetcher : Fetcher
        Of :func:`justwatch_provider`; it opens and closes with the client.
    enabled : bool or None
        Whether calls are allowed; None reads ``TV5_JUSTWATCH``.
    language : str
        Language of titles and texts, such as ``en``.
    """

    def __init__(
        self, fetcher: Fetcher, *, enabled: bool | None = None, language: str = "en"
    ) -> None:
        super().__init__(fetcher, language=language)
        self.enabled = os.environ.get(ENABLED_VARIABLE) == "1" if enabled is None else enabled

    @classmethod
    def open(
        cls,
        *,
        enabled: bool | None = None,
        language: str = "en",
        **fetching: Unpack[FetcherOptions],
    ) -> JustWatch:
        """Make a client.

        Parameters
        ----------
        enabled : bool or None
        language : str
        **fetching
            Options of :class:`Fetcher`, such as ``observer``; see :class:`FetcherOptions`.
        """
        fetcher = Fetcher(justwatch_provider(), **fetching)
        return cls(fetcher, enabled=enabled, language=language)

    async def search(
        self, text: str, *, country: str = "US", first: int = 10, **options: Unpack[CallOptions]
    ) -> tuple[Title, ...]:
        """Search titles by name, with their offers in one country.

        Raises
        ------
        SourceDisabledError
            JustWatch is disabled.
        """
        if not text.strip():
            raise InvalidInputError("expected a text to search for, got an empty one")
        query = search_query(text, _country(country), self.language, _first(first))
        return (await self._titles(query, country, "search", **options)).titles

    async def popular(
        self,
        *,
        country: str = "US",
        kinds: Collection[Kind] = (),
        first: int = 40,
        after: str = "",
        **options: Unpack[CallOptions],
    ) -> PopularTitles:
        """List popular titles in one country; ``after`` is the cursor of the page before.

        Raises
        ------
        SourceDisabledError
            JustWatch is disabled.
        """
        object_types = [_OBJECT_TYPES[kind] for kind in kinds]
        query = popular_query(_country(country), self.language, _first(first), after, object_types)
        return await self._titles(query, country, "popular titles", **options)

    async def offers(
        self, id: str, countries: Sequence[str], **options: Unpack[CallOptions]
    ) -> CountryOffers:
        """Fetch the offers of one title in several countries, in one request.

        Parameters
        ----------
        id : str
            JustWatch's id, such as ``tm10``; see :meth:`find_id`.
        countries : sequence of str
            ISO 3166-1 alpha-2, 1 to 30.

        Raises
        ------
        SourceDisabledError
            JustWatch is disabled.
        TitleNotFoundError
            JustWatch has no such title.
        UpstreamRefusalError
            There is a result for none of the countries.
        """
        if not re.fullmatch(r"t[ms]\d{1,12}", id, re.ASCII):
            raise InvalidInputError(f"expected a JustWatch id such as tm10, got {id[:60]!r}")
        codes = list(dict.fromkeys(map(_country, countries)))
        if not 1 <= len(codes) <= _MAX_COUNTRIES:
            raise InvalidInputError(f"expected 1 to {_MAX_COUNTRIES} countries, got {len(codes)}")
        query = offers_query(id, codes, self.language)
        response = await self._query(query, f"offers {id}", **options)
        missing = _missing(response, codes)
        if (response.data or {}).get("node") is None and not response.errors:
            raise TitleNotFoundError(f"expected a title that JustWatch knows, got {id}")
        offers = self._offers_by_country(_node(response), codes, id, missing)
        if len(missing) == len(codes):
            raise _refusal(response, f"offers {id}")
        return CountryOffers(offers, missing)

    async def find_id(
        self, title: Title, *, country: str = "US", **options: Unpack[CallOptions]
    ) -> str:
        """Return JustWatch's id of a title: a known one, or that of a search result with equal ids.

        Raises
        ------
        TitleNotFoundError
            No search result by that name has the same ids.
        """
        if known := title.external_ids.get("justwatch"):
            return known
        for found in await self.search(title.title, country=country, **options):
            if found.kind == title.kind and _shares_id(found, title):
                return found.external_ids["justwatch"]
        raise TitleNotFoundError(f"expected {title.id} among JustWatch's titles, got no match")

    # -- requests -----------------------------------------------------------------------------

    async def _titles(
        self, query: bytes, country: str, label: str, **options: Unpack[CallOptions]
    ) -> PopularTitles:
        response = await self._query(query, label, **options)
        if response.data is None or response.data.get("popularTitles") is None:
            raise _refusal(response, label)
        page = self._convert(response.data, Popular, f"justwatch {label}").popular_titles
        after = page.page_info.end_cursor if page.page_info.has_next_page else ""
        return PopularTitles(self._usable(page.edges, country), page.total_count, after)

    def _usable(self, edges: Sequence[Edge], country: str) -> tuple[Title, ...]:
        """Convert the titles of a page; those that cannot be used are left out and counted."""
        now, titles, omitted = int(time.time()), list[Title](), Counter[str]()
        for edge in edges:
            try:
                titles.append(title_from(edge.node, country=country, checked_at=now))
            except MalformedResponseError:
                omitted["popularTitles.edges[]"] += 1
        note_omissions(omitted.elements())
        self.fetcher.count_omissions(omitted)
        return tuple(titles)

    def _offers_by_country(
        self, node: dict[str, Any], countries: Sequence[str], id: str, missing: dict[str, str]
    ) -> tuple[Offer, ...]:
        """Convert the offers of each country; one without usable offers counts as missing."""
        now, offers = int(time.time()), list[Offer]()
        for code in countries:
            label = f"justwatch offers {id} {code}"
            try:
                found = self._convert(node.get(code) or [], tuple[JustWatchOffer, ...], label)
            except MalformedResponseError as error:
                missing[code] = str(error)
                continue
            offers += offers_from(found, code, checked_at=now)
        return tuple(offers)

    async def _query(
        self, query: bytes, label: str, **options: Unpack[CallOptions]
    ) -> GraphqlResponse:
        self._check_enabled()
        # Queries change nothing, so they may be retried.
        response = await self.fetcher.post("graphql", query, idempotent=True, **options)
        if response.status >= _FIRST_ERROR_STATUS:
            raise UpstreamStatusError(response.status, where=f"justwatch {label}")
        return self._decode(response.body, GraphqlResponse, f"justwatch {label}")

    def _check_enabled(self) -> None:
        if not self.enabled:
            raise SourceDisabledError(
                "expected JustWatch to be enabled, got the default: its API is unofficial; pass "
                f"enabled=True, or set {ENABLED_VARIABLE}=1"
            )


def _node(response: GraphqlResponse) -> dict[str, Any]:
    node = (response.data or {}).get("node")
    return node if isinstance(node, dict) else {}


def _missing(response: GraphqlResponse, countries: Sequence[str]) -> dict[str, str]:
    """Return the countries without a result, with JustWatch's message about each."""
    node = _node(response)
    messages = {error.path[1]: error.message for error in response.errors if len(error.path) > 1}
    overall = next((error.message for error in response.errors if len(error.path) <= 1), "")
    return {
        code: str(messages.get(code) or overall or "not in the response")
        for code in countries
        if code in messages or code not in node
    }


def _refusal(response: GraphqlResponse, label: str) -> UpstreamRefusalError:
    message = "; ".join(error.message for error in response.errors)[:300]
    return UpstreamRefusalError(f"justwatch {label}: {message or 'expected data, got none'}")


def _shares_id(found: Title, title: Title) -> bool:
    mine, theirs = title.external_ids, found.external_ids
    return any(scheme in mine and mine[scheme] == theirs.get(scheme) for scheme in ("imdb", "tmdb"))


def _country(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", code, re.ASCII):
        raise InvalidInputError(f"expected a country such as US, got {code[:60]!r}")
    return code


def _first(count: int) -> int:
    if not 1 <= count <= _MAX_FIRST:
        raise InvalidInputError(f"expected 1 to {_MAX_FIRST} titles, got {count}")
    return count
