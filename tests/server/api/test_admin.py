"""Routes of administrators and of providers: who may call them, and what they do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.conftest import SECRET, TOKEN, Gateway, running
from tv5core.server.protection.access import signature
from tv5core.upstream.provider import Secret

WARM = "/api/admin/cache/warm"
HOOK = "/api/hooks/availability"
MATRIX = "tmdb:movie:603"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", "Bearer é"])
async def test_without_the_token_nothing_is_done(alone: Gateway, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    for method, path in (("POST", WARM), ("GET", "/api/admin/cache/stats")):
        response, body = await alone.ask(method, path, headers=headers, json={"preset": "demo"})
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in str(body)


async def test_without_a_secret_the_routes_are_closed(folder: Path) -> None:
    async with running(folder, providers=False, admin_token=None, hook_secret=None) as gateway:
        for path in (WARM, HOOK):
            response, _ = await gateway.post(path, headers=AUTHORIZED, json={})
            assert response.status == 403


async def job(gateway: Gateway) -> dict[str, Any]:
    for _ in range(300):
        _, body = await gateway.get(WARM, headers=AUTHORIZED)
        if body["state"] != "running":
            return dict(body)
        await asyncio.sleep(0.05)
    raise AssertionError(body)


@pytest.mark.parametrize(
    ("body", "least"),
    [
        ({"strategy": "popular", "limit": 100}, 100),
        ({"preset": "demo-titles"}, 600),
        ({"preset": "demo"}, 600),
        ({"source": "sitemap", "batch_size": 100}, 300),
    ],
)
async def test_the_cache_is_warmed(alone: Gateway, body: dict[str, Any], least: int) -> None:
    response, started = await alone.post(WARM, headers=AUTHORIZED, json=body)
    assert response.status == 202
    assert response.headers["Location"] == WARM
    assert started["state"] == "running"
    ended = await job(alone)
    assert ended["state"] == "done"
    assert ended["loaded"] >= least
    assert ended["failed"] == 0
    assert ended["id"] == started["id"]


async def test_one_job_at_a_time(alone: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    going = asyncio.Event()
    warm = alone.resources.cached.warm

    async def slow(**options: Any) -> Any:
        await going.wait()
        return await warm(**options)

    monkeypatch.setattr(alone.resources.cached, "warm", slow)
    body = {"strategy": "popular", "limit": 5}
    _, first = await alone.post(WARM, headers=AUTHORIZED, json=body)
    response, same = await alone.post(WARM, headers=AUTHORIZED, json=body)
    assert (response.status, same["started_at"]) == (202, first["started_at"])
    response, _ = await alone.post(WARM, headers=AUTHORIZED, json={"preset": "demo"})
    assert response.status == 409
    going.set()
    assert (await job(alone))["state"] == "done"
    going.clear()
    _, first = await alone.post(WARM, headers=AUTHORIZED, json={"preset": "demo"})
    response, same = await alone.post(WARM, headers=AUTHORIZED, json={"preset": "demo-titles"})
    assert response.status == 202, "the same job by its other name"
    assert same["started_at"] == first["started_at"]
    going.set()
    await job(alone)


async def test_processes_have_one_job_together(folder: Path, tmp_path: Path) -> None:
    options = {"providers": False, "cache_path": str(tmp_path / "cache"), "read_only": True}
    async with running(folder, **options) as one, running(folder, **options) as other:
        going = asyncio.Event()

        async def slow(**_: Any) -> Any:
            await going.wait()

        one.resources.cached.warm = slow  # type: ignore[method-assign]
        body = {"strategy": "popular", "limit": 5}
        _, first = await one.post(WARM, headers=AUTHORIZED, json=body)
        _, seen = await other.get(WARM, headers=AUTHORIZED)
        assert (seen["state"], seen["id"]) == ("running", first["id"])
        response, same = await other.post(WARM, headers=AUTHORIZED, json=body)
        assert same["started_at"] == first["started_at"]
        response, _ = await other.post(WARM, headers=AUTHORIZED, json={"preset": "demo"})
        assert response.status == 409
        await one.resources.jobs.close()
        assert (await job(other))["state"] == "interrupted"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"strategy": "popular", "preset": "demo"},
        {"strategy": "random"},
        {"preset": "demo", "limit": 3},
        {"source": "/etc/passwd"},
        {"strategy": "popular", "limit": 0},
        {"strategy": "popular", "extra": 1},
        [],
    ],
)
async def test_other_bodies_are_refused(alone: Gateway, body: Any) -> None:
    response, problem = await alone.post(WARM, headers=AUTHORIZED, json=body)
    assert response.status == 400
    assert problem["parameter"]


async def test_statistics_and_invalidation(gateway: Gateway) -> None:
    assert gateway.provider is not None
    for _ in range(2):
        await gateway.get(f"/v1/titles/{MATRIX}")
    _, body = await gateway.get("/api/admin/cache/stats", headers=AUTHORIZED)
    assert body["cache"]["kinds"]["details"]["memory"]["hit"] == 1
    assert body["upstream"]["tmdb"]["limit"] > 0
    asked = len(gateway.provider.arrivals)
    path = "/api/admin/cache/invalidate"
    response, body = await gateway.post(path, headers=AUTHORIZED, json={"ids": [MATRIX]})
    assert (response.status, body["ids"]) == (200, [MATRIX])
    await gateway.get(f"/v1/titles/{MATRIX}")
    assert len(gateway.provider.arrivals) == asked + 2, "details and offers"
    response, body = await gateway.post(path, headers=AUTHORIZED, json={"kind": "search"})
    assert body["kinds"] == ["search"]
    response, body = await gateway.post(path, headers=AUTHORIZED, json={"kind": "none"})
    assert (response.status, body["parameter"]) == (400, "kind")
    response, body = await gateway.post(path, headers=AUTHORIZED, json={"everything": True})
    assert "title" in body["kinds"]


async def call_hook(gateway: Gateway, body: Any, *, secret: str = SECRET, age_s: int = 0) -> Any:
    raw = msgspec.json.encode(body)
    signed = signature(Secret(secret), raw, int(time.time()) - age_s)
    headers = {"X-Tv5-Signature": signed, "Content-Type": "application/json"}
    return await gateway.post(HOOK, data=raw, headers=headers)


async def test_an_event_of_a_provider_invalidates_offers(gateway: Gateway) -> None:
    assert gateway.provider is not None
    await gateway.get(f"/v1/titles/{MATRIX}/availability")
    asked = len(gateway.provider.arrivals)
    response, _ = await call_hook(gateway, {"ids": ["imdb:tt0133093"]})
    assert response.status == 200
    await gateway.get(f"/v1/titles/{MATRIX}/availability")
    assert len(gateway.provider.arrivals) == asked + 1


async def test_an_unsigned_event_is_refused(alone: Gateway) -> None:
    body = {"ids": [MATRIX]}
    for options in ({"secret": "another"}, {"age_s": 400}, {"age_s": -400}):
        response, _ = await call_hook(alone, body, **options)
        assert response.status == 401
    response, _ = await alone.post(HOOK, json=body)
    assert response.status == 401
    response, problem = await call_hook(alone, {"ids": []})
    assert (response.status, problem["parameter"]) == (400, "ids")
