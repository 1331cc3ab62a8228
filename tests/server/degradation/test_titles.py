"""A title of all sources together, and what is answered where some fail."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path

import msgspec
import pytest

from tests.server.conftest import Gateway, running
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.works import FIRST_GENERATED
from tv5core.errors import CatalogError
from tv5core.server.degradation.patience import patience_s
from tv5core.types import Offer, Title
from tv5core.upstream import Priority

MATRIX = "tmdb:movie:603"
NEW = f"tmdb:movie:{FIRST_GENERATED + 1}"


async def test_a_title_is_of_all_sources(gateway: Gateway) -> None:
    response, body = await gateway.get(f"/v1/titles/{MATRIX}")
    assert response.status == 200
    assert response.headers["X-Tv5-Tier"] == "full"
    assert "Warning" not in response.headers
    assert body["title"]["id"] == MATRIX
    assert body["title"]["votes"] > 0, "the shipped titles have none: it is the provider's"
    assert body["sources"] == {"catalog": "fresh", "tmdb": "fresh", "availability": "fresh"}
    assert body["availability"]["sources"] == ["tmdb"]
    assert 'tmdb";r=' in response.headers["X-Upstream-RateLimit"]


async def test_an_unknown_title_is_fetched_stored_and_found(gateway: Gateway) -> None:
    assert gateway.provider is not None
    response, body = await gateway.get(f"/v1/titles/{NEW}")
    assert response.status == 200
    assert body["sources"]["catalog"] == "stored"
    name = body["title"]["title"]
    _, found = await gateway.get("/v1/search", params={"q": name, "k": "5"})
    assert found["hits"][0]["id"] == NEW
    asked = len(gateway.provider.arrivals)
    _, again = await gateway.get(f"/v1/titles/{NEW}")
    assert again["sources"]["catalog"] == "fresh"
    assert len(gateway.provider.arrivals) == asked, "from the cache"


async def test_a_title_that_nobody_has_is_asked_for_once(gateway: Gateway) -> None:
    assert gateway.provider is not None
    for _ in range(3):
        response, body = await gateway.get("/v1/titles/tmdb:movie:999999999")
        assert response.status == 404
        assert body["type"].endswith("unknown-id")
    assert sum("999999999" in path for path in gateway.provider.paths.elements()) == 1
    response, _ = await gateway.get("/v1/titles/none:1")
    assert response.status == 404


async def test_a_slow_provider_costs_300_ms_and_the_catalogue_answers(
    folder: Path, provider: Standin
) -> None:
    provider.latency_s = 1.5
    async with running(folder, provider=provider) as gateway:
        started = time.perf_counter()
        response, body = await gateway.get(f"/v1/titles/{MATRIX}")
        assert time.perf_counter() - started >= 0.29
        assert response.headers["X-Tv5-Tier"] == "cached"
        assert response.headers["Warning"].startswith("110 ")
        assert (body["_stale"], body["_fallback"]) == (True, False)
        assert body["sources"]["tmdb"] == "no answer in time"
        async with asyncio.timeout(60):  # its answer comes meanwhile, and is kept
            while response.headers["X-Tv5-Tier"] != "full":
                response, body = await gateway.get(f"/v1/titles/{MATRIX}")


async def test_the_static_set_answers_where_nobody_else_does(
    folder: Path, provider: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.dead = True

    def fails(_: str) -> None:
        raise CatalogError("expected a catalogue, got /some/folder")

    async with running(folder, provider=provider, unknown_deadline_s=0.5) as gateway:
        monkeypatch.setattr(gateway.resources.catalog, "get_versioned", fails)
        monkeypatch.setattr(gateway.resources.catalog, "get", fails)
        response, body = await gateway.get(f"/v1/titles/{MATRIX}")
        assert response.headers["X-Tv5-Tier"] == "static"
        assert (body["_stale"], body["_fallback"]) == (False, True)
        assert body["title"]["title"] == "The Matrix"
        response, body = await gateway.get(f"/v1/titles/{NEW}")
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert "folder" not in str(body)


async def test_a_slow_cache_never_fails_a_stored_title(
    folder: Path, provider: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is short of time must not take stored titles for unknown ones."""
    provider.dead = True

    async def never(_: str) -> None:
        await asyncio.sleep(60)

    async with running(folder, provider=provider) as gateway:
        monkeypatch.setattr(gateway.resources.cached.answers, "title", never)
        response, body = await gateway.get(f"/v1/titles/{MATRIX}")
        assert response.status == 200
        assert body["title"]["title"] == "The Matrix"
        assert body["sources"]["catalog"] == "fresh"


@pytest.mark.parametrize("fault", ["status_500", "invalid_json", "wrong_types", "reset"])
async def test_a_failing_provider_never_fails_a_known_title(
    folder: Path, provider: Standin, fault: str
) -> None:
    provider.faults = Faults(shares={fault: 1.0})
    async with running(folder, provider=provider) as gateway:
        response, body = await gateway.get(f"/v1/titles/{MATRIX}")
        assert response.status == 200
        assert body["title"]["title"] == "The Matrix"
        assert response.headers["X-Tv5-Tier"] == "cached"


