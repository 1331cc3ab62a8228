"""Full syncs: TMDB's exports into a catalogue, with faults, and killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.serve import title_requests
from tests.upstream.standin.server import Faults
from tests.upstream.standin.tmdb import TmdbContent
from tests.upstream.sync.memory_sink import MemorySink
from tv5core import Catalog
from tv5core.errors import (
    InvalidInputError,
)
from tv5core.upstream.sync.checkpoint import decode_checkpoint
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.sync.run import BATCH_TITLES

ROOT = Path(__file__).parents[3]


def today() -> date:
    """Return the day as it is now: a run of the tests may begin on the one before."""
    return datetime.now(UTC).date()


async def test_the_most_popular_titles_of_the_exports(tmp_path: Path) -> None:
    content = TmdbContent(700)
    popular = sorted(content.works.values(), key=lambda w: (-w.popularity, w.media, w.id))
    with Catalog.open(tmp_path / "c") as catalog:
        async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
            report = await sync_tmdb(tmdb, catalog, limit=250)
            assert set(catalog.ids()) == {work.key for work in popular[:250]}
            assert (report.added, report.failures) == (250, {})
            more = await sync_tmdb(tmdb, catalog, min_popularity=popular[399].popularity)
            assert (more.earlier, more.fetched, more.planned) == (250, 150, 400)
            series = await sync_tmdb(tmdb, catalog, media=["tv"])
            assert series.planned == sum(work.media == "tv" for work in popular)
        matrix = catalog.get("imdb:tt0133093")
        assert (matrix.title, matrix.source) == ("The Matrix", "tmdb")
        assert matrix.offers
        catalog.seal()
        assert catalog.search("hacker learns reality is a simulation", 5)


async def test_exports_that_were_downloaded_before(tmp_path: Path) -> None:
    content = TmdbContent(60)
    films, series = tmp_path / "movie_ids.json.gz", tmp_path / "tv_series_ids.json.gz"
    films.write_bytes(content.export("movie"))
    series.write_bytes(content.export("tv"))
    sink = MemorySink()
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        report = await sync_tmdb(tmdb, sink, exports=[films, series])
        assert report.fetched == 60
        assert not any("exports" in path for path in server.paths)
        again = await sync_tmdb(tmdb, sink, exports=[series, films])
        assert (again.earlier, again.fetched) == (60, 0)


async def test_an_unfinished_sync_keeps_to_the_export_it_began_with() -> None:
    content, sink = TmdbContent(120), MemorySink()
    yesterday = today() - timedelta(days=1)
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        await sync_tmdb(tmdb, sink, limit=50)
        key, raw = next(iter(sink.checkpoints.items()))
        checkpoint = decode_checkpoint(raw)
        assert checkpoint is not None
        checkpoint.day, checkpoint.finished = yesterday.isoformat(), False
        sink.checkpoints[key] = checkpoint.encode()
        server.paths.clear()
        report = await sync_tmdb(tmdb, sink)
        assert (report.earlier, report.fetched) == (50, 70)
        assert all(f"{yesterday:%m_%d_%Y}" in path for path in server.paths if "exports" in path)


async def test_faults_cost_no_title(tmp_path: Path) -> None:
    shares = dict.fromkeys(
        ("status_500", "status_503", "reset", "truncated", "invalid_json", "wrong_types"), 0.2 / 6
    )
    content = TmdbContent(400)
    for key in list(content.works)[:5]:
        del content.works[key]
    export = tmp_path / "movie_ids.json.gz"
    export.write_bytes(TmdbContent(400).export("movie"))
    with Catalog.open(tmp_path / "c") as catalog:
        server = tmdb_server(content, faults=Faults(shares, only="/3/"))
        async with server, tmdb_client(server) as tmdb:
            report = await sync_tmdb(tmdb, catalog, exports=[export])
        assert sum(server.met.values()) > 30
        assert report.added == catalog.count()
        assert report.added + len(report.failures) == report.planned
        assert report.failures.keys().isdisjoint(catalog.ids())
        for name in catalog.ids():
            title = catalog.get(name)
            work = content.works[name.split(":")[1], int(name.split(":")[2])]
            whole = (title.title, len(title.keywords), len(title.cast), bool(title.offers))
            assert whole == (work.title, len(work.keywords), len(work.cast), True), name


class FirstTwice(Faults):
    """Spoils the first two answers to every request for an export."""

    def pick(self, path: str, time: int) -> str:
        return ("truncated", "invalid_json")[time - 1] if "exports" in path and time <= 2 else ""


async def test_a_damaged_export_is_downloaded_again() -> None:
    server = tmdb_server(TmdbContent(80), faults=FirstTwice())
    async with server, tmdb_client(server) as tmdb:
        report = await sync_tmdb(tmdb, MemorySink(), media=["movie"])
    assert report.fetched == report.planned > 0
    assert report.malformed == 0, "what came of the broken ones counts for nothing"
    assert server.met == {"truncated": 1, "invalid_json": 1}


# -- killed ------------------------------------------------------------------------------------

WORKER = """
    import asyncio, sys
    from tests.upstream.clients import tmdb_client
    from tv5core import Catalog
    from tv5core.importers import MergingCatalog
    from tv5core.upstream.sync.full_sync import sync_tmdb

    class Server:
        url = sys.argv[1]

    async def main():
        with Catalog.open(sys.argv[2]) as catalog:
            async with tmdb_client(Server) as tmdb:
                await sync_tmdb(tmdb, MergingCatalog(catalog))

    asyncio.run(main())
"""


async def test_killed_it_resumes_where_it_was(tmp_path: Path) -> None:
    content, folder, runs = TmdbContent(600), tmp_path / "c", 0
    async with tmdb_server(content, latency_s=0.02) as server:
        while True:
            runs += 1
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", textwrap.dedent(WORKER), server.url, str(folder), cwd=ROOT
            )
            before = len(title_requests(server))
            while runs <= 2 and len(title_requests(server)) < before + 200:
                await asyncio.sleep(0.01)
            if runs <= 2:
                process.send_signal(signal.SIGKILL)
            if await process.wait() == 0:
                break
        asked = title_requests(server)
    assert runs == 3
    with Catalog.open(folder) as catalog:
        assert set(catalog.ids()) == {work.key for work in content.works.values()}
        assert catalog.verify().ok
    assert len(asked) == 600
    # Each kill costs the batch that is being stored, the one that is filling, and what is on
    # its way.
    assert sum(asked.values()) <= 600 + 2 * (2 * BATCH_TITLES + 2 * 32)


@pytest.mark.parametrize(
    "wrong",
    [{"media": []}, {"media": ["film"]}, {"limit": 0}, {"min_popularity": -1.0},
     {"min_popularity": float("nan")}, {"concurrency": 0}, {"max_outage_s": -1.0}],
)  # fmt: skip
async def test_arguments_are_checked(wrong: dict[str, Any]) -> None:
    content = TmdbContent(5)
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        with pytest.raises(InvalidInputError, match="expected"):
            await sync_tmdb(tmdb, MemorySink(), **wrong)
        assert not title_requests(server)
