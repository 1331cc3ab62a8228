"""Compression, conditional requests, CORS, caching headers."""

from __future__ import annotations

import gzip
from pathlib import Path

import aiohttp
import pytest

from tests.server.conftest import Gateway, running
from tv5core.server.protection.compression import chosen

zstd = pytest.importorskip("backports.zstd")

PATH = "/v1/search?q=war&k=10"


@pytest.mark.parametrize(
    ("accepted", "want"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("zstd;q=0.5, gzip;q=0.9", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0", None),
        ("GZIP;Q=1.0", "gzip"),
        ("gzip;q=junk", None),
    ],
)
def test_the_client_chooses(accepted: str, want: str | None) -> None:
    assert chosen(accepted) == want


async def test_bodies_are_packed_as_the_client_prefers(alone: Gateway) -> None:
    bodies = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for accepted in ("identity", "gzip", "zstd"):
            headers = {"Accept-Encoding": accepted}
            async with session.get(alone.url + PATH, headers=headers) as response:
                bodies[accepted] = await response.read()
                assert "Accept-Encoding" in response.headers["Vary"]
                assert response.headers.get("Content-Encoding", "identity") == accepted
                assert int(response.headers["Content-Length"]) == len(bodies[accepted])
    assert gzip.decompress(bodies["gzip"]) == bodies["identity"]
    assert zstd.decompress(bodies["zstd"]) == bodies["identity"]
    assert len(bodies["zstd"]) < len(bodies["identity"]) / 2


async def test_what_the_client_has_is_not_sent_again(alone: Gateway) -> None:
    response, _ = await alone.get(PATH)
    etag = response.headers["ETag"]
    response, body = await alone.get(PATH, headers={"If-None-Match": f'"other", {etag}'})
    assert (response.status, body) == (304, b"")
    assert response.headers["ETag"] == etag
    assert "Cache-Control" in response.headers
    assert "Vary" in response.headers
    response, _ = await alone.get(PATH, headers={"If-None-Match": '"other"'})
    assert response.status == 200


async def test_head_is_get_without_a_body(alone: Gateway) -> None:
    got, _ = await alone.get(PATH)
    head, body = await alone.ask("HEAD", PATH)
    assert (head.status, body) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("/v1/titles/tmdb:movie:603", "max-age=86400"),
        ("/v1/search?q=war", "max-age=900"),
        ("/v1/trending", "max-age=300"),
        ("/v1/titles/tmdb:movie:603/similar", "stale-while-revalidate=21600"),
        ("/v1/titles/tmdb:movie:603/availability", "stale-if-error=86400"),
        ("/healthz", "no-store"),
        ("/v1/titles/none", "no-store"),
    ],
)
async def test_kinds_are_kept_as_long_as_their_policies_say(
    alone: Gateway, path: str, want: str
) -> None:
    response, _ = await alone.get(path)
    assert want in response.headers["Cache-Control"]


async def test_pages_of_known_origins_may_read(folder: Path) -> None:
    origin = {"Origin": "https://a.example"}
    async with running(folder, providers=False, cors_origins=("https://a.example",)) as gateway:
        response, _ = await gateway.get(PATH, headers=origin)
        assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert "Origin" in response.headers["Vary"]
        response, _ = await gateway.get(PATH, headers={"Origin": "https://b.example"})
        assert "Access-Control-Allow-Origin" not in response.headers
        asked = {**origin, "Access-Control-Request-Method": "POST"}
        response, _ = await gateway.ask("OPTIONS", "/v1/recommendations", headers=asked)
        assert response.status == 204
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        response, _ = await gateway.get("/v1/titles/none", headers=origin)
        assert response.status == 404
        assert "Access-Control-Allow-Origin" in response.headers, "errors are readable, too"
        response, _ = await gateway.ask("OPTIONS", "/api/admin/cache/warm", headers=asked)
        assert "Access-Control-Allow-Origin" not in response.headers
