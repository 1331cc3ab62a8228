"""Syncing: everything arrives or is reported, once, however it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.standin.core import Faults, Standin
from tests.upstream.standin.serve import add_tmdb, title_requests
from tests.upstream.standin.tmdb import TmdbContent
from tests.upstream.test_tmdb import client
from tv5core import AddResult, Catalog
from tv5core.errors import (
    BreakerOpenError,
    CredentialsError,
    DeadlineError,
    DiskFullError,
    InvalidInputError,
    TitleNotFoundError,
    UnreachableError,
    UpstreamError,
)
from tv5core.types import Title
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.catalog_sync import SyncReport, refresh_tmdb, sync_tmdb
from tv5core.upstream.sync.checkpoint import Mark, decoded_mark
from tv5core.upstream.sync.plan import Plan, plan_from_ids
from tv5core.upstream.sync.report import Failure
from tv5core.upstream.sync.run import BATCH_TITLES, Options, run_plan

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-tests"
TODAY = datetime.now(UTC).date()


class MemorySink:
    """A catalogue in memory; ``fail_at`` breaks off the nth addition."""

    def __init__(self) -> None:
        self.titles: dict[str, Title] = {}
        self.checkpoints: dict[str, bytes] = {}
        self.sizes: list[int] = []
        self.fail_at = -1
        self.slow_s = 0.0

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> AddResult:
        assert not embed
        assert len({title.id for title in titles}) == len(titles)
        if len(self.sizes) == self.fail_at:
            raise DiskFullError("expected room, got none")
        time.sleep(self.slow_s)
        self.sizes.append(len(titles))
        new = [title for title in titles if title.id not in self.titles]
        self.titles |= {title.id: title for title in titles}
        if checkpoint:
            self.checkpoints[checkpoint[0]] = checkpoint[1]
        return AddResult(len(new), len(titles) - len(new), 0)

    def checkpoint(self, key: str) -> bytes | None:
        return self.checkpoints.get(key)

    def find(self, alias: str) -> tuple[str, ...]:
        return (alias,) if alias in self.titles else ()


class Source:
    """Gives titles; ``trouble`` says what a title's nth request meets."""

    def __init__(self, trouble: Callable[[str, int], UpstreamError | None] | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.trouble = trouble or (lambda name, time: None)
        self.priorities: set[Priority] = set()
        self.open = self.max_open = 0

    async def title(self, id: str, *, priority: Priority, deadline_s: float) -> Title:
        self.asked[id] += 1
        self.priorities.add(priority)
        self.open += 1
        self.max_open = max(self.max_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if error := self.trouble(id, self.asked[id]):
            raise error
        return Title(id, "movie", f"Title {id}")


def plan_of(count: int) -> Plan:
    return plan_from_ids(("movie", n) for n in range(1, count + 1))


async def run(
    sink: MemorySink, source: Source, plan: Plan, reach: int | None = None, **options: Any
) -> SyncReport:
    mark = decoded_mark(sink.checkpoint("k")) or Mark(plan=plan.digest)
    everything = len(plan) if reach is None else reach
    return await run_plan(source, sink, plan, everything, mark, "k", Options(**options))


def mark_of(sink: MemorySink) -> Mark:
    mark = decoded_mark(sink.checkpoints["k"])
    assert mark is not None
    return mark


# -- the run -----------------------------------------------------------------------------------


async def test_everything_is_stored_once_in_batches() -> None:
    sink, source = MemorySink(), Source()
    report = await run(sink, source, plan_of(1_234))
    assert (report.planned, report.fetched, report.added, report.settled) == (1_234,) * 4
    assert len(sink.titles) == 1_234
    assert set(source.asked.values()) == {1}
    assert source.priorities == {Priority.BULK}
    assert source.max_open <= 32
    assert max(sink.sizes) <= BATCH_TITLES + 32
    assert mark_of(sink).finished
    again = await run(sink, source, plan_of(1_234))
    assert (again.earlier, again.fetched, again.settled) == (1_234, 0, 1_234)
    assert sum(source.asked.values()) == 1_234


async def test_storing_holds_the_fetching_back() -> None:
    sink, source, seen = MemorySink(), Source(), list[int]()
    sink.slow_s = 0.02

    def progress(report: SyncReport) -> None:
        seen.append(sum(source.asked.values()) - len(sink.titles))

    await run(sink, source, plan_of(1_000), progress=progress)
    assert max(seen) <= 2 * BATCH_TITLES + 2 * 32, "fetched titles pile up"


async def test_what_fails_is_tried_again_and_then_told() -> None:
    def trouble(id: str, time: int) -> UpstreamError | None:
        number = int(id.split(":")[2])
        if number % 10 == 0:
            return TitleNotFoundError(f"{id}: gone")
        if number % 10 == 1:
            return UnreachableError("reset") if time < 3 else None
        return DeadlineError("slow") if number % 10 == 2 else None

    sink, source = MemorySink(), Source(trouble)
    report = await run(sink, source, plan_of(100))
    assert report.errors == {"not found": 10, "timed out": 10}
    assert report.settled == report.planned
    assert len(sink.titles) == 80
    assert {f.id for f in report.failures.values()}.isdisjoint(sink.titles)
    assert report.failures["tmdb:movie:10"] == Failure(
        "tmdb:movie:10", "not found", "tmdb:movie:10: gone", lasting=True
    )
    assert source.asked["tmdb:movie:10"] == 1, "what is gone is not asked for again"
    assert source.asked["tmdb:movie:2"] == 6, "what failed for the moment gets a second round"


async def test_failures_are_remembered_and_those_of_the_moment_tried_again() -> None:
    down = Source(
        lambda name, _: TitleNotFoundError(name) if name.endswith("7")
        else UnreachableError("down") if name.endswith("3") else None
    )  # fmt: skip
    sink = MemorySink()
    first = await run(sink, down, plan_of(40))
    assert first.errors == {"not found": 4, "unreachable": 4}
    second = await run(sink, up := Source(), plan_of(40))
    assert second.errors == {"not found": 4}
    assert (second.fetched, second.earlier, second.settled) == (4, 32, 40)
    assert set(up.asked) == {f"tmdb:movie:{n}" for n in (3, 13, 23, 33)}


async def test_a_larger_reach_goes_on_from_there() -> None:
    sink, source = MemorySink(), Source()
    await run(sink, source, plan_of(500), 150)
    assert len(sink.titles) == 150
    report = await run(sink, source, plan_of(500), 400)
    assert (report.planned, report.earlier, report.fetched) == (400, 150, 250)
    assert set(source.asked.values()) == {1}


@pytest.mark.parametrize("seed", range(5))
async def test_cut_off_anywhere_it_goes_on(seed: int) -> None:
    draw = random.Random(seed)
    sink, source, plan = MemorySink(), Source(), plan_of(700)
    told: list[str] = []
    for _ in range(12):
        task = asyncio.create_task(run(sink, source, plan, invalidate=told.extend))
        await asyncio.sleep(draw.uniform(0, 0.02))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await run(sink, source, plan, invalidate=told.extend)
    assert len(sink.titles) == 700
    assert sum(sink.sizes) == 700, "nothing is stored twice"
    assert set(told) == set(sink.titles)
    # A cancelled run loses what is on its way, 32 titles, and stores all that had come.
    assert sum(source.asked.values()) <= 700 + 12 * 32


async def test_a_full_disk_ends_it_and_loses_nothing() -> None:
    sink, source = MemorySink(), Source()
    sink.fail_at = 2
    with pytest.raises(DiskFullError, match="expected room"):
        await run(sink, source, plan_of(600))
    stored = len(sink.titles)
    assert mark_of(sink).count(600) == stored > 0
    sink.fail_at = -1
    await run(sink, source, plan_of(600))
    assert len(sink.titles) == sum(sink.sizes) == 600


async def test_a_wrong_key_ends_it_at_once() -> None:
    source = Source(lambda name, time: CredentialsError("no"))
    with pytest.raises(CredentialsError):
        await run(MemorySink(), source, plan_of(5_000))
    assert sum(source.asked.values()) <= 32


async def test_while_the_provider_is_down_titles_wait() -> None:
    until = time.monotonic() + 0.4

    def trouble(id: str, _: int) -> UpstreamError | None:
        return BreakerOpenError("open", 0.05) if time.monotonic() < until else None

    report = await run(MemorySink(), Source(trouble), plan_of(50))
    assert (report.fetched, report.failures) == (50, {})


async def test_patience_ends() -> None:
    sink = MemorySink()

    first = {f"tmdb:movie:{n}" for n in range(1, 21)}
    source = Source(lambda name, _: None if name in first else BreakerOpenError("open", 0.01))
    with pytest.raises(BreakerOpenError):
        await run(sink, source, plan_of(50), patience_s=0.1)
    assert set(sink.titles) == first, "what had come is stored"


async def test_a_crash_before_telling_tells_again() -> None:
    sink = MemorySink()

    def crash(ids: Sequence[str]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(sink, Source(), plan_of(10), invalidate=crash)
    told: list[str] = []
    await run(sink, Source(), plan_of(10), invalidate=told.extend)
    assert sorted(told) == sorted(sink.titles)


def test_marks_settle_in_any_order() -> None:
    mark, order = Mark(), list(range(300))
    random.Random(1).shuffle(order)
    for count, place in enumerate(order):
        assert not mark.is_settled(place)
        mark.settle([place])
        assert mark.is_settled(place)
        assert mark.count(300) == count + 1
        again = decoded_mark(mark.encoded())
        assert again == mark
        assert set(mark.left(300)) == set(order[count + 1 :])
    assert (mark.below, mark.ahead) == (300, set())
    assert decoded_mark(b"\xc1") is None
    assert decoded_mark(None) is None


# -- from TMDB into a catalogue ----------------------------------------------------------------


def standin(content: TmdbContent, **options: Any) -> Standin:
    server = Standin(bearer=KEY, contract=10_000, **options)
    add_tmdb(server, content)
    return server


async def test_the_most_popular_titles_of_the_exports(tmp_path: Path) -> None:
    content = TmdbContent(700)
    popular = sorted(content.works.values(), key=lambda w: (-w.popularity, w.media, w.id))
    with Catalog.open(tmp_path / "c") as catalog:
        async with standin(content) as server, client(server) as tmdb:
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
    async with standin(content) as server, client(server) as tmdb:
        report = await sync_tmdb(tmdb, sink, exports=[films, series])
        assert report.fetched == 60
        assert not any("exports" in path for path in server.paths)
        again = await sync_tmdb(tmdb, sink, exports=[series, films])
        assert (again.earlier, again.fetched) == (60, 0)


async def test_an_unfinished_sync_keeps_to_the_export_it_began_with() -> None:
    content, sink = TmdbContent(120), MemorySink()
    yesterday = TODAY - timedelta(days=1)
    async with standin(content) as server, client(server) as tmdb:
        await sync_tmdb(tmdb, sink, limit=50)
        key, raw = next(iter(sink.checkpoints.items()))
        mark = decoded_mark(raw)
        assert mark is not None
        mark.day, mark.finished = yesterday.isoformat(), False
        sink.checkpoints[key] = mark.encoded()
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
        server = standin(content, faults=Faults(shares, only="/3/"))
        async with server, client(server) as tmdb:
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


async def test_an_export_that_breaks_off_is_begun_anew() -> None:
    server = standin(TmdbContent(80), faults=FirstTwice())
    async with server, client(server) as tmdb:
        report = await sync_tmdb(tmdb, MemorySink(), media=["movie"])
    assert report.fetched == report.planned > 0
    assert report.malformed == 0, "what came of the broken ones counts for nothing"
    assert server.met == {"truncated": 1, "invalid_json": 1}


# -- killed ------------------------------------------------------------------------------------

WORKER = """
    import asyncio, sys
    from tests.upstream.test_tmdb import client
    from tv5core import Catalog
    from tv5core.importers import MergingCatalog
    from tv5core.upstream.sync.catalog_sync import sync_tmdb

    class Server:
        url = sys.argv[1]

    async def main():
        with Catalog.open(sys.argv[2]) as catalog:
            async with client(Server) as tmdb:
                await sync_tmdb(tmdb, MergingCatalog(catalog))

    asyncio.run(main())
"""


async def test_killed_it_goes_on_where_it_was(tmp_path: Path) -> None:
    content, folder, runs = TmdbContent(600), tmp_path / "c", 0
    async with standin(content, latency_s=0.02) as server:
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


# -- changes -----------------------------------------------------------------------------------


async def test_a_refresh_fetches_what_changed_and_is_held() -> None:
    content, sink, told = TmdbContent(700), MemorySink(), list[str]()
    works = sorted(content.works.values(), key=lambda w: (-w.popularity, w.media, w.id))
    async with standin(content) as server, client(server) as tmdb:
        await sync_tmdb(tmdb, sink, limit=500)
        changed = [*works[:300:10], *works[600:650]]
        for place, work in enumerate(changed):
            content.change(work.renamed(f"{work.title} II"), TODAY - timedelta(days=place % 3))
        content.remove(works[1].media, works[1].id, TODAY)
        server.paths.clear()
        report = await refresh_tmdb(
            tmdb, sink, since=TODAY - timedelta(days=30), invalidate=told.extend
        )
        assert (report.planned, report.fetched, report.updated) == (31, 30, 30)
        assert report.passed_over == 50
        assert report.errors == {"not found": 1}
        assert sorted(told) == sorted(work.key for work in works[:300:10])
        assert all(sink.titles[w.key].title == f"{w.title} II" for w in works[:300:10])
        assert works[1].key in sink.titles, "a title that TMDB has no longer stays"
        assert set(title_requests(server)) == {w.key for w in [works[1], *works[:300:10]]}

        content.changed.clear()
        content.change(works[5], TODAY)
        again = await refresh_tmdb(tmdb, sink)
        assert (again.planned, again.fetched) == (1, 1)


async def test_a_refresh_that_was_cut_off_goes_on_with_the_same_titles() -> None:
    content, sink = TmdbContent(400), MemorySink()
    async with standin(content) as server, client(server) as tmdb:
        await sync_tmdb(tmdb, sink)
        for work in list(content.works.values()):
            content.change(work.renamed(f"{work.title} II"), TODAY)
        sink.fail_at = len(sink.sizes) + 2
        with pytest.raises(DiskFullError):
            await refresh_tmdb(tmdb, sink, since=TODAY)
        sink.fail_at = -1
        content.changed.clear()
        report = await refresh_tmdb(tmdb, sink)
        assert report.earlier > 0
        assert report.settled == 400
    assert all(title.title.endswith(" II") for title in sink.titles.values())


async def test_what_a_refresh_could_not_have_is_asked_for_the_next_time() -> None:
    content, sink = TmdbContent(60), MemorySink()
    async with standin(content) as server, client(server) as tmdb:
        await sync_tmdb(tmdb, sink)
        for work in list(content.works.values()):
            content.change(work.renamed(f"{work.title} II"), TODAY)
        server.faults = Faults({"wrong_types": 1.0}, only="/3/movie/2000001")
        report = await refresh_tmdb(tmdb, sink, since=TODAY)
        assert report.errors.keys() <= {"malformed"}
        server.faults = Faults()
        content.changed.clear()
        again = await refresh_tmdb(tmdb, sink)
        assert again.planned == len(report.failures)
    assert all(title.title.endswith(" II") for title in sink.titles.values())


async def test_a_refresh_starts_with_the_day_of_the_first_sync() -> None:
    content, sink = TmdbContent(20), MemorySink()
    async with standin(content) as server, client(server) as tmdb:
        with pytest.raises(InvalidInputError, match="expected a day since which"):
            await refresh_tmdb(tmdb, sink)
        await sync_tmdb(tmdb, sink)
        server.queries.clear()
        await refresh_tmdb(tmdb, sink)
        assert {q["start_date"] for q in server.queries} == {TODAY.isoformat()}
        with pytest.raises(InvalidInputError, match="expected a day until today"):
            await refresh_tmdb(tmdb, sink, since=TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    "wrong",
    [{"media": []}, {"media": ["film"]}, {"limit": 0}, {"min_popularity": -1.0},
     {"min_popularity": float("nan")}, {"concurrency": 0}, {"patience_s": -1.0}],
)  # fmt: skip
async def test_arguments_are_checked(wrong: dict[str, Any]) -> None:
    content = TmdbContent(5)
    async with standin(content) as server, client(server) as tmdb:
        with pytest.raises(InvalidInputError, match="expected"):
            await sync_tmdb(tmdb, MemorySink(), **wrong)
        assert not title_requests(server)
