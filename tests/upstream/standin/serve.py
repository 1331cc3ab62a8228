"""The stand-in servers with their content, in a test or as a process of their own.

::

    python -m tests.upstream.standin.serve --titles 5000 --port 8765

serves TMDB below ``/3`` (its exports below ``/p/exports``), and JustWatch at ``/graphql`` on a
port of its own, until SIGTERM or SIGINT; then it prints the counts of TMDB as one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from tests.upstream.standin.justwatch import JustWatchContent
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.tmdb import TmdbContent

EXPORTS = {"movie_ids": "movie", "tv_series_ids": "tv"}


def add_tmdb(server: Standin, content: TmdbContent) -> None:
    """Add TMDB's endpoints to a server."""

    async def api(request: web.Request) -> web.Response:
        status, body = content.answer(request.match_info["path"], request.query)
        return web.Response(
            body=msgspec.json.encode(body), status=status, content_type="application/json"
        )

    async def export(request: web.Request) -> web.Response:
        name, _, day = request.match_info["name"].partition("_ids_")
        media = EXPORTS.get(f"{name}_ids")
        if media is None or day not in {f"{d:%m_%d_%Y}.json.gz" for d in content.export_days}:
            return web.Response(status=404)
        return web.Response(body=content.export(media), content_type="application/gzip")

    server.app.router.add_get("/3/{path:.*}", api)
    server.app.router.add_get("/p/exports/{name}", export)


def add_justwatch(server: Standin, content: JustWatchContent) -> None:
    """Add JustWatch's endpoint to a server."""

    async def graphql(request: web.Request) -> web.Response:
        status, body = content.answer(await request.json())
        return web.json_response(body, status=status)

    server.app.router.add_post("/graphql", graphql)


def title_requests(server: Standin) -> Counter[str]:
    """Return the number of requests for the details of each title."""
    found: Counter[str] = Counter()
    for asked, count in server.paths.items():
        parts = asked.partition("?")[0].split("/")
        if len(parts) == 4 and parts[2] in ("movie", "tv") and parts[3].isdecimal():
            found[f"tmdb:{parts[2]}:{parts[3]}"] += count
    return found


def seen(server: Standin) -> dict[str, Any]:
    """Return the counts of a server."""
    titles = title_requests(server)
    span = server.arrivals[-1] - server.arrivals[0] if server.arrivals else 0.0
    return {
        "requests": len(server.arrivals),
        "titles": len(titles),
        "title_requests": sum(titles.values()),
        "asked_again": sum(count - 1 for count in titles.values()),
        "busiest_second": server.busiest_second(),
        "refused": server.refused,
        "statuses": dict(server.statuses),
        "faults": dict(server.met),
        "max_open": server.max_open,
        "span_s": round(span, 3),
    }


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Standin(
        contract=arguments.contract,
        bearer=arguments.bearer,
        latency_s=arguments.latency,
        faults=Faults(json.loads(arguments.faults), only="/3/"),
    )
    add_tmdb(server, TmdbContent(arguments.titles))
    other = Standin(contract=10)
    add_justwatch(other, JustWatchContent(arguments.titles))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await server.start(arguments.port)
    await other.start()
    print(json.dumps({"url": server.url, "justwatch": other.url}), flush=True)
    await ended.wait()
    print(json.dumps(seen(server)), flush=True)
    await other.stop()
    await server.stop()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=1_000)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--contract", type=int, default=50)
    parser.add_argument("--bearer", default="")
    parser.add_argument("--latency", type=float, default=0.0, help="Seconds that a response takes.")
    parser.add_argument("--faults", default="{}", help="Shares by name, as JSON.")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
