"""Metrics of a running gateway: what each request, search and call to a provider counts as."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.server.conftest import Gateway, make_settings, running
from tests.upstream.clients import KEY, tmdb_server
from tests.upstream.standin.server import Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.server.app import make_app, make_runner
from tv5core.server.metrics import Metrics
from tv5core.server.resources import open_resources
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.provider import Credentials
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.provider import tmdb_provider

TEXT = 'application/openmetrics-text; version="1.0.0"'


async def scraped(gateway: Gateway) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the samples of ``/metrics`` by name and labels."""
    response, text = await gateway.get("/metrics")
    assert response.status == 200
    assert response.content_type == "text/plain"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def of(
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str
) -> float:
    want = set(labels.items())
    return sum(value for (have, of), value in samples.items() if have == name and want <= of)


async def test_requests_are_counted_by_template_and_timed(alone: Gateway) -> None:
    for path in ("/v1/search?q=heist", "/v1/search?q=secret-words", "/v1/search?k=nonsense"):
        await alone.get(path)
    await alone.get("/nothing/here/4711")
    found = await scraped(alone)
    route = {"method": "GET", "route": "/v1/search"}
    assert of(found, "http_requests_total", status="200", **route) == 2
    assert of(found, "http_requests_total", status="400", **route) == 1
    assert of(found, "http_requests_total", status="404", route="unmatched", method="GET") == 1
    assert of(found, "http_request_duration_seconds_count", **route) == 3
    bounds = {
        float(dict(labels)["le"])
        for name, labels in found
        if name == "http_request_duration_seconds_bucket"
    }
    assert bounds == {0.01, 0.05, 0.1, 0.3, 0.5, 1, 3, 5, float("inf")}
    assert of(found, "tv5_answers_total", tier="full") == 2


async def test_the_loop_says_how_late_it_is_and_how_much_it_does(alone: Gateway) -> None:
    async with asyncio.timeout(60):
        while of(found := await scraped(alone), "tv5_event_loop_delay_seconds_count") < 20:
            await asyncio.sleep(0.2)
    assert of(found, "tv5_event_loop_tasks") >= 1


async def test_errors_are_counted_by_the_type_of_their_problem(alone: Gateway) -> None:
    _, problem = await alone.get("/v1/search?k=nonsense")
    found = await scraped(alone)
    kinds = {
        dict(labels)["error_type"]: value
        for (name, labels), value in found.items()
        if name == "http_request_errors_total"
    }
    assert kinds == {re.split("[/:]", problem["type"])[-1]: 1}


async def test_no_id_query_or_key_is_in_a_label(alone: Gateway) -> None:
    first = (await alone.get("/v1/search?q=heist"))[1]["hits"][0]["id"]
    await alone.get(f"/v1/titles/{first}")
    _, text = await alone.get("/metrics")
    assert b'route="/v1/titles/{id}"' in text
    for hidden in (first, "heist", "a-token-for-tests"):
        assert hidden.encode() not in text


async def test_searches_are_timed_by_plan_and_stage(alone: Gateway) -> None:
    await alone.get("/v1/search?q=heist&mode=semantic")
    await alone.get("/v1/search?where=genre:Drama")
    found = await scraped(alone)
    plans = {
        dict(labels)["plan"]: value
        for (name, labels), value in found.items()
        if name == "tv5_search_duration_seconds_count"
    }
    assert plans == {"exact": 1, "words": 1}
    for stage in ("plan", "match", "exact", "rank", "decode"):
        assert of(found, "tv5_search_stage_duration_seconds_count", stage=stage) >= 1
    assert of(found, "tv5_searches_in_progress") == 0


async def test_the_cache_counts_look_ups_hits_and_loads(alone: Gateway) -> None:
    for _ in range(4):
        await alone.get("/v1/search?q=heist")
    found = await scraped(alone)
    assert of(found, "tv5_cache_lookups_total", kind="search") == 4
    assert of(found, "tv5_cache_hits_total", kind="search", tier="memory") == 3
    assert of(found, "tv5_cache_loads_total", kind="search", outcome="ok") == 1


async def test_gauges_say_what_is_stored_and_used(alone: Gateway) -> None:
    found = await scraped(alone)
    assert of(found, "tv5_store_titles") == alone.resources.catalog.count()
    assert of(found, "tv5_workers") == 1
    assert of(found, "tv5_cache_capacity_bytes", tier="memory") == 256 << 20
    assert 10e6 < of(found, "tv5_process_resident_bytes") < 10e9
    assert 0 < of(found, "tv5_machine_memory_ratio") < 1
    assert of(found, "tv5_build_info") == 1


