"""Where a title can be watched: two sources side by side under one deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.upstream.clients import KEY, justwatch_client, tmdb_client
from tests.upstream.standin.justwatch import JustWatchContent
from tests.upstream.standin.serve import add_justwatch, add_tmdb
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.errors import InvalidInputError
from tv5core.types import Title
from tv5core.upstream.availability import Availability, find_availability
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.tmdb.client import Tmdb

MATRIX = Title("tmdb:movie:603", "movie", "The Matrix", external_ids={"tmdb": "603"})
BY_IMDB = Title("x", "movie", "The Matrix", external_ids={"imdb": "tt0133093"})


@pytest.fixture
async def films() -> AsyncIterator[Standin]:
    server = Standin(bearer=KEY, contract=10_000)
    add_tmdb(server, TmdbContent(320))
    async with server:
        yield server


@pytest.fixture
def known() -> JustWatchContent:
    return JustWatchContent(320)


@pytest.fixture
async def offers(known: JustWatchContent) -> AsyncIterator[Standin]:
    server = Standin(contract=10_000)
    add_justwatch(server, known)
    async with server:
        yield server


@pytest.fixture
async def tmdb(films: Standin) -> AsyncIterator[Tmdb]:
    async with tmdb_client(films) as opened:
        yield opened


@pytest.fixture
async def justwatch(offers: Standin) -> AsyncIterator[JustWatch]:
    async with justwatch_client(offers) as opened:
        yield opened


def keys(found: Availability) -> set[tuple[str, str, str]]:
    return {(offer.provider, offer.region, offer.kind) for offer in found.offers}


async def test_tmdb_alone_is_the_default(tmdb: Tmdb, films: Standin) -> None:
    found = await find_availability(MATRIX, tmdb=tmdb, regions=["US", "DE"])
    assert found.sources == ("tmdb",)
    assert found.missing == {}
    assert found.attribution == "JustWatch"
    assert {offer.region for offer in found.offers} == {"US", "DE"}
    assert len(films.arrivals) == 1


@pytest.mark.parametrize("title", [MATRIX, BY_IMDB])
async def test_both_together(tmdb: Tmdb, justwatch: JustWatch, title: Title) -> None:
    found = await find_availability(title, tmdb=tmdb, justwatch=justwatch, deadline_s=5.0)
    assert (set(found.sources), found.missing) == ({"tmdb", "justwatch"}, {})
    alone = await find_availability(title, tmdb=tmdb)
    assert keys(found) == keys(alone), "the stand-ins agree"
    # Of what both know JustWatch's offer is kept, which leads to the service itself.
    assert all(offer.url.startswith("https://watch.example/") for offer in found.offers)


async def test_one_that_is_off_is_not_asked(tmdb: Tmdb, offers: Standin) -> None:
    async with justwatch_client(offers, enabled=False) as off:
        found = await find_availability(MATRIX, tmdb=tmdb, justwatch=off)
        assert (found.sources, found.missing) == (("tmdb",), {})
        with pytest.raises(InvalidInputError, match="an enabled source"):
            await find_availability(MATRIX, justwatch=off)
    assert not offers.arrivals


async def test_one_that_is_slow_is_named_and_costs_no_more_than_the_deadline(
    tmdb: Tmdb, justwatch: JustWatch, offers: Standin
) -> None:
    offers.latency_s = 30.0
    started = time.monotonic()
    found = await find_availability(MATRIX, tmdb=tmdb, justwatch=justwatch, deadline_s=0.4)
    assert time.monotonic() - started < 20.0
    assert found.sources == ("tmdb",)
    assert set(found.missing) == {"justwatch"}
    assert found.offers


async def test_both_down_is_no_error(tmdb: Tmdb, justwatch: JustWatch) -> None:
    nobody = Title("x", "movie", "No such film", external_ids={"imdb": "tt9999999"})
    found = await find_availability(nobody, tmdb=tmdb, justwatch=justwatch, deadline_s=5.0)
    assert (found.offers, found.sources) == ((), ())
    assert set(found.missing) == {"tmdb", "justwatch"}
    assert set(found.unknown) == {"tmdb", "justwatch"}
    assert "expected" in found.missing["tmdb"]


async def test_a_broken_answer_is_named(tmdb: Tmdb, justwatch: JustWatch, films: Standin) -> None:
    films.faults = Faults({"wrong_types": 1.0})
    found = await find_availability(MATRIX, tmdb=tmdb, justwatch=justwatch, deadline_s=5.0)
    assert found.sources == ("justwatch",)
    assert "$.results" in found.missing["tmdb"]
    assert found.unknown == (), "it did not say that there is no such title"


async def test_a_country_that_fails_alone_is_named(
    tmdb: Tmdb, justwatch: JustWatch, known: JustWatchContent
) -> None:
    known.closed = {"DE"}
    found = await find_availability(
        BY_IMDB, tmdb=tmdb, justwatch=justwatch, regions=["US", "DE"], deadline_s=5.0
    )
    assert set(found.sources) == {"tmdb", "justwatch"}
    assert found.missing == {"justwatch DE": "country DE is not available"}
    german = [offer for offer in found.offers if offer.region == "DE"]
    assert german
    assert all("themoviedb.org" in offer.url for offer in german), "TMDB's stand in"


async def test_a_caller_who_leaves_takes_the_calls_with_him(
    justwatch: JustWatch, offers: Standin
) -> None:
    offers.latency_s = 30.0
    before = asyncio.all_tasks()
    call = asyncio.create_task(find_availability(BY_IMDB, justwatch=justwatch, deadline_s=20.0))
    while not offers.open:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    while offers.open:
        await asyncio.sleep(0.01)
    left = {t for t in asyncio.all_tasks() - before if "find_availability" in repr(t)}
    assert not left


@pytest.mark.parametrize("wrong", [{"regions": []}, {"deadline_s": 0.0}, {"deadline_s": -1.0}])
async def test_arguments_are_checked(tmdb: Tmdb, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        await find_availability(MATRIX, tmdb=tmdb, **wrong)
