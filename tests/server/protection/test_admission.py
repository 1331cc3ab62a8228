"""Bounded concurrency, a bounded queue, a time limit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.server.conftest import running
from tv5core.server.errors import OverloadedError
from tv5core.server.protection.admission import Admission


async def test_places_go_in_the_order_of_arrival() -> None:
    admission, order = Admission(1, 10, 5.0), list[int]()

    async def work(number: int) -> None:
        await admission.enter()
        order.append(number)
        await asyncio.sleep(0)
        admission.leave()

    await asyncio.gather(*(work(number) for number in range(8)))
    assert order == list(range(8))
    assert admission.active == admission.waiting == 0


async def test_more_than_may_wait_are_refused_at_once() -> None:
    admission = Admission(1, 2, 5.0)
    await admission.enter()
    waiting = [asyncio.create_task(admission.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await admission.enter()
    waiting[0].cancel()
    await asyncio.sleep(0)
    admission.leave()
    await waiting[1]
    admission.leave()
    assert admission.active == admission.waiting == 0


async def test_a_place_handed_to_one_that_is_cancelled_goes_on() -> None:
    admission = Admission(1, 2, 5.0)
    await admission.enter()
    first, second = (asyncio.create_task(admission.enter()) for _ in range(2))
    await asyncio.sleep(0)
    admission.leave()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 4)
    admission.leave()
    assert admission.active == 0


async def test_nobody_waits_longer_than_allowed() -> None:
    admission = Admission(1, 2, 0.01)
    await admission.enter()
    with pytest.raises(OverloadedError):
        await admission.enter()
    admission.leave()
    assert admission.active == admission.waiting == 0


async def test_load_is_shed_and_health_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"max_concurrency": 2, "max_queue": 1, "queue_timeout_s": 5.0, "providers": False}
    async with running(folder, **options) as gateway:
        going = asyncio.Event()

        async def slow(*_: object, **__: object) -> None:
            await going.wait()
            raise asyncio.CancelledError

        monkeypatch.setattr(gateway.resources.cached.answers, "suggest", slow)
        held = [asyncio.create_task(gateway.get("/v1/suggest?q=a")) for _ in range(3)]
        await asyncio.sleep(0.1)
        response, body = await gateway.get("/v1/suggest?q=a")
        assert response.status == 503
        assert body["type"].endswith("temporary-reduced-capacity")
        assert response.headers["Retry-After"] == "1"
        response, _ = await gateway.get("/healthz")
        assert response.status == 200
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def test_a_request_has_a_deadline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(folder, providers=False, request_timeout_s=0.05) as gateway:

        async def slow(*_: object, **__: object) -> None:
            await asyncio.sleep(30)

        monkeypatch.setattr(gateway.resources.cached.answers, "suggest", slow)
        response, body = await gateway.get("/v1/suggest?q=a")
        assert response.status == 503
        assert body["type"].endswith("timed-out")
