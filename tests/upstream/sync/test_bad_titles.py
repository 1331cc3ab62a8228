"""Titles that always fail, of a provider that is well otherwise, over the whole way to the sink."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.upstream.sync.memory_sink import MemorySink
from tv5core.backoff import Backoff
from tv5core.errors import CredentialsError, MalformedResponseError
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.provider import Credentials
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.provider import tmdb_provider


@contextlib.asynccontextmanager
async def serving(bad: set[int], kind: str) -> AsyncIterator[tuple[Tmdb, dict[int, int]]]:
    """Serve films of which some always fail; yield a client and the requests by film."""
    asked: dict[int, int] = {}

    async def film(request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        asked[number] = asked.get(number, 0) + 1
        if number not in bad:
            odd = {"runtime": 95.5} if number % 2 else {}
            return web.json_response({"id": number, "title": f"Dock {number}", **odd})
        if kind == "cut" and request.transport is not None:
            request.transport.close()
        if kind == "hang":
            await asyncio.sleep(5)
        headers = {"Retry-After": "0.01"} if kind == "429" else {}
        status = int(kind) if kind.isdigit() else 200
        return web.Response(status=status, text="<html>", headers=headers)

    app = web.Application()
    app.router.add_get("/3/movie/{id}", film)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        provider = tmdb_provider(
            credentials=Credentials.of(api_key="k"), base_url=f"{site.name}/3",
            rate=900.0, burst=100, contract=1_000, bulk_share=1.0,
        )  # fmt: skip
        breaker = CircuitBreaker("tmdb", open_s=0.2, max_open_s=0.4)
        backoff = Backoff(0.01, 0.05)
        fetcher = Fetcher(provider, backoff=backoff, breaker=breaker, read_timeout_s=0.2)
        async with Tmdb(fetcher) as tmdb:
            yield tmdb, asked
    finally:
        await runner.cleanup()


async def test_a_download_without_a_byte_is_no_export() -> None:
    async def empty(request: web.Request) -> web.Response:
        return web.Response(body=b"")

    app = web.Application()
    app.router.add_get("/p/exports/{name}", empty)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        provider = tmdb_provider(
            credentials=Credentials.of(api_key="k"), base_url=f"{site.name}/3",
        )  # fmt: skip
        async with Tmdb(Fetcher(provider)) as tmdb:
            with pytest.raises(MalformedResponseError, match="got an empty one"):
                await sync_tmdb(tmdb, MemorySink(), media=["movie"])
    finally:
        await runner.cleanup()


def export_of(path: Path, count: int) -> Path:
    lines = (
        json.dumps({"id": n, "original_title": "x", "popularity": count - n})
        for n in range(1, count + 1)
    )
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.mark.parametrize("kind", ["500", "html", "404", "429", "cut", "hang"])
async def test_a_few_bad_titles_are_listed_and_the_rest_stored(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tv5core.upstream.sync.bulk_retry._MAX_RATE_LIMITED_S", 0.2)
    export, sink = export_of(tmp_path / "movie_ids.json.gz", 200), MemorySink()
    bad = {1, 100, 200}
    async with serving(bad, kind) as (tmdb, asked):
        report = await sync_tmdb(tmdb, sink, media=["movie"], exports=[export])
        assert report.failures.keys() == {f"tmdb:movie:{n}" for n in bad}
        assert (report.fetched, len(sink.titles)) == (197, 197)
        assert report.omitted == {"runtime": 99}
        # aiohttp itself repeats a request where a kept-alive connection is cut.
        assert all(asked[n] <= (16 if kind == "cut" else 8) for n in bad) or kind == "429"
        again = await sync_tmdb(tmdb, sink, media=["movie"], exports=[export])
        assert (again.fetched, len(again.failures)) == (0, 3)
        assert not again.all_failed


@pytest.mark.parametrize("kind", ["401", "403"])
async def test_after_nothing_but_refusals_the_next_run_fetches_all(
    kind: str, tmp_path: Path
) -> None:
    export, sink = export_of(tmp_path / "movie_ids.json.gz", 40), MemorySink()
    bad = set(range(1, 41))
    async with serving(bad, kind) as (tmdb, _):
        with pytest.raises(CredentialsError):
            await sync_tmdb(tmdb, sink, media=["movie"], exports=[export])
        assert not sink.titles
        bad.clear()
        report = await sync_tmdb(tmdb, sink, media=["movie"], exports=[export])
        assert (report.fetched, report.failures, len(sink.titles)) == (40, {}, 40)


async def test_refusals_amid_a_run_keep_what_was_fetched(tmp_path: Path) -> None:
    export, sink = export_of(tmp_path / "movie_ids.json.gz", 40), MemorySink()
    bad = set(range(11, 41))
    async with serving(bad, "401") as (tmdb, _):
        with pytest.raises(CredentialsError):
            await sync_tmdb(tmdb, sink, media=["movie"], exports=[export], concurrency=1)
        assert len(sink.titles) == 10
        bad.clear()
        report = await sync_tmdb(tmdb, sink, media=["movie"], exports=[export])
        assert (report.failures, len(sink.titles)) == ({}, 40)
