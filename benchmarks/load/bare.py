"""A bare aiohttp handler that returns constant JSON, on the loop that the gateway uses."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

_BODY = b'{"titles":[' + b",".join([b'{"id":"tmdb:movie:603","title":"The Matrix"}'] * 20) + b"]}"


async def _serve(port: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=_BODY, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ModuleNotFoundError:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
