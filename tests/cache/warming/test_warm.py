"""Planning what to load, and loading it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.warming.warm import Item, WarmReport, plan, warm
from tv5core.errors import InvalidInputError


def test_a_plan_has_each_item_once() -> None:
    items = plan(
        strategy="popular",
        limit=2,
        source=["b", "c"],
        queries=["q", "q"],
        profiles=["c"],
        strategies={"popular": lambda limit: (Item("title", name) for name in "abcdef")},
    )
    assert [(item.kind, item.key) for item in items] == [
        *(("title", name) for name in "abc"),
        ("search", "q"),
        ("recommendations", "c"),
    ]


class Loads:
    def __init__(self) -> None:
        self.keys: list[str] = []
        self.at_once = self.most = 0

    async def __call__(self, item: Item) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.keys.append(item.key)
        if item.key == "bad":
            raise ValueError("no such title")


def items(count: int) -> list[Item]:
    return [Item("title", str(number)) for number in range(count)]


def test_loads_are_bounded_and_failures_counted() -> None:
    loads, steps = Loads(), list[tuple[int, int, str]]()
    report = asyncio.run(
        warm(
            [*items(50), Item("title", "bad")],
            loads,
            batch_size=20,
            concurrency=3,
            progress=lambda *what: steps.append(what),
        )
    )
    assert (report.done, report.failed, report.skipped) == (50, 1, 0)
    assert report.errors == ["title bad: no such title"]
    assert loads.most == 3
    assert [done for done, _, _ in steps] == [20, 40, 51]
    with pytest.raises(InvalidInputError):
        asyncio.run(warm(items(1), loads, batch_size=0))


def test_an_interrupted_run_resumes_where_it_was(tmp_path: Path) -> None:
    async def run(some: Iterator[Item] | list[Item], loads: Loads) -> WarmReport:
        tier = DiskTier(tmp_path, 4 << 20)  # opened again each time, as after a crash
        try:
            return await warm(some, loads, batch_size=10, checkpoints=tier, name="run")
        finally:
            await tier.close()

    def cut() -> Iterator[Item]:
        yield from items(35)
        raise KeyboardInterrupt

    first = Loads()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run(cut(), first))
    assert len(first.keys) == 30
    second = Loads()
    report = asyncio.run(run(items(50), second))
    assert (report.done, report.skipped) == (20, 30)
    assert sorted(second.keys, key=int) == [str(number) for number in range(30, 50)]
    third = Loads()  # a run that was finished starts over
    assert asyncio.run(run(items(50), third)).done == 50
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run(cut(), Loads()))
    other = Loads()  # other items than those noted: nothing is passed over
    report = asyncio.run(run([Item("title", "x"), *items(50)], other))
    assert (report.done, report.skipped) == (51, 0)


def test_a_load_that_is_cancelled_from_within_has_failed() -> None:
    async def load(item: Item) -> None:
        if item.key == "b":
            raise asyncio.CancelledError

    report = asyncio.run(warm([Item("title", name) for name in "abc"], load))
    assert (report.done, report.failed) == (2, 1)


def test_warming_itself_can_be_cancelled() -> None:
    async def work() -> None:
        task = asyncio.ensure_future(warm([Item("title", "a")], lambda _: asyncio.sleep(60)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())


def test_what_to_load_is_asked_for_off_the_event_loop() -> None:
    seen: list[bool] = []

    def items() -> Iterator[Item]:
        for number in range(5):
            seen.append(threading.current_thread() is threading.main_thread())
            yield Item("title", str(number))

    async def load(_: Item) -> None:
        pass

    report = asyncio.run(warm(items(), load, batch_size=2))
    assert report.done == 5
    assert seen == [False] * 5
