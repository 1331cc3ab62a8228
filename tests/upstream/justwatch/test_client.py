"""JustWatch's client against the stand-in: off by default, and half an answer is half an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.upstream.clients import justwatch_client
from tests.upstream.standin.justwatch import JustWatchContent
from tests.upstream.standin.serve import add_justwatch
from tests.upstream.standin.server import Standin
from tv5core.errors import (
    InvalidInputError,
    MalformedResponseError,
    SourceDisabledError,
    TitleNotFoundError,
    UpstreamRefusalError,
)
from tv5core.sources.vocabulary import provider
from tv5core.types import Title
from tv5core.upstream.fetching.decoding import decode
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.justwatch.mapping import offers_from, title_from
from tv5core.upstream.justwatch.provider import JUSTWATCH_URL, justwatch_provider
from tv5core.upstream.justwatch.types import (
    GraphqlResponse,
    JustWatchOffer,
    JustWatchTitle,
    Popular,
)

RECORDED = Path(__file__).parents[4] / "shared/data/tmdb_responses"


@pytest.fixture
def content() -> JustWatchContent:
    return JustWatchContent(320)


@pytest.fixture
async def server(content: JustWatchContent) -> AsyncIterator[Standin]:
    server = Standin(contract=10_000)
    add_justwatch(server, content)
    async with server:
        yield server


@pytest.fixture
async def justwatch(server: Standin) -> AsyncIterator[JustWatch]:
    async with justwatch_client(server) as opened:
        yield opened


async def test_it_is_off_until_it_is_switched_on(
    server: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TV5_JUSTWATCH", raising=False)
    async with justwatch_client(server, enabled=None) as off:
        for call in (off.search("x"), off.popular(), off.offers("tm603", ["US"])):
            with pytest.raises(SourceDisabledError, match=r"enabled=True, or set TV5_JUSTWATCH=1"):
                await call
    assert not server.arrivals
    monkeypatch.setenv("TV5_JUSTWATCH", "1")
    assert justwatch_client(server, enabled=None).enabled
    assert not justwatch_client(server, enabled=False).enabled


async def test_search_gives_titles_with_offers(justwatch: JustWatch) -> None:
    (found,) = await justwatch.search("the matrix", country="US")
    assert (found.id, found.title, found.year) == ("tmdb:movie:603", "The Matrix", 1999)
    assert found.external_ids == {"justwatch": "tm603", "tmdb": "603", "imdb": "tt0133093"}
    assert "Science Fiction" in found.genres
    assert (found.source, found.kind) == ("justwatch", "movie")
    assert {offer.region for offer in found.offers} == {"US"}
    assert all(offer.url and offer.checked_at for offer in found.offers)
    assert await justwatch.search("no such title at all") == ()


async def test_popular_titles_page_by_page(justwatch: JustWatch) -> None:
    first = await justwatch.popular(country="DE", first=50, kinds=["show"])
    assert len(first.titles) == min(50, first.total)
    assert {title.kind for title in first.titles} == {"show"}
    seen, after = [t.id for t in first.titles], first.after
    while after:
        page = await justwatch.popular(country="DE", first=50, kinds=["show"], after=after)
        seen += [t.id for t in page.titles]
        after = page.after
    assert len(set(seen)) == len(seen) == first.total


async def test_offers_in_several_countries_in_one_request(
    server: Standin, content: JustWatchContent, justwatch: JustWatch
) -> None:
    found = await justwatch.offers("tm603", ["US", "DE", "US"])
    assert len(server.arrivals) == 1
    assert [o.region for o in found.offers] == sorted(
        [o.region for o in found.offers], reverse=True
    )
    wanted = {
        (provider(name), region, way)
        for region in ("US", "DE")
        for way, names in content.works["tm603"].services[region].items()
        for name in names
    }
    assert {(o.provider, o.region, o.kind) for o in found.offers} == wanted
    bought = [o for o in found.offers if o.kind in ("rent", "buy")]
    assert {o.quality for o in bought} <= {"hd", "4k"}
    assert all(o.price and o.currency == {"US": "USD", "DE": "EUR"}[o.region] for o in bought)
    assert not found.missing


async def test_one_country_may_fail_alone(content: JustWatchContent, justwatch: JustWatch) -> None:
    content.closed = {"DE"}
    found = await justwatch.offers("tm603", ["US", "DE"])
    assert {offer.region for offer in found.offers} == {"US"}
    assert found.missing == {"DE": "country DE is not available"}
    with pytest.raises(UpstreamRefusalError, match="country DE is not available"):
        await justwatch.offers("tm603", ["DE"])
    with pytest.raises(UpstreamRefusalError, match="country DE is not available"):
        await justwatch.search("matrix", country="DE")


async def test_a_title_it_does_not_know(justwatch: JustWatch) -> None:
    with pytest.raises(TitleNotFoundError, match="tm1"):
        await justwatch.offers("tm1", ["US"])
    stranger = Title("tmdb:movie:1", "movie", "The Matrix", external_ids={"imdb": "tt0000001"})
    with pytest.raises(TitleNotFoundError, match="got no match"):
        await justwatch.find_id(stranger)


async def test_an_id_is_known_or_found(server: Standin, justwatch: JustWatch) -> None:
    known = Title("x", "movie", "Anything", external_ids={"justwatch": "tm42"})
    assert await justwatch.find_id(known) == "tm42"
    assert not server.arrivals
    matrix = Title("x", "movie", "The Matrix", external_ids={"imdb": "tt0133093"})
    assert await justwatch.find_id(matrix) == "tm603"


async def test_arguments_are_checked_before_anything_is_asked(
    server: Standin, justwatch: JustWatch
) -> None:
    for call in (
        justwatch.search(" "),
        justwatch.search("x", country="us"),
        justwatch.search("x", country="US) { x }"),
        justwatch.search("x", first=0),
        justwatch.offers("tm603", []),
        justwatch.offers("tm603", ["USA"]),
        justwatch.offers("603", ["US"]),
        justwatch.offers("tm603", [f"{a}{b}" for a in "ABCDE" for b in "ABCDEFG"]),
    ):
        with pytest.raises(InvalidInputError, match="expected"):
            await call
    assert not server.arrivals


def test_where_justwatch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TV5_JUSTWATCH_URL", raising=False)
    found = justwatch_provider()
    assert found.base_url == JUSTWATCH_URL
    assert (found.contract, found.rate + found.burst) == (10, 10)
    assert not found.allow_private


# -- what an answer says -----------------------------------------------------------------------


def offer(way: str, quality: str = "HD", price: float | None = None) -> JustWatchOffer:
    given = {
        "monetizationType": way,
        "presentationType": quality,
        "retailPriceValue": price,
        "currency": "EUR",
        "package": {"clearName": "Disney+"},
    }
    return decode(msgspec.json.encode(given), JustWatchOffer, "x")


def test_ways_to_watch() -> None:
    some = [
        offer("FLATRATE_AND_BUY", price=4.99),
        offer("FLATRATE"),
        offer("CINEMA"),
        offer("RENT", "_4K", 3.5),
        offer("FAST", "SD"),
        offer("SOMETHING_NEW"),
    ]
    found = offers_from(some, "FR", checked_at=9)
    assert [(o.provider, o.kind, o.quality, o.price, o.currency) for o in found] == [
        ("disney plus", "flatrate", "hd", None, "EUR"),
        ("disney plus", "buy", "hd", 4.99, "EUR"),
        ("disney plus", "rent", "4k", 3.5, "EUR"),
        ("disney plus", "ads", "sd", None, ""),
    ]


def test_a_title_without_ids_elsewhere_keeps_its_own() -> None:
    body = b'{"id": "ts9", "objectType": "SHOW", "content": {"title": "Nine", "scoring": null}}'
    title = title_from(decode(body, JustWatchTitle, "x"), country="KR")
    assert (title.id, title.kind, title.external_ids) == (
        "justwatch:ts9", "show", {"justwatch": "ts9"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"id": "tm9", "objectType": "GENRE", "content": {"title": "x"}}', "got 'GENRE'"),
        (b'{"id": "tm9", "objectType": "MOVIE", "content": null}', "expected a title"),
    ],
)
def test_what_is_no_title(body: bytes, said: str) -> None:
    with pytest.raises(MalformedResponseError, match=said):
        title_from(decode(body, JustWatchTitle, "x"), country="US")


EDGES = (
    b'{"node": {"id": "tm1", "objectType": "MOVIE", "content": {"title": "One", "runtime": 9.5, '
    b'"scoring": {"imdbScore": "NaN"}, "genres": [], "externalIds": []}, "offers": '
    b'[{"monetizationType": "RENT", "retailPriceValue": "inf", '
    b'"package": {"clearName": "A"}}, 5]}},'
    b'{"node": {"id": "tm2", "objectType": "GENRE", "content": {"title": "x"}}},'
    b'{"node": {"id": "tm3", "objectType": "MOVIE", "content": {"title": ""}}},'
    b'{"node": {"id": "", "objectType": "MOVIE", "content": {"title": "x"}}}, {"node": 7}'
)


class Canned(JustWatch):
    """Receives one body for every query."""

    body = b""

    async def _query(self, query: bytes, label: str, **options: Any) -> GraphqlResponse:
        return self._decode(self.body, GraphqlResponse, label)


async def test_an_odd_value_or_entry_costs_that_value_or_entry_alone(server: Standin) -> None:
    client = Canned(justwatch_client(server).fetcher, enabled=True)
    client.body = b'{"data": {"popularTitles": {"edges": [' + EDGES + b'], "totalCount": []}}}'
    with record_omissions() as omitted:
        (title,) = (await client.popular()).titles
    assert (title.id, title.title, title.runtime, title.rating) == (
        "justwatch:tm1", "One", None, None,
    )  # fmt: skip
    assert [(offer.provider, offer.price) for offer in title.offers] == [("a", None)]
    assert omitted["popularTitles.edges[]"] == 4
    assert omitted["popularTitles.edges[].node.content.runtime"] == 1


@pytest.mark.parametrize("node", [b"[]", b"5", b'{"US": {"a": 1}, "DE": []}'])
async def test_offers_of_an_odd_form_count_as_missing(server: Standin, node: bytes) -> None:
    client = Canned(justwatch_client(server).fetcher, enabled=True)
    client.body = b'{"data": {"node": ' + node + b"}}"
    if b"DE" in node:
        found = await client.offers("tm1", ["US", "DE"])
        assert (found.offers, set(found.missing)) == ((), {"US"})
        return
    with pytest.raises(UpstreamRefusalError):
        await client.offers("tm1", ["US", "DE"])


async def test_an_unreadable_cursor_is_an_error(server: Standin) -> None:
    client = Canned(justwatch_client(server).fetcher, enabled=True)
    client.body = b'{"data": {"popularTitles": {"edges": [], "pageInfo": {"hasNextPage": "so"}}}}'
    with pytest.raises(MalformedResponseError, match="pageInfo"):
        await client.popular()


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded bodies beside the checkout")
def test_the_recorded_page() -> None:
    body = (RECORDED / "justwatch__GetPopularTitles-kr.json").read_bytes()
    data = decode(body, GraphqlResponse, "x").data
    found = decode(msgspec.json.encode(data), Popular, "x").popular_titles
    assert (found.total_count, found.page_info.has_next_page) == (1997, True)
    titles = [title_from(edge.node, country="KR", checked_at=5) for edge in found.edges]
    assert [title.kind for title in titles] == ["show", "movie"]
    assert all(o.provider == "disney plus" and o.region == "KR" for t in titles for o in t.offers)
    assert all(len(title.offers) == 1 for title in titles)
