"""What the limiter and the fetcher promise, measured against a stand-in that counts.

::

    python -m benchmarks.upstream                       # everything, about five minutes
    python -m benchmarks.upstream users sharing         # some of it
    python -m benchmarks.upstream --json out.json

``users``       how long users wait while 10,000 bulk requests queue, and bulk work's share
``sharing``     1,000 identical calls at once, the first of which is cancelled
``dead``        a provider that dies: who is told what, and when
``processes``   four processes over one Redis, which is killed half-way and started again
``throughput``  requests a second against the configured rate and the contract

The stand-in runs in a process of its own and counts every request in any sliding second; each
figure is its, unless it is a caller's wait.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing as mp
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.upstream.standin.core import Standin, busiest
from tv5core.errors import RateLimitedError, UpstreamError
from tv5core.upstream import CircuitBreaker, Fetcher, Priority, Provider
from tv5core.upstream.limiting.redis_limiter import RedisLimiter

RATE, BURST, CONTRACT = 45.0, 5, 50
LATENCY_S = 0.03


def main() -> None:
    """Measure and print; write JSON where asked."""
    options = _options()
    report: dict[str, Any] = {"rate": RATE, "burst": BURST, "contract": CONTRACT}
    for name in options.what:
        print(f"-- {name}", flush=True)
        report[name] = asyncio.run(SCENARIOS[name](options))
        for what, figure in report[name].items():
            print(f"{what:42} {figure}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="limits kept, and what keeping them costs")
    parser.add_argument("what", nargs="*", default=list(SCENARIOS), help=", ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    if unknown := set(options.what) - set(SCENARIOS):
        parser.error(f"expected one of {', '.join(SCENARIOS)}, got {', '.join(sorted(unknown))}")
    return options


# -- the provider, in a process of its own ---------------------------------------------------------


def _serve(pipe: Connection) -> None:
    asyncio.run(_serve_until_told(pipe))


async def _serve_until_told(pipe: Connection) -> None:
    async def movie(request: web.Request) -> web.Response:
        return web.json_response({"id": request.match_info["id"], "overview": "x" * 2_000})

    server = Standin(contract=CONTRACT, latency_s=LATENCY_S)
    server.app.router.add_get("/3/movie/{id}", movie)
    async with server:
        pipe.send(server.url)
        loop = asyncio.get_running_loop()
        while (word := await loop.run_in_executor(None, pipe.recv)) != "stop":
            server.dead = word == "die"
            pipe.send((server.arrivals, dict(server.statuses), dict(server.paths)))


class Peer:
    """The stand-in, seen from outside."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()
        self.provider = Provider(
            name="standin", base_url=f"{self.url}/3", contract=CONTRACT, rate=RATE, burst=BURST,
            allow_private=True,
        )  # fmt: skip

    def counted(self, word: str = "go on") -> tuple[list[float], Counter[int], Counter[str]]:
        """Return when requests came, what was answered, and which paths were asked."""
        self._pipe.send(word)
        arrivals, statuses, paths = self._pipe.recv()
        return arrivals, Counter(statuses), Counter(paths)


@contextlib.contextmanager
def peer() -> Iterator[Peer]:
    """Run the stand-in."""
    ours, theirs = mp.get_context("spawn").Pipe()
    process = mp.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield Peer(ours)
    finally:
        ours.send("stop")
        process.join(10)
        process.terminate()


def _server_figures(arrivals: list[float], statuses: Counter[int]) -> dict[str, Any]:
    return {
        "requests": len(arrivals),
        "answered 429": statuses[429],
        "most in any sliding second": busiest(arrivals),
    }


# -- scenarios -------------------------------------------------------------------------------------


async def users(options: argparse.Namespace) -> dict[str, Any]:
    """Users ask at random moments while 10,000 bulk requests queue."""
    figures: dict[str, Any] = {}
    for per_s in (5, 10, 20):
        with peer() as server:
            async with Fetcher(server.provider) as fetcher:
                bulk = [
                    asyncio.ensure_future(
                        fetcher.get(f"movie/{n}", priority=Priority.BULK, deadline_s=9_999)
                    )
                    for n in range(10_000)
                ]
                await asyncio.sleep(2)
                waits = await _users(fetcher, per_s, max(options.seconds, 65))
                queued = fetcher.limiter.snapshot().queued[Priority.BULK]
                await _gone(bulk)
            arrivals, statuses, paths = server.counted()
            done = {path for path in paths if "user" not in path}
            figures |= _user_figures(per_s, waits)
            figures[f"{per_s} users/s: bulk still queued"] = queued
            share = len(done) / (arrivals[-1] - arrivals[0]) / RATE
            figures[f"{per_s} users/s: bulk, share of the rate"] = round(share, 4)
            for what, figure in _server_figures(arrivals, statuses).items():
                figures[f"{per_s} users/s: {what}"] = figure
    return figures


