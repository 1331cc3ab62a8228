"""Four processes under one limit in Redis, which is killed half-way and started again."""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.upstream.standin import BURST, CONTRACT, RATE, server_figures, standin
from tv5core.errors import RateLimitedError, UpstreamError
from tv5core.upstream import Fetcher, Priority, Provider
from tv5core.upstream.limiting.redis_limiter import RedisLimiter

__all__ = ["processes"]


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


async def processes(seconds: float) -> dict[str, Any]:
    """Four processes; Redis is killed after a third of the time, and back after two thirds."""
    if shutil.which("redis-server") is None:
        return {"skipped": "expected redis-server on the PATH, got none"}
    context = mp.get_context("spawn")
    with standin() as server, tempfile.TemporaryDirectory() as folder:
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
        **server_figures(arrivals, statuses),
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
    raise TimeoutError("expected redis-server to listen, got nothing in 4 s")
