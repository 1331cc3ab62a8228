"""Turns: few requests begin in one turn of the event loop, so that those under way go on.

An event loop runs everything that is ready, then looks again. Where fifty requests come at once,
and each takes two milliseconds, one turn takes a tenth of a second; one that waits for a disk, for
Redis, a thread and a provider waits such a turn each time. With few beginning in a turn, what is
under way passes those that have not begun: all wait once, in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tv5core.server.errors import OverloadedError

__all__ = ["Turns", "in_turn"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_AT_ONCE = 1
"""50 users without thinking time, p95 over the mean: without bound 3.1 to 4.3, with four 2.2 to
3.1, with one 1.8 to 2.1 (benchmarks/NOTES.md)."""


class Turns:
    """Hands out turns in the order in which they are asked for, so many in a turn of the loop.

    Parameters
    ----------
    most_waiting : int
    at_once : int
        How many begin in one turn of the loop.
    """

    def __init__(self, most_waiting: int, at_once: int = _AT_ONCE) -> None:
        self._most_waiting, self._at_once = most_waiting, at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0

    async def mine(self) -> None:
        """Wait for a turn; return at once where few others begin in this one.

        Raises
        ------
        OverloadedError
            Too many wait.
        """
        loop = asyncio.get_running_loop()
        if self._begun == 0:
            loop.call_soon(self._next)
        if self._begun < self._at_once:
            self._begun += 1
            return
        if len(self._waiting) >= self._most_waiting:
            raise OverloadedError(
                f"expected at most {self._most_waiting} requests to wait, got more",
                retry_after_s=1.0,
            )
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():  # its request was given up
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next)


def in_turn(turns: Turns, waits: Callable[[web.Request], bool]) -> Any:
    """Return the middleware.

    Parameters
    ----------
    turns : Turns
    waits : callable
        Whether a request waits for its turn: health and metrics answer under any load.
    """

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        if waits(request):
            await turns.mine()
        return await handler(request)

    return begin