async def test_the_text_is_what_each_scraper_accepts(alone: Gateway) -> None:
    await alone.get("/v1/search?q=heist")
    response, text = await alone.get("/metrics", headers={"Accept": TEXT})
    assert response.content_type == "application/openmetrics-text"
    assert text.endswith(b"# EOF\n")
    odd = 'application/openmetrics-text; version="x", text/plain; version=y'
    assert (await alone.get("/metrics", headers={"Accept": odd}))[0].content_type == "text/plain"
    names = {family.name for family in openmetrics(text.decode())}
    assert {"http_requests", "http_request_duration_seconds", "tv5_build_info"} <= names


@asynccontextmanager
async def with_provider(folder: Path, server: Standin, **given: Any) -> AsyncIterator[Gateway]:
    """A gateway whose calls to a provider are observed, at a pace of its own."""
    settings = make_settings(catalog=str(folder), port=0, client_rate=0.0, **given)
    metrics = Metrics(settings)
    provider = tmdb_provider(
        credentials=Credentials.of(bearer=KEY),
        base_url=f"{server.url}/3",
        rate=45.0,
        burst=5,
        contract=50,
    )
    tmdb = Tmdb(Fetcher(provider, observer=metrics.observer, per_machine=False))
    async with AsyncExitStack() as stack:
        opened = open_resources(settings, tmdb=tmdb, metrics=metrics)
        resources = await stack.enter_async_context(opened)
        runner = make_runner(make_app(settings, resources), settings)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Gateway(f"http://127.0.0.1:{port}", resources, session, port, server)


async def test_calls_to_a_provider_are_counted_and_its_limits_shown(folder: Path) -> None:
    async with tmdb_server(TmdbContent(500)) as server, with_provider(folder, server) as gateway:
        assert gateway.resources.tmdb is not None
        await gateway.resources.tmdb.movie(603)
        found = await scraped(gateway)
        figures = gateway.resources.metrics.figures()
    assert of(found, "tv5_upstream_requests_total", provider="tmdb", outcome="ok") == 1
    assert of(found, "tv5_upstream_attempts_total", provider="tmdb", status="200") == 1
    assert of(found, "tv5_upstream_connect_duration_seconds_count", provider="tmdb") == 1
    assert of(found, "tv5_limiter_contract", provider="tmdb") == 50
    assert of(found, "tv5_limiter_rate", provider="tmdb") == 45
    assert [(one.name, one.limit, one.breaker) for one in figures.providers] == [
        ("tmdb", 50, "closed")
    ]


async def test_figures_are_of_what_was_asked(alone: Gateway) -> None:
    metrics = alone.resources.metrics
    metrics.figures()
    for _ in range(20):
        await alone.get("/v1/search?q=heist")
    metrics.on_read()
    figures = metrics.figures()
    assert figures.qps > 0
    assert figures.error_share == 0
    assert figures.latency.p50_ms is not None
    assert figures.latency.p95_ms is not None
    assert 0 < figures.latency.p50_ms <= figures.latency.p95_ms
    by_kind = {one.name: one for one in figures.kinds}
    assert by_kind["search"].requests == 20
    assert by_kind["search"].ratio == pytest.approx(0.95)
    assert {one.name: one.count for one in figures.tiers} == {"full": 20}
    assert figures.search.p50_ms is not None
    assert figures.store.titles == alone.resources.catalog.count()
    assert figures.workers == 1


async def test_recall_is_measured_on_what_people_search(folder: Path) -> None:
    async with running(folder, providers=False) as gateway:
        metrics = gateway.resources.metrics
        sampler = metrics._recall
        assert sampler is not None
        await gateway.get("/v1/search?q=a+heist+in+paris")
        assert sampler._chosen == ("a heist in paris", "")
        recall = await asyncio.to_thread(sampler.check, "a heist in paris")
        assert recall == 1.0, "few titles are compared exactly"


async def test_with_a_token_only_who_has_it_sees_the_metrics(folder: Path) -> None:
    async with running(folder, providers=False, metrics_token="a-token-for-metrics") as gateway:
        for given in ({}, {"Authorization": "Bearer another"}, {"Authorization": "Basic x"}):
            response, problem = await gateway.get("/metrics", headers=given)
            assert response.status == problem["status"] == 401
            assert response.content_type == "application/problem+json"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        given = {"Authorization": "Bearer a-token-for-metrics"}
        response, text = await gateway.get("/metrics", headers=given)
        assert response.status == 200
        assert b"http_requests_total" in text
        assert b"a-token" not in text
