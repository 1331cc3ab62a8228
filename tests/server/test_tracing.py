"""Traces: spans of a request and its stages, W3C context in and out, OTLP to a receiver here."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.server.conftest import running
from tests.server.metrics.test_service import TEXT, with_provider
from tests.upstream.clients import tmdb_server
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.server.tracing import Tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


class Receiver:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    def tree(self) -> Iterator[str]:
        """Yield the names of the spans as paths below their roots."""
        by_id = {span.span_id: span for span in self.spans}
        for span in self.spans:
            path, one = [span.name], span
            while one.parent_span_id in by_id:
                one = by_id[one.parent_span_id]
                path.append(one.name)
            yield " > ".join(reversed(path))


@pytest.fixture
async def receiver() -> Any:
    told = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", told.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield told
    await runner.cleanup()


async def test_spans_of_a_request_are_sent_by_otlp(folder: Path, receiver: Receiver) -> None:
    async with running(folder, providers=False, otlp_endpoint=receiver.url) as gateway:
        await gateway.get("/v1/search?q=heist&mode=semantic", headers=PARENT)
        _, text = await gateway.get("/metrics", headers={"Accept": TEXT})
    tree = set(receiver.tree())
    root = "GET /v1/search"
    load = f"{root} > tv5.cache > tv5.cache.load > tv5.search"
    assert {
        root,
        f"{root} > tv5.cache",
        load,
        f"{load} > tv5.plan",
        f"{load} > tv5.match > tv5.exact",
        f"{load} > tv5.decode",
    } <= tree
    of_request = [span for span in receiver.spans if span.name == root]
    assert [span.trace_id.hex() for span in of_request] == [TRACE], "the client's trace goes on"
    assert f'# {{trace_id="{TRACE}"}}'.encode() in text, "an exemplar links the histogram"


async def test_no_query_or_id_is_in_a_span(folder: Path, receiver: Receiver) -> None:
    async with running(folder, providers=False, otlp_endpoint=receiver.url) as gateway:
        await gateway.get("/v1/search?q=very-secret-words")
    assert receiver.spans
    assert "very-secret-words" not in str(receiver.spans)


async def test_the_context_goes_on_to_providers_without_an_sdk(folder: Path) -> None:
    assert not Tracing().is_on
    async with tmdb_server(TmdbContent(500)) as server, with_provider(folder, server) as gateway:
        response, _ = await gateway.get("/v1/titles/tmdb:movie:603", headers=PARENT)
        assert response.status == 200
        sent = [headers.get("traceparent", "") for headers in server.headers]
    assert sent
    assert all(one == PARENT["traceparent"] for one in sent)


async def test_a_call_to_a_provider_is_a_child_of_its_request(
    folder: Path, receiver: Receiver
) -> None:
    async with (
        tmdb_server(TmdbContent(500)) as server,
        with_provider(folder, server, otlp_endpoint=receiver.url) as gateway,
    ):
        await gateway.get("/v1/titles/tmdb:movie:603", headers=PARENT)
        await asyncio.sleep(0.4)  # the live attempt may end behind the answer
        sent = server.headers[-1]["traceparent"]
    names = [one.rpartition(" > ")[2] for one in receiver.tree()]
    assert {"tv5.limiter", "tv5.upstream"} <= set(names)
    calls = {span.span_id.hex() for span in receiver.spans if span.name == "tv5.upstream"}
    assert sent.split("-")[1] == TRACE
    assert sent.split("-")[2] in calls


async def test_a_client_may_leave_a_request_out(folder: Path, receiver: Receiver) -> None:
    unsampled = {"traceparent": PARENT["traceparent"][:-2] + "00"}
    async with running(folder, providers=False, otlp_endpoint=receiver.url) as gateway:
        await gateway.get("/v1/search?q=heist", headers=unsampled)
    assert receiver.spans == []
