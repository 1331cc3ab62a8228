"""JustWatch's GraphQL: search, popular titles, and offers of one title in several countries.

It is an unofficial interface that promises nothing, so it is off until it is switched on; TMDB's
``watch/providers`` is where availability comes from by default.

::

    async with JustWatch.open(enabled=True) as justwatch:
        found = await justwatch.search("the matrix", country="US")
        offers = await justwatch.offers(found[0].external_ids["justwatch"], ["US", "DE"])
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import msgspec

from tv5core.errors import (
    InvalidInputError,
    SourceDisabledError,
    TitleNotFoundError,
    UpstreamRefusalError,
    UpstreamStatusError,
)
from tv5core.types import Kind, Offer, Title
from tv5core.upstream.fetching.call_options import Limits
from tv5core.upstream.fetching.decoding import converted, decoded
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.justwatch.mapping import offers_from, title_from
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.justwatch.queries import offers_query, popular_query, search_query
from tv5core.upstream.justwatch.types import Envelope, JustWatchOffer, Popular

__all__ = ["SWITCH", "CountryOffers", "JustWatch", "PopularTitles"]

SWITCH = "TV5_JUSTWATCH"
"""Environment variable that switches JustWatch on, with the value ``1``."""

T = TypeVar("T")
_BAD_REQUEST = 400
_MAX_FIRST = 100
_MAX_COUNTRIES = 30
_OBJECTS: dict[Kind, str] = {"movie": "MOVIE", "show": "SHOW"}


class CountryOffers(msgspec.Struct, frozen=True):
    """Offers of one title.

    Attributes
    ----------
    offers : tuple of Offer
        In the order of the countries asked for.
    missing : dict of str to str
        Countries that could not be answered, with what JustWatch said.
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
        For the next page; empty on the last.
    """

    titles: tuple[Title, ...]
    total: int = 0
    after: str = ""


class JustWatch:
    """Client of JustWatch over one :class:`Fetcher`.

    Parameters
    ----------
    fetcher : Fetcher
        Of :func:`justwatch_provider`; closed with the client.
    enabled : bool or None
        Whether it may be asked at all; None looks at ``TV5_JUSTWATCH``.
    language : str
        Of titles and texts, such as ``en``.
    """

    def __init__(
        self, fetcher: Fetcher, *, enabled: bool | None = None, language: str = "en"
    ) -> None:
        self.fetcher, self.language = fetcher, language
        self.enabled = os.environ.get(SWITCH) == "1" if enabled is None else enabled

    @classmethod
    def open(
        cls, *, enabled: bool | None = None, language: str = "en", **fetching: Any
    ) -> JustWatch:
        """Make a client; ``fetching`` is for :class:`Fetcher`, such as ``observer``."""
        fetcher = Fetcher(justwatch_provider(), **fetching)
        return cls(fetcher, enabled=enabled, language=language)

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

    async def search(
        self, text: str, *, country: str = "US", first: int = 10, **limits: Unpack[Limits]
    ) -> tuple[Title, ...]:
        """Find titles by name, with their offers in one country.

        Raises
        ------
        SourceDisabledError
            JustWatch is not switched on.
        """
        if not text.strip():
            raise InvalidInputError("expected a text to search for, got an empty one")
        query = search_query(text, _country(country), self.language, _first(first))
        return (await self._titles(query, country, "search", **limits)).titles

    async def popular(
        self,
        *,
        country: str = "US",
        kinds: Collection[Kind] = (),
        first: int = 40,
        after: str = "",
        **limits: Unpack[Limits],
    ) -> PopularTitles:
        """Ask for popular titles in one country; ``after`` comes from the page before.

        Raises
        ------
        SourceDisabledError
            JustWatch is not switched on.
        """
        wanted = [_OBJECTS[kind] for kind in kinds]
        query = popular_query(_country(country), self.language, _first(first), after, wanted)
        return await self._titles(query, country, "popular titles", **limits)

    async def offers(
        self, id: str, countries: Sequence[str], **limits: Unpack[Limits]
    ) -> CountryOffers:
        """Ask for the offers of one title in several countries, in one request.

        Parameters
        ----------
        id : str
            JustWatch's own, such as ``tm10``; see :meth:`id_of`.
        countries : sequence of str
            ISO 3166-1 alpha-2, 1 to 30.

        Raises
        ------
        SourceDisabledError
            JustWatch is not switched on.
        TitleNotFoundError
            It knows no such title.
        UpstreamRefusalError
            It answered for none of the countries.
        """
        if not re.fullmatch(r"t[ms]\d{1,12}", id, re.ASCII):
            raise InvalidInputError(f"expected a JustWatch id such as tm10, got {id[:60]!r}")
        asked = list(dict.fromkeys(map(_country, countries)))
        if not 1 <= len(asked) <= _MAX_COUNTRIES:
            raise InvalidInputError(f"expected 1 to {_MAX_COUNTRIES} countries, got {len(asked)}")
        envelope = await self._ask(offers_query(id, asked, self.language), f"offers {id}", **limits)
        missing = _missing(envelope, asked)
        node = (envelope.data or {}).get("node")
        if node is None and not envelope.errors:
            raise TitleNotFoundError(f"expected a title that JustWatch knows, got {id}")
        if len(missing) == len(asked):
            raise _refusal(envelope, f"offers {id}")
        return CountryOffers(_by_country(node or {}, asked, id), missing)

    async def id_of(self, title: Title, *, country: str = "US", **limits: Unpack[Limits]) -> str:
        """Return JustWatch's id of a title: known, or searched and told by another id.

        Raises
        ------
        TitleNotFoundError
            Nothing it finds by that name has the same ids.
        """
        if known := title.external_ids.get("justwatch"):
            return known
        for found in await self.search(title.title, country=country, **limits):
            if found.kind == title.kind and _shares_id(found, title):
                return found.external_ids["justwatch"]
        raise TitleNotFoundError(f"expected {title.id} among JustWatch's titles, got no match")

    # -- asking -------------------------------------------------------------------------------

    async def _titles(
        self, query: bytes, country: str, what: str, **limits: Unpack[Limits]
    ) -> PopularTitles:
        envelope = await self._ask(query, what, **limits)
        if envelope.data is None or envelope.data.get("popularTitles") is None:
            raise _refusal(envelope, what)
        found = converted(envelope.data, Popular, f"justwatch {what}").popular_titles
        now = int(time.time())
        titles = (title_from(edge.node, country=country, checked_at=now) for edge in found.edges)
        after = found.page_info.end_cursor if found.page_info.has_next_page else ""
        return PopularTitles(tuple(titles), found.total_count, after)

    async def _ask(self, query: bytes, what: str, **limits: Unpack[Limits]) -> Envelope:
        self._check_enabled()
        # Queries change nothing, so they may be asked again.
        response = await self.fetcher.post("graphql", query, idempotent=True, **limits)
        if response.status >= _BAD_REQUEST:
            raise UpstreamStatusError(response.status, where=f"justwatch {what}")
        return decoded(response.body, Envelope, f"justwatch {what}")

    def _check_enabled(self) -> None:
        if not self.enabled:
            raise SourceDisabledError(
                "expected JustWatch to be switched on, got the default: it is an unofficial "
                f"interface; say enabled=True, or set {SWITCH}=1"
            )


def _by_country(node: dict[str, Any], countries: Sequence[str], id: str) -> tuple[Offer, ...]:
    now, offers = int(time.time()), list[Offer]()
    for code in countries:
        found = converted(
            node.get(code) or [], tuple[JustWatchOffer, ...], f"justwatch offers {id} {code}"
        )
        offers += offers_from(found, code, checked_at=now)
    return tuple(offers)


def _missing(envelope: Envelope, countries: Sequence[str]) -> dict[str, str]:
    """Return the countries that are not in the answer, with what was said about them."""
    node = (envelope.data or {}).get("node") or {}
    said = {error.path[1]: error.message for error in envelope.errors if len(error.path) > 1}
    whole = next((error.message for error in envelope.errors if len(error.path) <= 1), "")
    return {
        code: str(said.get(code) or whole or "not in the answer")
        for code in countries
        if code in said or code not in node
    }


def _refusal(envelope: Envelope, what: str) -> UpstreamRefusalError:
    said = "; ".join(error.message for error in envelope.errors)[:300]
    return UpstreamRefusalError(f"justwatch {what}: {said or 'expected data, got none'}")


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
