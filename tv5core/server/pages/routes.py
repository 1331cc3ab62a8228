"""add_pages: pages, their files and the events of the live page on an application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import hdrs, web

from tv5core.server.pages.broadcast import Broadcast, FullError, Read
from tv5core.server.pages.files import PAGES, StaticFile, load_files
from tv5core.server.pages.headers import page_headers

__all__ = ["BROADCAST", "add_pages"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BROADCAST = web.AppKey("broadcast", Broadcast)
"""Where an application keeps what tells the live page."""

_SEND_TIMEOUT_S = 10.0  # a client that takes no byte for so long is gone, or might as well be
_RETRY_MS = 2_000
_RETRY_AFTER_S = 10


def add_pages(
    app: web.Application,
    read: Read,
    *,
    image_origins: Sequence[str] = (),
    most_clients: int = 64,
    interval_s: float = 1.0,
) -> None:
    """Serve ``/``, ``/live``, their files and their events.

    Parameters
    ----------
    app : web.Application
    read : callable
        Returns the figures of a moment, in Unix seconds; called in a thread.
    image_origins : sequence of str
        Origins that posters may come from.
    most_clients : int
        Live pages that are told of changes at once; others ask every few seconds.
    interval_s : float
        Seconds between two readings of the figures.
    """
    broadcast = app[BROADCAST] = Broadcast(read, most_clients, interval_s)
    headers = page_headers(image_origins)
    found = load_files(image_origins)
    for path in PAGES:
        app.router.add_get(path, _page(found, headers))
    app.router.add_get("/static/{name}", _page(found, headers))
    app.router.add_get("/live/events", _events, allow_head=False)
    app.router.add_get("/live/state", _state)

    async def close(_: web.Application) -> None:
        await broadcast.close()

    app.on_shutdown.append(close)


def _page(found: Mapping[str, StaticFile], headers: Mapping[str, str]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        file = found.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        # Every look asks whether it is current: a new version shows at once, and costs a 304.
        common = {**headers, hdrs.ETAG: file.etag, hdrs.CACHE_CONTROL: "no-cache"}
        if _has(request, file.etag):
            return web.Response(status=304, headers=common)
        return web.Response(
            body=file.body, content_type=file.content_type, charset="utf-8", headers=common
        )

    return handle


def _has(request: web.Request, etag: str) -> bool:
    """Compare weakly, as RFC 9110 says for If-None-Match."""
    given = request.headers.get(hdrs.IF_NONE_MATCH, "")
    tags = {one.strip().removeprefix("W/") for one in given.split(",")}
    return etag.removeprefix("W/") in tags or "*" in tags


async def _state(request: web.Request) -> web.Response:
    """Answer the figures once, for clients that get no events."""
    body = await request.app[BROADCAST].state()
    return web.Response(
        body=body,
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def _events(request: web.Request) -> web.StreamResponse:
    """Tell a client of every reading, until one of both goes."""
    try:
        with request.app[BROADCAST].client() as events:
            response = web.StreamResponse(headers=_STREAM)
            await response.prepare(request)
            await _write(response, b"retry: %d\n\n" % _RETRY_MS)
            async for event in events:
                await _write(response, event)
            return response
    except FullError:
        raise web.HTTPServiceUnavailable(
            text="as many live pages are open as the setting live_clients allows",
            headers={hdrs.RETRY_AFTER: str(_RETRY_AFTER_S)},
        ) from None
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
        return response


_STREAM = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.SERVER: "tv5core",
    "X-Accel-Buffering": "no",  # proxies pass each event on at once
    "X-Content-Type-Options": "nosniff",
}


async def _write(response: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(response.write(data), _SEND_TIMEOUT_S)
