"""Admission: requests answered at once are bounded, and so are those that wait.

A request that would wait longer than ``queue_timeout_s``, or behind more than ``max_queue`` others,
is refused at once: load is shed before latency is lost. Those that wait go in the order they came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tv5core.server.errors import OverloadedError, RequestTimeoutError

__all__ = ["Admission", "admitting"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Admission:
    """Places for requests.

    Parameters
    ----------
    places : int
        Requests answered at once.
    most_waiting : int
    wait_s : float
        Seconds that one waits at most.

    Attributes
    ----------
    active : int
        Requests that are answered now.
    refused : int
        How many were refused.
    """

    def __init__(self, places: int, most_waiting: int, wait_s: float) -> None:
        self._places, self._most_waiting, self._wait_s = places, most_waiting, wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.active = self.refused = 0

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place, or wait for one.

        Raises
        ------
        OverloadedError
        """
        if self.active < self._places and not self._waiting:
            self.active += 1
            return
        if len(self._waiting) >= self._most_waiting:
            raise self._refusal("too many requests wait")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise self._refusal(f"no place in {self._wait_s:g} s") from None
        except BaseException:
            self._give_up(turn)
            raise

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        """Leave the queue; a place that was handed over meanwhile goes to the next."""
        if turn.done() and not turn.cancelled():
            self.leave()
        elif turn in self._waiting:
            self._waiting.remove(turn)

    def _refusal(self, why: str) -> OverloadedError:
        self.refused += 1
        return OverloadedError(f"expected room for a request, got none: {why}", retry_after_s=1.0)

    def leave(self) -> None:
        """Hand the place to the request that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.active -= 1


def admitting(
    admission: Admission, timeout_s: float, is_admitted: Callable[[web.Request], bool]
) -> Any:
    """Return the middleware.

    Parameters
    ----------
    admission : Admission
    timeout_s : float
        What one request may take once it has a place.
    is_admitted : callable
        Whether a request needs a place: health and metrics answer under any load.
    """

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_admitted(request):
            return await handler(request)
        await admission.enter()
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await handler(request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise RequestTimeoutError(
                f"expected an answer in {timeout_s:g} s, got none", retry_after_s=1.0
            ) from None
        finally:
            admission.leave()

    return admit
