"""Requests that no client library sends: smuggled, malformed, oversized, slow.

After each the gateway answers others, and a connection never yields more answers than it had
requests.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.conftest import Gateway, running

HOST = b"Host: gateway\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /v1/recommendations HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /api/admin/cache/stats HTTP/1.1\r\nHost: x\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


async def exchange(gateway: Gateway, raw: bytes, *, wait_s: float = 20.0) -> bytes:
    """Send bytes; return what comes until the gateway closes, or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    received = b""
    try:
        writer.write(raw)
        await writer.drain()
        while chunk := await asyncio.wait_for(reader.read(65_536), wait_s):
            received += chunk
            wait_s = min(wait_s, 1.0)  # what follows an answer follows it at once
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return received


async def send(gateway: Gateway, raw: bytes, *, wait_s: float = 20.0) -> list[int]:
    """Send bytes; return the statuses of all answers."""
    received = await exchange(gateway, raw, wait_s=wait_s)
    return [int(status) for status in STATUS.findall(received)]


def check_problem(received: bytes) -> None:
    """Check that an answer is a problem, whole, with the id that its header has, too."""
    head, _, body = received.partition(b"\r\n\r\n")
    headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert headers[b"Content-Type"] == b"application/problem+json"
    assert headers[b"Server"] == b"tv5core"
    assert int(headers[b"Content-Length"]) == len(body)
    problem = json.loads(body)
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == int(head.split()[1])
    assert problem["request_id"] == headers[b"X-Request-Id"].decode()
    assert problem["type"].startswith("urn:tv5core:problem:")


@pytest.fixture
async def guarded(folder: Path) -> AsyncIterator[Gateway]:
    async with running(folder, providers=False, max_body_bytes=2_000) as gateway:
        yield gateway
        response, _ = await gateway.get("/healthz")
        assert response.status == 200, "it answers others still"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
            id="CL.TE",
        ),
        pytest.param(
            POST
            + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
            id="TE.CL",
        ),
        pytest.param(
            POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, id="unknown coding"
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
            id="chunked is not last",
        ),
        pytest.param(
            POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}" + SMUGGLED, id="two lengths"
        ),
        pytest.param(POST + b"Content-Length: +2\r\n\r\n{}" + SMUGGLED, id="signed length"),
        pytest.param(POST + b"Content-Length: 0x2\r\n\r\n{}" + SMUGGLED, id="hexadecimal length"),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n{}" + SMUGGLED, id="negative length"),
        pytest.param(POST + b"Content-Length : 2\r\n\r\n{}" + SMUGGLED, id="blank before colon"),
        pytest.param(POST + b"Content-Length: 2\x00\r\n\r\n{}" + SMUGGLED, id="null in a header"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", id="huge chunk"
        ),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", id="negative chunk"),
        pytest.param(GET + b" folded: x\r\n\r\n", id="folded header"),
        pytest.param(GET + b"no colon\r\n\r\n", id="header without colon"),
        pytest.param(b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n", id="unknown version"),
        pytest.param(b"GET /healthz\r\n\r\n", id="no version"),
        pytest.param(b"G\x00T /healthz HTTP/1.1\r\n" + HOST + b"\r\n", id="null in the method"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"\r\n" * 50 + b"junk\r\n\r\n", id="junk"),
    ],
)
async def test_what_is_ambiguous_is_refused(guarded: Gateway, raw: bytes) -> None:
    received = await exchange(guarded, raw)
    statuses = [int(status) for status in STATUS.findall(received)]
    assert len(statuses) <= 1
    assert all(400 <= status < 600 and status != 500 for status in statuses)
    if statuses:
        check_problem(received)


async def test_pipelined_requests_get_an_answer_each(guarded: Gateway) -> None:
    assert await send(guarded, (GET + b"\r\n") * 3) == [200] * 3