async def _users(fetcher: Fetcher, per_s: float, seconds: float) -> list[float]:
    """Return how long each waited for its turn; all of it, before anything is sent."""
    rng, waits, tasks = random.Random(1), list[float](), list[asyncio.Future[None]]()

    async def one() -> None:
        started = time.perf_counter()
        async with fetcher.limiter.permit(Priority.USER) as permit:
            await permit.wait_to_send()
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


async def sharing(_: argparse.Namespace) -> dict[str, Any]:
    """1,000 identical calls at once; the first caller is cancelled."""
    with peer() as server:
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


async def dead(_: argparse.Namespace) -> dict[str, Any]:
    """200 callers with a deadline of 3 s each, at a provider that has just died."""
    breaker = CircuitBreaker("standin")
    with peer() as server:
        async with Fetcher(server.provider, breaker=breaker) as fetcher:
            await fetcher.get("movie/1")
            server.counted("die")
            outcomes, times = Counter[str](), list[float]()

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


async def throughput(options: argparse.Namespace) -> dict[str, Any]:
    """Bulk work at its full share, as a synchronisation may run."""
    count = int(options.seconds * RATE)
    with peer() as server:
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
        **_server_figures(arrivals, statuses),
        "seconds": round(took_s, 2),
        "requests/s": round((count - 1) / took_s, 2),
        "part of the configured rate": round((count - 1) / took_s / RATE, 4),
        "part of the contract": round((count - 1) / took_s / CONTRACT, 4),
    }


# -- several processes -----------------------------------------------------------------------------


def _worker(url: str, redis_url: str, seconds: float, pipe: Connection) -> None:
    pipe.send(asyncio.run(_work(url, redis_url, seconds)))


async def _work(url: str, redis_url: str, seconds: float) -> dict[str, int]:
    """Ask for more than there is for so long."""
    limiter = RedisLimiter(redis_url, "standin", processes=4, rate=RATE, contract=CONTRACT)
    provider = Provider(
        name="standin", base_url=f"{url}/3", contract=CONTRACT, rate=RATE, burst=BURST,
        allow_private=True,
    )  # fmt: skip
    outcomes = Counter[str]()

    async def one(number: int) -> None:
        try:
            await fetcher.get(f"movie/{os.getpid()}-{number}")
            outcomes["answered"] += 1
        except RateLimitedError:
            outcomes["refused"] += 1
        except UpstreamError as error:
            outcomes[type(error).__name__] += 1

    async with Fetcher(provider, limiter=limiter) as fetcher:
        end, number, tasks = time.monotonic() + seconds, 0, set[asyncio.Future[None]]()
        while time.monotonic() < end:
            if limiter.snapshot().queued[Priority.USER] < 10:
                number += 1
                tasks.add(asyncio.ensure_future(one(number)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
    await limiter.close()
    return dict(outcomes)


async def processes(options: argparse.Namespace) -> dict[str, Any]:
    """Four processes; Redis is killed after a third of the time, and back after two thirds."""
    if shutil.which("redis-server") is None:
        return {"skipped": "expected redis-server on the PATH, got none"}
    seconds = options.seconds
    context = mp.get_context("spawn")
    with peer() as server, tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        redis = _redis(port, folder)
        pipes = [context.Pipe() for _ in range(4)]
        workers = [
            context.Process(
                target=_worker, args=(server.url, f"redis://127.0.0.1:{port}/0", seconds, theirs)
            )
            for _, theirs in pipes
        ]
        for worker in workers:
            worker.start()
        while len(server.counted()[0]) < CONTRACT:
            await asyncio.sleep(0.2)  # starting Python four times takes a while
        await asyncio.sleep(seconds / 3)
        redis.send_signal(signal.SIGKILL)
        redis.wait()
        killed = time.monotonic()
        await asyncio.sleep(seconds / 3)
        redis, back = _redis(port, folder), time.monotonic()
        loop = asyncio.get_running_loop()
        found = [await loop.run_in_executor(None, ours.recv) for ours, _ in pipes]
        redis.kill()
        redis.wait()
        arrivals, statuses, _ = server.counted()
    phases = {
        "Redis up": [at for at in arrivals if killed - seconds / 3 <= at < killed],
        "Redis dead": [at for at in arrivals if killed + 1 <= at < back],
        "Redis back": [at for at in arrivals if at >= back + 1],
    }
    return {
        **_server_figures(arrivals, statuses),
        **{f"{name}: requests/s": _rate(times) for name, times in phases.items()},
        "callers": dict(sum((Counter(each) for each in found), Counter[str]())),
    }


def _rate(times: list[float]) -> float:
    return round((len(times) - 1) / (times[-1] - times[0]), 1) if len(times) > 1 else 0.0


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _redis(port: int, folder: str) -> subprocess.Popen[bytes]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    started = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return started
        time.sleep(0.02)
    sys.exit("expected redis-server to listen, got nothing in 4 s")


async def _gone(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


Scenario = Callable[[argparse.Namespace], Awaitable[dict[str, Any]]]
SCENARIOS: dict[str, Scenario] = {
    "users": users,
    "sharing": sharing,
    "dead": dead,
    "processes": processes,
    "throughput": throughput,
}

if __name__ == "__main__":
    main()
