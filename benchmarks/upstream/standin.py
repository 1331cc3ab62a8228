"""A provider in a process of its own that counts what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing as mp
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web

from tests.upstream.standin.server import Standin, busiest
from tv5core.upstream import Provider

__all__ = ["BURST", "CONTRACT", "LATENCY_S", "RATE", "StandinProcess", "server_figures", "standin"]

RATE, BURST, CONTRACT = 45.0, 5, 50
LATENCY_S = 0.03


def _serve(pipe: Connection) -> None:
    asyncio.run(_serve_until_stopped(pipe))


async def _serve_until_stopped(pipe: Connection) -> None:
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


class StandinProcess:
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
def standin() -> Iterator[StandinProcess]:
    """Run the stand-in."""
    ours, theirs = mp.get_context("spawn").Pipe()
    process = mp.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield StandinProcess(ours)
    finally:
        ours.send("stop")
        process.join(10)
        process.terminate()


def server_figures(arrivals: list[float], statuses: Counter[int]) -> dict[str, Any]:
    """Return what the stand-in counted: the contract is kept or it is not."""
    return {
        "requests": len(arrivals),
        "answered 429": statuses[429],
        "most in any sliding second": busiest(arrivals),
    }
