"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tv5core.server.logs import RequestLog, configure_logs, log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger("tv5core")
    before = (list(root.handlers), root.level, root.propagate)
    yield
    root.handlers[:], root.level, root.propagate = before


@pytest.mark.parametrize("threaded", [False, True])
def test_a_line_is_json_with_what_was_added(threaded: bool) -> None:
    out = io.StringIO()
    handler = configure_logs("info", threaded=threaded, stream=out)
    log.info("started %s", "worker", extra={"child": 7})
    log.debug("not shown")
    handler.close()
    (line,) = out.getvalue().splitlines()
    read = json.loads(line)
    assert read["message"] == "started worker"
    assert read["child"] == 7
    assert read["level"] == "info"
    assert read["time"].endswith("Z")


@pytest.mark.parametrize(
    "text",
    ["GET /3/movie?api_key=SECRET&x=1", "Authorization: Bearer SECRET", 'bearer SECRET"'],
)
def test_keys_are_blanked(text: str) -> None:
    out = io.StringIO()
    configure_logs("info", threaded=False, stream=out)
    log.error("failed at %s", text, exc_info=ValueError(text))
    assert "SECRET" not in out.getvalue()
    assert "***" in out.getvalue()


async def test_a_request_is_a_line_with_its_template_and_without_its_query() -> None:
    out = io.StringIO()
    configure_logs("info", threaded=False, stream=out)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="ok", headers={"X-Request-Id": "abc", "X-Tv5-Tier": "full"})

    app = web.Application()
    app.router.add_get("/v1/titles/{id}", handler)
    server = TestServer(app)
    await server.start_server(access_log=log, access_log_class=RequestLog)
    async with TestClient(server) as client:
        await client.get("/v1/titles/tmdb:movie:603?q=what+someone+searches")
        await client.get("/nowhere")
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    assert first["route"] == "/v1/titles/{id}"
    assert (first["status"], first["tier"], first["request_id"]) == (200, "full", "abc")
    assert second["status"] == 404
    assert "603" not in out.getvalue()
    assert "someone" not in out.getvalue()