async def test_a_reader_serves_what_it_cannot_store(folder: Path, provider: Standin) -> None:
    async with running(folder, provider=provider, read_only=True) as gateway:
        response, body = await gateway.get(f"/v1/titles/{NEW}")
        assert response.status == 200
        assert body["sources"]["catalog"] == "unknown"
        assert NEW not in gateway.resources.catalog


async def test_offers_are_those_of_one_country(gateway: Gateway) -> None:
    _, body = await gateway.get(f"/v1/titles/{MATRIX}/availability?region=DE")
    assert body["availability"]["region"] == "DE"
    assert {offer["region"] for offer in body["availability"]["offers"]} == {"DE"}
    assert body["availability"]["attribution"]


async def test_offers_of_the_catalogue_stand_in(gateway: Gateway) -> None:
    assert gateway.provider is not None
    await gateway.get(f"/v1/titles/{NEW}")
    gateway.provider.dead = True
    response, body = await gateway.get(f"/v1/titles/{NEW}/availability?region=GB")
    assert response.headers["X-Tv5-Tier"] == "cached"
    assert body["_stale"] is True
    assert body["availability"]["offers"]
    response, body = await gateway.get(f"/v1/titles/{MATRIX}/availability?region=GB")
    assert response.status == 200
    assert response.headers["X-Tv5-Tier"] == "cached"
    assert (body["_stale"], body["availability"]["known"]) == (True, False), "that is not nowhere"
    assert body["availability"]["missing"]
    _, body = await gateway.get(f"/v1/titles/{MATRIX}?region=GB")
    assert body["sources"]["availability"] == "no source answered in time"
    assert body["availability"]["known"] is False


async def test_nowhere_is_known_where_a_provider_says_so(gateway: Gateway) -> None:
    response, body = await gateway.get(f"/v1/titles/{MATRIX}/availability?region=VA")
    assert response.headers["X-Tv5-Tier"] == "full"
    assert body["availability"]["offers"] == []
    assert body["availability"]["known"] is True


async def test_a_title_that_no_source_of_offers_knows_is_asked_for_once(
    gateway: Gateway,
) -> None:
    assert gateway.provider is not None
    ids = {"imdb": "tt9999998"}
    alone = Title("own:1", "movie", "A film of one's own", external_ids=ids)
    offered = msgspec.structs.replace(alone, id="own:2", offers=(Offer("mubi", "US"),))
    gateway.resources.catalog.add([alone, offered])
    _, body = await gateway.get("/v1/titles/own:1")
    assert body["sources"]["availability"] == "unknown"
    assert body["availability"]["known"] is False
    asked = len(gateway.provider.arrivals)
    assert asked > 0
    await gateway.get("/v1/titles/own:1")
    assert len(gateway.provider.arrivals) == asked
    response, body = await gateway.get("/v1/titles/own:2/availability?region=US")
    assert response.headers["X-Tv5-Tier"] == "full"
    assert [offer["provider"] for offer in body["availability"]["offers"]] == ["mubi"]


async def test_a_busy_provider_is_not_waited_for_and_not_asked_about_known_titles(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway.provider is not None
    assert gateway.resources.tmdb is not None
    limiter = gateway.resources.tmdb.fetcher.limiter
    calm = limiter.snapshot()
    busy = dataclasses.replace(calm, wait_s=dict.fromkeys(Priority, 20.0))
    monkeypatch.setattr(limiter, "snapshot", lambda: busy)
    response, body = await gateway.get(f"/v1/titles/{MATRIX}")
    assert response.headers["X-Tv5-Tier"] == "cached"
    assert body["sources"]["tmdb"] == "failed: RateLimitedError"
    assert patience_s(gateway.resources.tmdb, Priority.USER, 0.3, 0.1) == 0.1
    assert not _asked_for(gateway.provider, "movie/603?")
    response, body = await gateway.get(f"/v1/titles/{NEW}")
    assert (response.status, body["sources"]["tmdb"]) == (200, "fresh"), "nobody else knows it"
    monkeypatch.setattr(limiter, "snapshot", lambda: calm)
    assert patience_s(gateway.resources.tmdb, Priority.USER, 0.3, 0.1) == 0.3
    response, _ = await gateway.get(f"/v1/titles/{MATRIX}")
    assert response.headers["X-Tv5-Tier"] == "full"
    assert _asked_for(gateway.provider, "movie/603?")


def _asked_for(provider: Standin, part: str) -> list[str]:
    return [path for path in provider.paths if part in path]


async def test_without_providers_the_catalogue_is_all_there_is(alone: Gateway) -> None:
    response, body = await alone.get("/v1/titles/imdb:tt0133093")
    assert response.headers["X-Tv5-Tier"] == "full"
    assert body["title"]["id"] == MATRIX
    assert body["sources"] == {"catalog": "fresh", "availability": "fresh"}
    title = msgspec.convert(body["title"], dict)
    assert "votes" not in title
