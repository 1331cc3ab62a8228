"""What clients are told while a worker opens the catalogue."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server.conftest import make_settings
from tv5core import Catalog
from tv5core.server.client_limits.shared import CLIENTS_FILE, SharedBuckets
from tv5core.server.process import worker
from tv5core.server.process.sockets import address_of, bind_workers
from tv5core.server.settings import Settings


class Life:
    """As a child's, without a supervisor."""

    def __init__(self) -> None:
        self.stop, self.is_ready = asyncio.Event(), asyncio.Event()

    def ready(self) -> None:
        self.is_ready.set()


async def get(url: str) -> tuple[int, Any, Any]:
    """Ask over a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, answer.headers, await answer.json(content_type=None)


async def test_clients_are_told_to_come_back_until_the_catalogue_is_open(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_open, opened = threading.Event(), worker.open_reader

    def slow(settings: Settings) -> Catalog:
        may_open.wait(60)
        return opened(settings)

    monkeypatch.setattr(worker, "open_reader", slow)
    settings = make_settings(catalog=str(sealed), read_only=True, providers=False)
    (bound,) = bind_workers("127.0.0.1", 0, 1)
    url, life = address_of(bound), Life()
    SharedBuckets.make(tmp_path / CLIENTS_FILE)
    working = asyncio.create_task(
        worker.answer_until_stopped(life, settings, bound, tmp_path, None, silent_s=0.0)  # type: ignore[arg-type]
    )
    try:
        status, headers, problem = await get(f"{url}/v1/search?q=jaws")
        assert (status, problem["type"]) == (503, "urn:tv5core:problem:starting")
        assert int(headers["Retry-After"]) >= 1
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["X-Request-Id"] == problem["request_id"]
        status, _, health = await get(f"{url}/readyz")
        assert (status, health["checks"]) == (503, {"catalog": "opening"})
        assert (await get(f"{url}/healthz"))[0] == 200
    finally:
        may_open.set()
    await asyncio.wait_for(life.is_ready.wait(), 60)
    async with asyncio.timeout(60):
        while (asked := await get(f"{url}/v1/search?q=jaws"))[0] != 200:
            await asyncio.sleep(0.05)  # a connection that was accepted before
    found = asked[2]
    assert found["hits"]
    assert (await get(f"{url}/readyz"))[0] == 200
    life.stop.set()
    await asyncio.wait_for(working, 60)
    bound.close()


async def test_where_others_answer_nobody_is_told_anything() -> None:
    (bound,) = bind_workers("127.0.0.1", 0, 1)
    async with worker.Opening(bound, None):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await get(f"{address_of(bound)}/healthz")
    bound.close()
