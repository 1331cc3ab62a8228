"""A worker: opens everything after the fork, answers, and drains."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tv5core.cached import CachedCatalog
from tv5core.server.app import make_app, make_runner
from tv5core.server.logs import RequestLog, log
from tv5core.server.process.life import Life, keep_what_is_open
from tv5core.server.process.opening import Opening
from tv5core.server.process.sockets import BACKLOG
from tv5core.server.process.writer_client import WriterClient
from tv5core.server.resources import Resources, open_reader, open_resources
from tv5core.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["answer_until_stopped"]

_ACCEPT_S = 0.1
"""How long a draining worker still accepts, so that nobody is left in its queue."""
_IDLE_S = 1.0
"""How long connections without a request stay open, for clients to use them a last time."""


async def answer_until_stopped(
    life: Life,
    settings: Settings,
    bound: socket.socket,
    folder: Path,
    writer: Path | None,
    *,
    silent_s: float | None = None,
) -> None:
    """Be a worker.

    Parameters
    ----------
    life : Life
    settings : Settings
    bound : socket
        Listening already; others may hold it too.
    folder : Path
        What the processes of this gateway share.
    writer : Path or None
        The writer's socket; None where nothing is stored.
    silent_s : float, optional
        For how long clients are left to wait until they are told that the catalogue opens; for
        ever by default, as where others answer meanwhile.
    """
    async with (
        Opening(bound, silent_s) as opening,
        _resources(settings, folder, writer) as resources,
    ):
        app = make_app(settings, resources)
        drain = _Drain(settings.drain_s)
        app.on_response_prepare.append(drain.mark)
        options: dict[str, Any] = {"shutdown_timeout": settings.drain_s}
        if settings.log_requests:
            options |= {"access_log": log, "access_log_class": RequestLog}
        runner = make_runner(app, settings, **options)
        await runner.setup()
        site = web.SockSite(runner, bound, backlog=BACKLOG)
        keep_what_is_open()
        await site.start()
        opening.over()
        life.ready()
        await life.stop.wait()
        resources.ready = False
        await drain.run(runner, site)


@contextlib.asynccontextmanager
async def _resources(
    settings: Settings, folder: Path, writer: Path | None
) -> AsyncIterator[Resources]:
    """Open the catalogue as a reader, and everything else around it."""
    catalog = await asyncio.to_thread(open_reader, settings)
    reading = settings.read_only or writer is None
    async with contextlib.AsyncExitStack() as stack:
        client = None
        if writer is not None and not reading:
            client = WriterClient(writer, deadline_s=settings.writer_deadline_s)
            await stack.enter_async_context(client)
        opened = open_resources(settings, catalog=catalog, writer=client, shared=folder)
        resources = await stack.enter_async_context(opened)
        if client is not None:
            client.changed = partial(_invalidate, resources.cached)
        yield resources


async def _invalidate(cached: CachedCatalog, ids: Sequence[str]) -> None:
    keys = [cached.title_key(cached.catalog, name) for name in ids]
    await cached.cache.invalidate_event("title.changed", keys)


class _Drain:
    """Ends a worker without a dropped request.

    Parameters
    ----------
    limit_s : float
        What the last requests may take.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s, self._is_on = limit_s, False

    async def mark(self, _: web.Request, response: web.StreamResponse) -> None:
        """Have a connection end with its answer, while draining."""
        if self._is_on:
            response.force_close()

    async def run(self, runner: web.AppRunner, site: web.BaseSite) -> None:
        """Stop accepting, let clients use what is open once more, and end what remains."""
        self._is_on = True
        await asyncio.sleep(_ACCEPT_S)
        await site.stop()
        server = runner.server
        loop = asyncio.get_running_loop()
        end = loop.time() + min(_IDLE_S, self._limit_s)
        while server is not None and server.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await runner.cleanup()
