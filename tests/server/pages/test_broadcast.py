"""Events of the live page: one reading for all, a bound, states and what follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientPayloadError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from tv5core.server.metrics import Figures
from tv5core.server.metrics.figures import LatencyPoint
from tv5core.server.pages import add_pages
from tv5core.server.pages.routes import BROADCAST

Client = TestClient[web.Request, web.Application]


class Source:
    """Figures that grow when a test says so."""

    def __init__(self) -> None:
        self.reads = 0
        self.points = 1
        self.broken = False

    def __call__(self, now: float) -> Figures:
        self.reads += 1
        if self.broken:
            raise OSError("no figures")
        series = tuple(LatencyPoint(float(i), 1.0, 2.0, 3.0) for i in range(self.points))
        return Figures(time=now, started_at=7.0, series=series)


@asynccontextmanager
async def served(source: Source, **options: Any) -> AsyncIterator[Client]:
    app = web.Application()
    add_pages(app, source, interval_s=0.02, **options)
    async with TestClient(TestServer(app)) as client:
        yield client


async def next_event(response: ClientResponse) -> tuple[str, Figures]:
    """Return the next event of a stream."""
    found: dict[str, str] = {}
    async with asyncio.timeout(60):
        while True:
            line = (await response.content.readline()).decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif "data" in found:
                return found["event"], msgspec.json.decode(found["data"], type=Figures)


async def test_the_whole_state_comes_first_and_then_what_is_new() -> None:
    source = Source()
    async with served(source) as client, client.get("/live/events") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        name, figures = await next_event(response)
        assert (name, len(figures.series), figures.started_at) == ("state", 1, 7.0)
        name, later = await next_event(response)
        assert (name, later.series) == ("now", ())
        assert later.time > figures.time
        source.points = 2
        while name == "now":
            name, later = await next_event(response)
        assert (name, len(later.series)) == ("state", 2)


async def test_many_clients_are_one_reading_and_none_is_none() -> None:
    source = Source()
    async with served(source) as client:
        assert source.reads == 0
        streams = [await client.get("/live/events") for _ in range(20)]
        times = [(await next_event(stream))[1].time for stream in streams]
        assert len(set(times)) < 20
        assert source.reads < 20
        for stream in streams:
            stream.close()
        broadcast = client.app[BROADCAST]  # type: ignore[index]
        async with asyncio.timeout(60):
            while broadcast.clients:
                await asyncio.sleep(0.01)
        before = source.reads
        await asyncio.sleep(0.1)
        assert source.reads == before


async def test_clients_are_bounded_and_a_place_is_free_again() -> None:
    async with served(Source(), most_clients=2) as client:
        first, second = await client.get("/live/events"), await client.get("/live/events")
        refused = await client.get("/live/events")
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("/live/state")).status == 200
        first.close()
        async with asyncio.timeout(60):
            while (third := await client.get("/live/events")).status != 200:
                await asyncio.sleep(0.01)
        second.close()
        third.close()


async def test_the_state_is_read_once_an_interval() -> None:
    source = Source()
    app = web.Application()
    add_pages(app, source, interval_s=60.0)
    async with TestClient(TestServer(app)) as client:
        answers = await asyncio.gather(*(client.get("/live/state") for _ in range(10)))
        assert {(await one.json())["started_at"] for one in answers} == {7.0}
    assert source.reads == 1


async def test_a_reading_that_fails_ends_no_stream(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    async with served(source) as client, client.get("/live/events") as response:
        await next_event(response)
        source.broken = True
        before = source.reads
        while source.reads < before + 3:
            await asyncio.sleep(0.01)
        source.broken = False
        assert (await next_event(response))[0] == "now"
    assert "could not be read" in caplog.text


async def test_streams_end_with_the_gateway() -> None:
    app = web.Application()
    add_pages(app, Source(), interval_s=0.02)
    client = TestClient(TestServer(app))
    await client.start_server()
    stream = await client.get("/live/events")
    await next_event(stream)
    ended = asyncio.ensure_future(stream.content.read())
    async with asyncio.timeout(30):  # far below the time that open requests are waited for
        await app.shutdown()
        try:
            await ended
        except ClientPayloadError:
            pytest.fail("expected the stream to end as it should")
    await client.close()
