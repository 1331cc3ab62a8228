"""Stand-in servers with content, and clients of them, for the tests of several packages."""

from __future__ import annotations

from typing import Any

from tests.upstream.standin.serve import add_tmdb
from tests.upstream.standin.server import Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.provider import Credentials
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.provider import tmdb_provider

KEY = "a-key-for-tests"


def tmdb_server(content: TmdbContent, **options: Any) -> Standin:
    server = Standin(bearer=KEY, contract=10_000, **options)
    add_tmdb(server, content)
    return server


def tmdb_client(server: Standin, key: str = KEY) -> Tmdb:
    # Faster than TMDB allows: the tests of the limiter test the pace of calls.
    provider = tmdb_provider(
        credentials=Credentials.of(bearer=key),
        base_url=f"{server.url}/3",
        rate=900.0,
        burst=100,
        contract=1_000,
        bulk_share=1.0,
    )
    return Tmdb(Fetcher(provider))


def justwatch_client(server: Standin, *, enabled: bool | None = True) -> JustWatch:
    provider = justwatch_provider(base_url=server.url, rate=900.0, burst=100, contract=1_000)
    return JustWatch(Fetcher(provider), enabled=enabled)
