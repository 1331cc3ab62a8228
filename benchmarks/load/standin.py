"""A stand-in for TMDB that knows every id, in a process of its own, controlled over HTTP.

``GET /seen`` on its second port returns what it counted; ``POST /control`` changes what it does:
``{"latency_s": 2, "faults": {"status_500": 1.0}, "dead": false, "contract": 0, "forget": true}``,
where the last begins to count anew.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from typing import Any

from aiohttp import web

from tests.upstream.standin.serve import add_tmdb, seen
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.tmdb import TmdbContent
from tests.upstream.standin.works import Work

__all__ = ["serve"]

_MODELS = 500


class _EveryWork(dict[tuple[str, int], Work]):
    """Works by kind and number; one that is missing is like another, with its own number."""

    def __init__(self, works: dict[tuple[str, int], Work]) -> None:
        super().__init__(works)
        self._models = list(works.values())

    def __missing__(self, key: tuple[str, int]) -> Work:
        media, number = key
        model = self._models[number % len(self._models)]
        return dataclasses.replace(model, media=media, id=number, imdb=f"tt{number:07d}")


async def serve(
    port: int, control_port: int, latency_s: float, contract: int, *, as_json: bool
) -> None:
    """Serve until SIGTERM or SIGINT; print both addresses first."""
    content = TmdbContent(_MODELS)
    content.works = _EveryWork(content.works)
    server = Standin(contract=contract, latency_s=latency_s)
    add_tmdb(server, content)
    await server.start(port)
    runner = web.AppRunner(_control(server), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", control_port).start()
    control = f"http://127.0.0.1:{runner.addresses[0][1]}"
    said = {"url": f"{server.url}/3", "control": control}
    line = f"answering as TMDB at {said['url']}, control at {control}"
    print(json.dumps(said) if as_json else line, flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()
    await server.stop()


def _control(server: Standin) -> web.Application:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(seen(server))

    async def change(request: web.Request) -> web.Response:
        _apply(server, await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/seen", look)
    app.router.add_post("/control", change)
    return app


def _apply(server: Standin, wanted: dict[str, Any]) -> None:
    if "faults" in wanted:
        server.faults = Faults(wanted["faults"], only="/3/")
    for name in ("latency_s", "dead", "contract"):
        if name in wanted:
            setattr(server, name, wanted[name])
    if wanted.get("forget"):
        server.arrivals.clear()
        server.statuses.clear()
