"""The limit that several processes share, against a Redis started for the test."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.redis_server import RedisServer
from tests.upstream.standin.server import busiest
from tv5core.errors import InvalidInputError, RateLimitedError
from tv5core.observing import Tally
from tv5core.upstream import Priority
from tv5core.upstream.limiting.redis_limiter import RedisLimiter
from tv5core.upstream.limiting.redis_tokens import MEMBER_TTL_S, TRANSIT, TTL_S, process_share
from tv5core.upstream.limiting.token_leases import TokenLeases

USER, BULK = Priority.USER, Priority.BULK
SETTLE_S = 1.7  # for which a new pool, and a process that leaves one, waits


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


async def ask(limiter: RedisLimiter, times: list[float], priority: Priority = USER) -> None:
    try:
        async with limiter.permit(priority) as permit:
            await permit.wait_to_send()
            times.append(time.monotonic())
            permit.answered()
    except RateLimitedError:
        pass


async def flood(limiters: list[RedisLimiter], seconds: float, times: list[float]) -> None:
    """Have users at all limiters ask for more than there is."""
    end, tasks = time.monotonic() + seconds, set[asyncio.Future[None]]()
    while time.monotonic() < end:
        for limiter in limiters:
            if limiter.snapshot().queued[USER] < 5:
                tasks.add(asyncio.ensure_future(ask(limiter, times)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*tasks)


def limiters(server: RedisServer, count: int, **options: object) -> list[RedisLimiter]:
    given = {"processes": count, **options}
    return [RedisLimiter(server.url, "tmdb", **given) for _ in range(count)]  # type: ignore[arg-type]


async def close(all_of: list[RedisLimiter]) -> None:
    for limiter in all_of:
        await limiter.close()


async def test_together_they_keep_the_contract_and_use_it(server: RedisServer) -> None:
    all_of, times = limiters(server, 4), list[float]()
    await flood(all_of, SETTLE_S + 3, times)
    await close(all_of)
    assert busiest(times, 1.005) <= 50
    assert len(times) >= 45 * 3 * 0.7


async def test_requests_that_are_counted_late_keep_the_contract_too(server: RedisServer) -> None:
    """Each is counted, and answered, up to 0.4 s after it was sent."""
    all_of, arrivals, rng = limiters(server, 3), list[float](), random.Random(1)

    async def one(limiter: RedisLimiter) -> None:
        try:
            async with limiter.permit(USER) as permit:
                await permit.wait_to_send()
                sent, transit_s = time.monotonic(), rng.choice([0.0, 0.4])
                arrivals.append(sent + transit_s)
                await asyncio.sleep(transit_s)
                permit.answered()
        except RateLimitedError:
            pass

    end, tasks = time.monotonic() + 7, set[asyncio.Future[None]]()
    while time.monotonic() < end:
        for limiter in all_of:
            if limiter.snapshot().queued[USER] < 5:
                tasks.add(asyncio.ensure_future(one(limiter)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*tasks)
    await close(all_of)
    assert busiest(arrivals) <= 50
    assert len(arrivals) >= 60


async def test_one_that_is_busy_uses_what_the_others_leave(server: RedisServer) -> None:
    all_of, times = limiters(server, 4), list[float]()
    await asyncio.gather(*(ask(limiter, []) for limiter in all_of))
    await flood(all_of[:1], 2, times)
    await close(all_of)
    assert len(times) > 45 / 4 * 2 * 2, "far more than its own share"


async def test_when_redis_dies_and_returns_the_contract_still_holds(server: RedisServer) -> None:
    tally, times = Tally(), list[float]()
    all_of = limiters(server, 4, observer=tally)
    running = asyncio.ensure_future(flood(all_of, 15, times))
    await asyncio.sleep(SETTLE_S + 1)
    server.kill()
    died = time.monotonic()
    await asyncio.sleep(MEMBER_TTL_S + SETTLE_S + 2)
    assert all(limiter.is_alone for limiter in all_of)
    server.start()
    back = time.monotonic()
    await running
    await close(all_of)
    assert busiest(times, 1.005) <= 50
    assert sum(died + 1 < at < back for at in times) >= 20, "each went on with its share"
    assert sum(back + SETTLE_S < at for at in times) >= 20
    assert tally.counted("upstream.limiter", state="alone") >= 4
    assert tally.counted("upstream.limiter", state="shared") >= 4, "each came back"


async def test_without_redis_from_the_start(server: RedisServer) -> None:
    server.kill()
    all_of, times = limiters(server, 2), list[float]()
    await flood(all_of, MEMBER_TTL_S + SETTLE_S + 1.5, times)
    await close(all_of)
    assert len(times) >= 10
    assert busiest(times) <= 50


async def test_a_number_that_nobody_knows_leaves_no_share_without_redis(
    server: RedisServer,
) -> None:
    (limiter,) = limiters(server, 1, processes=None)
    times: list[float] = []
    await ask(limiter, times)
    assert times, "all of the rate is in the pool"
    assert limiter.snapshot().limit == 45
    server.kill()
    async with asyncio.timeout(60):
        while not limiter.is_alone:
            await asyncio.sleep(0.05)
    before = time.monotonic()
    for priority in (USER, Priority.BACKGROUND):
        with pytest.raises(RateLimitedError) as refused:
            async with limiter.permit(priority):
                pass
        assert 1 < refused.value.retry_after_s < 60
    assert time.monotonic() - before < 10.0, "at once"
    server.start()
    async with asyncio.timeout(60):
        while limiter.is_alone:
            await asyncio.sleep(0.05)
    times.clear()
    async with asyncio.timeout(60):
        while not times:
            await ask(limiter, times)
    await close([limiter])


async def test_a_process_without_a_share_adds_nothing_to_the_pool(server: RedisServer) -> None:
    owned = [True, False]
    both = [
        RedisLimiter(server.url, "tmdb", processes=2, owns_share=lambda n=n: owned[n])  # type: ignore[misc]
        for n in range(2)
    ]
    times: list[float] = []
    await asyncio.gather(*(ask(limiter, times) for limiter in both))
    assert len(times) == 2
    assert both[1].snapshot().limit == 22, "half of 45: one share of two"
    owned[1] = True
    async with asyncio.timeout(60):
        while both[1].snapshot().limit != 45:
            await asyncio.sleep(0.05)
    owned[1] = False
    server.kill()
    async with asyncio.timeout(60):
        while not all(limiter.is_alone for limiter in both):
            await asyncio.sleep(0.05)
    with pytest.raises(RateLimitedError):
        await both[1].acquire(USER)
    await close(both)


async def test_bulk_work_of_all_keeps_its_share(server: RedisServer) -> None:
    all_of, times = limiters(server, 2), list[float]()
    tasks = [
        asyncio.ensure_future(ask(limiter, times, BULK)) for limiter in all_of for _ in range(100)
    ]
    await asyncio.wait(tasks, timeout=SETTLE_S + 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await close(all_of)
    assert 12 <= len(times) <= 9 * 3 + 3


async def test_a_pause_is_everybodys(server: RedisServer) -> None:
    one, other = all_of = limiters(server, 2)
    await asyncio.gather(ask(one, []), ask(other, []))
    one.pause(1.5)
    await asyncio.sleep(0.5)  # a heartbeat
    times: list[float] = []
    started = time.monotonic()
    await ask(other, times)
    assert times[0] - started >= 0.8
    await asyncio.sleep(0.3)
    assert other.snapshot().limit in (22, 23), "half the rate"
    await close(all_of)


def test_a_busy_event_loop_is_in_time_and_no_later_than_the_rate_allows_for() -> None:
    leases = TokenLeases(TTL_S)
    leases.add(1, 0.0, 0.02, 0.0)
    assert leases.pop(0.08) is not None
    assert pytest.approx(TRANSIT - 1) == TTL_S, "more would let a second have too many"


def test_tokens_are_used_when_they_are_due_or_not_at_all() -> None:
    leases = TokenLeases(0.03)
    leases.add(1, requested_at=10.0, received_at=10.01, offset_s=0.02)
    leases.add(2, requested_at=10.0, received_at=10.04, offset_s=0.05)  # the answer took too long
    lease = leases.pop(10.02)
    assert lease is not None
    assert (lease.due, lease.until) == (pytest.approx(10.03), pytest.approx(10.05))
    assert leases.pop(10.02) is None
    leases.add(3, requested_at=10.0, received_at=10.01, offset_s=0.02)
    assert leases.pop(10.06) is None, "too old"
    leases.add(4, requested_at=11.0, received_at=11.01, offset_s=0.02)
    leases.clear()
    assert leases.pop_unused() == [2, 3, 4]
    assert leases.pop_unused() == []


@pytest.mark.parametrize("contract", [10, 50])
@pytest.mark.parametrize("processes", [1, 2, 4, 5])
def test_shares_add_up_to_the_contract_whoever_is_in_touch(contract: int, processes: int) -> None:
    rate = contract * 0.9
    share = process_share(rate, contract, processes)
    for pooled in range(processes + 1):
        pool = (1 + rate * pooled / processes * 1.1) if pooled else 0
        alone = (processes - pooled) * (1 + share * 1.1)
        assert pool + alone < contract + 1


def test_settings_that_cannot_hold_are_refused() -> None:
    for options in ({"processes": 0}, {"processes": 2, "rate": 48.0}):
        with pytest.raises(InvalidInputError):
            RedisLimiter("redis://127.0.0.1:1/0", "tmdb", **options)  # type: ignore[arg-type]
