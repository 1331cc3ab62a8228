"""The tally adds up, by labels and from any thread; who listens hears the stages of work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.tmdb import TmdbContent
from tv5core import Catalog
from tv5core.data import demo_titles
from tv5core.observing import (
    SILENT,
    Observer,
    Tally,
    Timing,
    listening,
    outgoing_headers,
    stage,
)


def test_counts_by_labels() -> None:
    tally = Tally()
    tally.count("cache.get", tier="memory", outcome="hit")
    tally.count("cache.get", 2, outcome="miss", tier="memory")
    tally.count("cache.get", 4, outcome="hit", tier="disk")
    assert tally.counted("cache.get") == 7
    assert tally.counted("cache.get", outcome="hit") == 5
    assert tally.counted("cache.get", tier="memory", outcome="miss") == 2
    assert tally.counted("cache.get", tier="redis") == 0
    assert tally.counted("cache.put") == 0


def test_timings() -> None:
    tally = Tally()
    for seconds in (0.25, 0.5, 0.125):
        tally.time("load", seconds, kind="title")
    assert tally.timed("load", kind="title") == Timing(3, 0.875, 0.5)
    assert tally.timed("load") == Timing()


def test_what_is_returned_does_not_change() -> None:
    tally = Tally()
    tally.time("load", 1.0)
    before = tally.timed("load")
    tally.time("load", 1.0)
    assert before.count == 1


def test_threads_lose_nothing() -> None:
    tally = Tally()

    def work(_: int) -> None:
        for _ in range(1_000):
            tally.count("n")
            tally.time("t", 1.0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert tally.counted("n") == 4_000
    assert tally.timed("t").total_s == 4_000.0


def test_silence_is_an_observer() -> None:
    observers: list[Observer] = [SILENT, Tally()]
    for observer in observers:
        observer.count("x", 3, a="b")
        observer.time("x", 0.1)


class Heard:
    """A listener that notes the names of stages, nested ones indented."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._depth = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.names.append("  " * self._depth + name)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def headers(self) -> dict[str, str]:
        return {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}


def test_stages_are_heard_by_who_listens_in_this_context() -> None:
    heard = Heard()
    with stage("before"), listening(heard), stage("a"), stage("b"):
        assert outgoing_headers() == heard.headers()
    with stage("after"):
        assert outgoing_headers() == {}
    assert heard.names == ["a", "  b"]


def test_a_stage_ends_with_an_error() -> None:
    heard = Heard()
    with listening(heard), pytest.raises(ValueError, match="x"), stage("a"):
        raise ValueError("x")
    with listening(heard), stage("b"):
        pass
    assert heard.names == ["a", "b"]


async def test_tasks_and_threads_are_heard_by_whom_their_starter_is() -> None:
    heard = Heard()

    def work() -> None:
        with stage("thread"):
            pass

    with listening(heard):
        task = asyncio.create_task(asyncio.to_thread(work))
    await task
    assert heard.names == ["thread"]


def test_a_search_says_its_stages(tmp_path: Path) -> None:
    heard = Heard()
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.add(demo_titles())
        catalog.seal()
        with listening(heard):
            catalog.search("heist")
            catalog.search("heist", mode="semantic", exact=True)
    assert [name.strip() for name in heard.names] == [
        *("search", "plan", "match", "exact", "rank", "decode"),
        *("search", "plan", "match", "exact", "rank", "decode"),
    ]
    assert heard.names[:4] == ["search", "  plan", "  match", "    exact"]


async def test_a_call_says_its_stages_and_carries_the_trace() -> None:
    heard = Heard()
    async with tmdb_server(TmdbContent(500)) as server, tmdb_client(server) as tmdb:
        with listening(heard):
            await tmdb.movie(603)
        assert server.headers[-1]["traceparent"] == heard.headers()["traceparent"]
    assert heard.names == ["limiter", "upstream"]
