"""Opening: what clients are told while a worker opens the catalogue.

The supervisor holds the listening sockets, so clients connect as soon as there is a gateway, and
would wait for as long as opening takes, replaying a journal included. Here they get a problem of
status 503 with ``Retry-After`` instead, ``/healthz`` answers and ``/readyz`` says why not yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import hdrs, web

from tv5core.server.api.answers import Health
from tv5core.server.errors import StartingError
from tv5core.server.problems import problem_response
from tv5core.server.process.sockets import BACKLOG
from tv5core.server.protection.connections import ProblemRunner, ended, new_request_id

__all__ = ["Opening"]

_RETRY_S = 1.0
_LAST_S = 1.0
"""How long those who are connected may still ask, once the gateway answers others."""


class Opening:
    """Tells clients to come back; used as ``async with``.

    Parameters
    ----------
    bound : socket
        Listening already.
    after_s : float or None
        For how long clients are left to wait before; None for ever, where others answer.
    """

    def __init__(self, bound: socket.socket, after_s: float | None) -> None:
        self._bound, self._after_s = bound, after_s
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = asyncio.Event()

    def over(self) -> None:
        """Take no more connections: the gateway answers."""
        self._is_over.set()

    async def __aenter__(self) -> Self:
        if self._after_s is not None:
            self._tasks.append(asyncio.create_task(self._tell(self._after_s)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, after_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after_s):
                await self._is_over.wait()
            return
        runner = ProblemRunner(_application(), lambda _: None, access_log=None)
        await runner.setup()
        # A duplicate, since a site closes its socket as it stops.
        site = web.SockSite(runner, self._bound.dup(), backlog=BACKLOG)
        try:
            await site.start()
            await self._is_over.wait()
            await site.stop()
            await _until_left(runner)
        finally:
            await runner.cleanup()


async def _until_left(runner: web.AppRunner) -> None:
    """Wait until nobody is connected, for a moment at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_S):
            while runner.server is not None and runner.server.connections:
                await asyncio.sleep(0.02)


def _application() -> web.Application:
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_route("*", "/{path:.*}", _starting)
    return app


async def _healthz(_: web.Request) -> web.StreamResponse:
    return _health("ok", {}, 200)


async def _readyz(_: web.Request) -> web.StreamResponse:
    return _health("failing", {"catalog": "opening"}, 503)


def _health(status: str, checks: dict[str, str], code: int) -> web.Response:
    body = msgspec.json.encode(Health(status, checks))
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    if code != 200:
        headers[hdrs.RETRY_AFTER] = f"{_RETRY_S:.0f}"
    answer = web.Response(body=body, status=code, headers=headers, content_type="application/json")
    return ended(answer, new_request_id())


async def _starting(_: web.Request) -> web.StreamResponse:
    error = StartingError("expected an open catalogue, got one that opens", retry_after_s=_RETRY_S)
    request_id = new_request_id()
    return ended(problem_response(error, request_id), request_id)
