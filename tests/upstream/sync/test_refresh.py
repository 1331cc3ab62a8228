"""Refreshes: the titles that changed at TMDB, and that the catalogue holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.serve import title_requests
from tests.upstream.standin.server import Faults
from tests.upstream.standin.tmdb import TmdbContent
from tests.upstream.sync.memory_sink import MemorySink
from tv5core.errors import (
    DiskFullError,
    InvalidInputError,
)
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.sync.refresh import refresh_tmdb


def today() -> date:
    """Return the day as it is now: a run of the tests may begin on the one before."""
    return datetime.now(UTC).date()


async def test_a_refresh_fetches_what_changed_and_is_held() -> None:
    content, sink, invalidated = TmdbContent(700), MemorySink(), list[str]()
    works = sorted(content.works.values(), key=lambda w: (-w.popularity, w.media, w.id))
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        await sync_tmdb(tmdb, sink, limit=500)
        changed = [*works[:300:10], *works[600:650]]
        for place, work in enumerate(changed):
            content.change(work.renamed(f"{work.title} II"), today() - timedelta(days=place % 3))
        content.remove(works[1].media, works[1].id, today())
        server.paths.clear()
        report = await refresh_tmdb(
            tmdb, sink, since=today() - timedelta(days=30), invalidate=invalidated.extend
        )
        assert (report.planned, report.fetched, report.updated) == (31, 30, 30)
        assert report.passed_over == 50
        assert report.errors == {"not found": 1}
        assert sorted(invalidated) == sorted(work.key for work in works[:300:10])
        assert all(sink.titles[w.key].title == f"{w.title} II" for w in works[:300:10])
        assert works[1].key in sink.titles, "a title that TMDB has no longer stays"
        assert set(title_requests(server)) == {w.key for w in [works[1], *works[:300:10]]}

        content.changed.clear()
        content.change(works[5], today())
        again = await refresh_tmdb(tmdb, sink)
        assert (again.planned, again.fetched) == (1, 1)


async def test_an_interrupted_refresh_resumes_with_the_same_titles() -> None:
    content, sink = TmdbContent(400), MemorySink()
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        await sync_tmdb(tmdb, sink)
        for work in list(content.works.values()):
            content.change(work.renamed(f"{work.title} II"), today())
        sink.fail_at = len(sink.sizes) + 2
        with pytest.raises(DiskFullError):
            await refresh_tmdb(tmdb, sink, since=today())
        sink.fail_at = -1
        content.changed.clear()
        report = await refresh_tmdb(tmdb, sink)
        assert report.earlier > 0
        assert report.settled == 400
    assert all(title.title.endswith(" II") for title in sink.titles.values())


async def test_what_a_refresh_could_not_have_is_asked_for_the_next_time() -> None:
    content, sink = TmdbContent(60), MemorySink()
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        await sync_tmdb(tmdb, sink)
        for work in list(content.works.values()):
            content.change(work.renamed(f"{work.title} II"), today())
        server.faults = Faults({"wrong_types": 1.0}, only="/3/movie/2000001")
        report = await refresh_tmdb(tmdb, sink, since=today())
        assert report.errors.keys() <= {"malformed"}
        server.faults = Faults()
        content.changed.clear()
        again = await refresh_tmdb(tmdb, sink)
        assert again.planned == len(report.failures)
    assert all(title.title.endswith(" II") for title in sink.titles.values())


async def test_a_refresh_starts_with_the_day_of_the_first_sync() -> None:
    content, sink = TmdbContent(20), MemorySink()
    async with tmdb_server(content) as server, tmdb_client(server) as tmdb:
        with pytest.raises(InvalidInputError, match="expected the day of the first changes"):
            await refresh_tmdb(tmdb, sink)
        await sync_tmdb(tmdb, sink)
        server.queries.clear()
        await refresh_tmdb(tmdb, sink)
        assert {q["start_date"] for q in server.queries} == {today().isoformat()}
        with pytest.raises(InvalidInputError, match="expected a day until today"):
            await refresh_tmdb(tmdb, sink, since=today() + timedelta(days=1))
