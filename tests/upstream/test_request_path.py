"""The files that a request passes through, in order: what ARCHITECTURE.md lists."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import tv5core.upstream
from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.tmdb import TmdbContent

ROOT = Path(tv5core.upstream.__file__).parent

STATIONS = [
    "tmdb/client.py",
    "fetching/fetcher.py",
    "fetching/single_flight.py",
    "fetching/retries.py",
    "fetching/circuit_breaker.py",
    "limiting/scheduler.py",
    "limiting/machine_tokens.py",
    "fetching/transport.py",
    "fetching/response_body.py",
    "fetching/decoding.py",
]
# Values that travel along, and what serves a single station or all of them.
HELPERS = {
    "fetching/client.py",
    "fetching/gzip_stream.py",
    "fetching/omissions.py",
    "fetching/pacing.py",
    "fetching/metrics.py",
    "fetching/request.py",
    "fetching/retry_bounds.py",
    "fetching/target_guard.py",
    "limiting/limit_file.py",
    "limiting/limiter.py",
    "limiting/queues.py",
    "limiting/in_flight.py",
    "limiting/token_source.py",
    "provider.py",
    "tmdb/arguments.py",
    "tmdb/details.py",
    "tmdb/types.py",
}


async def visited_by_a_request() -> list[str]:
    """Return the files of upstream whose functions a request calls, in order of the first call."""
    visited: dict[str, None] = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            visited.setdefault(path.relative_to(ROOT).as_posix())

    async with tmdb_server(TmdbContent(300)) as server, tmdb_client(server) as tmdb:
        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            await tmdb.movie(603)
        finally:
            sys.setprofile(before)
    return list(visited)


async def test_a_request_passes_ten_stations_in_order() -> None:
    visited = await visited_by_a_request()
    assert [name for name in visited if name in STATIONS] == STATIONS
    assert set(visited) - set(STATIONS) <= HELPERS
