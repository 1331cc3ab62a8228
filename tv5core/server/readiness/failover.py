"""Failover, tried beside the running gateway: one of our own whose provider is out of reach."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aiohttp import web

from tv5core.catalog import Catalog
from tv5core.server.app import make_app, make_runner
from tv5core.server.readiness.asking import Asking
from tv5core.server.readiness.checks import Check, check_static_set
from tv5core.server.resources import open_resources
from tv5core.server.settings import Settings
from tv5core.upstream import Credentials, Tmdb
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.tmdb.provider import tmdb_provider

__all__ = ["try_failover"]

_NOWHERE = "http://127.0.0.1:9/3"
"""The discard port, where nobody listens."""


async def try_failover() -> Check:
    """Start a gateway with an empty catalogue and no provider; ask it for a title that ships."""
    with tempfile.TemporaryDirectory(prefix="tv5-check-") as made:
        folder = Path(made) / "catalog"
        catalog = Catalog.open(folder)
        settings = Settings(catalog=str(folder), port=0, read_only=True, live_page=False)
        provider = tmdb_provider(credentials=Credentials.of(bearer="none"), base_url=_NOWHERE)
        tmdb = Tmdb(Fetcher(provider))
        async with open_resources(settings, catalog=catalog, tmdb=tmdb) as resources:
            runner = make_runner(make_app(settings, resources), settings)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                port = runner.addresses[0][1]
                async with Asking(f"http://127.0.0.1:{port}") as asking:
                    return await check_static_set(asking)
            finally:
                await runner.cleanup()
