"""What the limiter and the fetcher promise to callers in one process, a function a promise."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.upstream.standin import CONTRACT, LATENCY_S, RATE, server_figures, standin
from tv5core.errors import UpstreamError
from tv5core.upstream import CircuitBreaker, Fetcher, Priority

__all__ = ["dead", "sharing", "throughput", "users"]


async def users(seconds: float) -> dict[str, Any]:
    """Users ask at random moments while 10,000 bulk requests queue."""
    figures: dict[str, Any] = {}
    for per_s in (5, 10, 20):
        with standin() as server:
            async with Fetcher(server.provider) as fetcher:
                bulk = [
                    asyncio.ensure_future(
                        fetcher.get(f"movie/{n}", priority=Priority.BULK, deadline_s=9_999)
                    )
                    for n in range(10_000)
                ]
                await asyncio.sleep(2)
                waits = await _users(fetcher, per_s, max(seconds, 65))
                queued = fetcher.limiter.snapshot().queued[Priority.BULK]
                await _gone(bulk)
            arrivals, statuses, paths = server.counted()
            done = {path for path in paths if "user" not in path}
            figures.update(_user_figures(per_s, waits))
            figures[f"{per_s} users/s: bulk still queued"] = queued
            share = len(done) / (arrivals[-1] - arrivals[0]) / RATE
            figures[f"{per_s} users/s: bulk, share of the rate"] = round(share, 4)
            for what, figure in server_figures(arrivals, statuses).items():
                figures[f"{per_s} users/s: {what}"] = figure
    return figures


async def _users(fetcher: Fetcher, per_s: float, seconds: float) -> list[float]:
    """Return how long each waited for its turn; all of it, before anything is sent."""
    rng = random.Random(1)
    waits: list[float] = []
    tasks: list[asyncio.Future[None]] = []

    async def one() -> None:
        started = time.perf_counter()
        async with fetcher.limiter.permit(Priority.USER) as permit:
            await permit.wait_to_send()
            permit.answered()
            waits.append(time.perf_counter() - started)

    async def whole(number: int) -> None:
        await fetcher.get(f"movie/user{number}")

    end, number = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        # Every other one is sent, so that connections are used as well.
        number += 1
        tasks.append(asyncio.ensure_future(whole(number) if number % 2 else one()))
        await asyncio.sleep(rng.expovariate(per_s))
    await asyncio.gather(*tasks)
    return sorted(waits)


def _user_figures(per_s: float, waits: list[float]) -> dict[str, Any]:
    return {
        f"{per_s} users/s: wait p{part:g}, ms": round(_at(waits, part / 100) * 1e3, 2)
        for part in (50, 95, 99, 100)
    }


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def sharing(_seconds: float) -> dict[str, Any]:
    """1,000 identical calls at once; the first caller is cancelled."""
    with standin() as server:
        async with Fetcher(server.provider) as fetcher:
            calls = [asyncio.ensure_future(fetcher.get("movie/1")) for _ in range(1_000)]
            await asyncio.sleep(LATENCY_S / 2)
            calls[0].cancel()
            found = await asyncio.gather(*calls, return_exceptions=True)
        _, _, paths = server.counted()
    return {
        "callers": len(calls),
        "requests": paths["/3/movie/1"],
        "cancelled": sum(isinstance(each, asyncio.CancelledError) for each in found),
        "answered": sum(not isinstance(each, BaseException) for each in found),
    }


async def dead(_seconds: float) -> dict[str, Any]:
    """200 callers with a deadline of 3 s each, at a provider that has just died."""
    breaker = CircuitBreaker("standin")
    with standin() as server:
        async with Fetcher(server.provider, breaker=breaker) as fetcher:
            await fetcher.get("movie/1")
            server.counted("die")
            outcomes: Counter[str] = Counter()
            times: list[float] = []

            async def one(number: int) -> None:
                started = time.perf_counter()
                try:
                    await fetcher.get(f"movie/{number}", deadline_s=3.0)
                except UpstreamError as error:
                    outcomes[type(error).__name__] += 1
                times.append(time.perf_counter() - started)

            tasks = []
            for number in range(200):
                tasks.append(asyncio.ensure_future(one(number)))
                await asyncio.sleep(0.03)
            await asyncio.gather(*tasks)
        arrivals, _, _ = server.counted()
    times.sort()
    return {
        "callers": 200,
        **outcomes,
        "breaker": breaker.state,
        "requests to the dead provider": len(arrivals) - 1,
        "answer after p50, ms": round(_at(times, 0.5) * 1e3, 2),
        "answer after p99, s": round(_at(times, 0.99), 3),
        "answer after at most, s": round(times[-1], 3),
    }


async def throughput(seconds: float) -> dict[str, Any]:
    """Bulk work at its full share, as a synchronisation may run."""
    count = int(seconds * RATE)
    with standin() as server:
        async with Fetcher(server.provider) as fetcher:
            fetcher.limiter.bulk_share = 1.0
            calls = (
                fetcher.get(f"movie/{n}", priority=Priority.BULK, deadline_s=9_999)
                for n in range(count)
            )
            await asyncio.gather(*calls)
        arrivals, statuses, _ = server.counted()
    took_s = arrivals[-1] - arrivals[0]
    return {
        **server_figures(arrivals, statuses),
        "seconds": round(took_s, 2),
        "requests/s": round((count - 1) / took_s, 2),
        "part of the configured rate": round((count - 1) / took_s / RATE, 4),
        "part of the contract": round((count - 1) / took_s / CONTRACT, 4),
    }


async def _gone(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