async def test_a_body_that_follows_is_not_a_request(guarded: Gateway) -> None:
    body = SMUGGLED
    raw = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert await send(guarded, raw) == [400]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, id="path"),
        pytest.param(
            b"GET /v1/search?q=" + b"a" * 5_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="query"
        ),
        pytest.param(b"GET /" + b"a" * 99_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, id="line"),
        pytest.param(GET + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431, id="header"),
        pytest.param(GET + b"X-A: a\r\n" * 5_000 + b"\r\n", 431, id="headers"),
        pytest.param(GET + b"Expect: a miracle\r\n\r\n", 417, id="expectation"),
        pytest.param(POST + b"Content-Length: 9999999999\r\n\r\n", 413, id="announced body"),
        pytest.param(POST + b"Content-Length: 5000\r\n\r\n" + b"a" * 5_000, 413, id="sent body"),
        pytest.param(
            POST
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"3e8\r\n" + b"a" * 1_000 + b"\r\n") * 9,
            413,
            id="chunked body",
        ),
        pytest.param(
            POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415, id="packed"
        ),
        pytest.param(b"DELETE /v1/search HTTP/1.1\r\n" + HOST + b"\r\n", 405, id="method"),
        pytest.param(b"GET /v1/titles/%00%ff HTTP/1.1\r\n" + HOST + b"\r\n", 404, id="bytes"),
        pytest.param(b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404, id="dots"),
    ],
)
async def test_what_is_too_large_or_wrong_has_its_status(
    guarded: Gateway, raw: bytes, status: int
) -> None:
    assert await send(guarded, raw) == [status]


@pytest.mark.parametrize(
    ("raw", "status", "kind"),
    [
        (b"no request at all\r\n\r\n", 400, "malformed-request"),
        (b"GET /" + b"a" * 99_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "target-too-long"),
        (GET + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (GET + b"X-A: a\r\n" * 500 + b"\r\n", 431, "headers-too-large"),
    ],
)
async def test_what_the_parser_refuses_is_a_problem_and_counted(
    guarded: Gateway, raw: bytes, status: int, kind: str
) -> None:
    received = await exchange(guarded, raw)
    check_problem(received)
    assert json.loads(received.partition(b"\r\n\r\n")[2])["type"].endswith(kind)
    _, metrics = await guarded.get("/metrics")
    labels = 'method="OTHER",route="unparsed"'
    assert f'http_requests_total{{{labels},status="{status}"}} 1.0' in metrics.decode()
    counted = f'error_type="{kind}",{labels}'
    assert f"http_request_errors_total{{{counted}}} 1.0" in metrics.decode()


async def test_an_expectation_that_is_not_met_is_a_problem(guarded: Gateway) -> None:
    received = await exchange(guarded, GET + b"Expect: a miracle\r\n\r\n")
    assert STATUS.findall(received) == [b"417"]
    problem = json.loads(received.partition(b"\r\n\r\n")[2])
    assert problem["title"] == "Expectation Failed"
    assert problem["request_id"].encode() in received.partition(b"\r\n\r\n")[0]


async def test_slow_clients_hold_a_connection_and_nothing_else(folder: Path) -> None:
    options = {"providers": False, "idle_timeout_s": 0.5, "request_timeout_s": 5.0}
    async with running(folder, max_concurrency=2, max_queue=0, **options) as gateway:
        slow = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(60)]
        for number, (_, writer) in enumerate(slow):
            writer.write(GET if number % 2 else b"GET /heal")
        started = time.perf_counter()
        response, _ = await gateway.get("/v1/suggest?q=jaw")
        assert response.status == 200
        assert time.perf_counter() - started < 20
        for reader, writer in slow:
            async with asyncio.timeout(60):
                while await reader.read(1_000):  # until it is closed
                    pass
            writer.close()


async def test_a_body_that_never_ends_is_given_up(folder: Path) -> None:
    options = {"providers": False, "request_timeout_s": 0.3}
    async with running(folder, max_concurrency=1, max_queue=0, **options) as gateway:
        started = time.perf_counter()
        assert await send(gateway, POST + b"Content-Length: 100\r\n\r\n{", wait_s=20.0) == [503]
        assert time.perf_counter() - started < 20
        response, _ = await gateway.get("/v1/suggest?q=jaw")
        assert response.status == 200


async def test_what_cannot_be_parsed_is_not_logged(
    guarded: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await send(guarded, b"GET /v1/search?q=private" + b"a" * 99_000 + b" HTTP/1.1\r\n\r\n")
    assert "cannot be parsed: LineTooLong" in caplog.text
    assert "private" not in caplog.text


async def test_a_traceback_is_never_sent(guarded: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of /some/folder")

    monkeypatch.setattr(guarded.resources.cached.answers, "suggest", fails)
    response, body = await guarded.get("/v1/suggest?q=jaw")
    assert response.status == 500
    assert "secret" not in str(body)
    assert "Traceback" not in str(body)
    assert body["request_id"]
