"""A catalogue that is awaited: the same answers, and calls that can be given up."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.generations import fill, film, vector
from tv5core import AsyncCatalog, errors
from tv5core.catalog import Catalog


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def test_answers_are_those_of_the_catalogue(tmp_path: Path) -> None:
    async def work() -> None:
        async with await AsyncCatalog.open(tmp_path / "c", threads=2) as films:
            added = await films.add([film(i) for i in range(9)], [vector(i) for i in range(9)])
            assert added.added == 9
            assert await films.count() == 9
            assert (await films.search(vector(3), 2)) == films.catalog.search(vector(3), 2)
            assert await films.get("id4") == film(4)
            assert [name async for name in films.ids()] == list(films.catalog.ids())
            assert await films.delete("id4") == 1
            with pytest.raises(errors.UnknownIdError):
                await films.get("id4")

    run(work)


def test_every_method_is_there() -> None:
    """Also those that a catalogue gets later."""
    wanted = {n for n, m in inspect.getmembers(Catalog, inspect.isroutine) if n[0] != "_"}
    own = {n for n, m in inspect.getmembers(AsyncCatalog, inspect.isroutine) if n[0] != "_"}
    assert own - wanted == {"within"}
    other = {"open", "close", "restore", "ids", "after_fork"}
    assert inspect.isasyncgenfunction(AsyncCatalog.ids)
    assert all(inspect.iscoroutinefunction(getattr(AsyncCatalog, name)) for name in
               other - {"ids", "after_fork"})  # fmt: skip
    for name in sorted(wanted - other):
        method = getattr(AsyncCatalog, name, None)
        assert method is not None, name
        assert inspect.iscoroutinefunction(method), name
        assert inspect.signature(method) == inspect.signature(getattr(Catalog, name)), name


def test_lines_checkpoints_and_copies(tmp_path: Path) -> None:
    async def work() -> None:
        async with await AsyncCatalog.open(tmp_path / "c") as films:
            await films.add([film(1)], [vector(1)], checkpoint=("a:b", b"x"))
            assert "<AsyncCatalog of Catalog(" in repr(films)
            assert "within 0.5 s" in repr(films.within(0.5))
            lines: list[bytes] = []
            assert await films.export_lines(lines.append) == len(lines) == 1
            assert await films.clear_checkpoints("a:") == 1
            await films.export(tmp_path / "e")
        await AsyncCatalog.restore(tmp_path / "e", tmp_path / "r")
        async with await AsyncCatalog.open(tmp_path / "r", read_only=True) as copy:
            assert await copy.count() == 1

    run(work)


def test_a_forked_child_reads_with_threads_of_its_own(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add([film(1)], [vector(1)])
    films = AsyncCatalog(Catalog.open(tmp_path / "c", read_only=True))
    asyncio.run(films.count())  # type: ignore[arg-type]
    child = os.fork()
    if not child:
        try:
            films.after_fork()
            found = asyncio.run(asyncio.wait_for(films.count(), 60))  # type: ignore[arg-type]
        except BaseException:
            found = 99
        os._exit(found)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    asyncio.run(films.close())


class Gate:
    """A call that waits until it is let through."""

    def __init__(self) -> None:
        self.begun, self.let, self.made = threading.Event(), threading.Event(), 0

    def __call__(self, *_: object) -> int:
        self.begun.set()
        assert self.let.wait(30)
        self.made += 1
        return self.made

    async def entered(self) -> None:
        await asyncio.to_thread(self.begun.wait, 30)


def test_a_deadline_ends_a_call_that_runs_and_one_that_waits(tmp_path: Path) -> None:
    gate, waiting = Gate(), Gate()

    async def work() -> None:
        async with await AsyncCatalog.open(tmp_path / "c", threads=1) as films:
            short = films.within(0.01)
            with pytest.raises(errors.TimedOutError, match="expected an answer in"):
                await short._read(gate)
            with pytest.raises(errors.TimedOutError):
                await short._read(waiting)
            gate.let.set()
            waiting.let.set()
            assert await films.count() == 0

    run(work)
    assert (gate.made, waiting.made) == (1, 0), "what was begun ends, what was not is never made"


def test_a_cancelled_change_that_began_is_made(tmp_path: Path) -> None:
    gate, never = Gate(), Gate()

    async def work() -> None:
        async with await AsyncCatalog.open(tmp_path / "c") as films:
            first = asyncio.create_task(films._change(gate))
            second = asyncio.create_task(films._change(never))
            await gate.entered()
            assert await films.count() == 0, "readers do not wait for changes"
            first.cancel()
            second.cancel()
            for task in (first, second):
                with pytest.raises(asyncio.CancelledError):
                    await task
            gate.let.set()

    run(work)
    assert (gate.made, never.made) == (1, 0)


def test_no_more_threads_than_asked_for(tmp_path: Path) -> None:
    seen: set[int] = set()

    async def work() -> None:
        with Catalog.open(tmp_path / "c") as catalog:
            fill(catalog, 0, 5)
            films = AsyncCatalog(catalog, threads=2)
            remember = partial(lambda: seen.add(threading.get_ident()))
            await asyncio.gather(*(films._read(remember) for _ in range(50)))
            await films.close()

    run(work)
    assert 1 <= len(seen) <= 2


def test_a_closed_one_refuses(tmp_path: Path) -> None:
    async def work() -> None:
        films = await AsyncCatalog.open(tmp_path / "c")
        await films.close()
        await films.close()
        with pytest.raises(errors.ClosedError, match="expected an open catalogue"):
            await films.count()

    run(work)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: AsyncCatalog(c, threads=0),
        lambda c: AsyncCatalog(5),  # type: ignore[arg-type]
        lambda c: AsyncCatalog(c).within(-1),
        lambda c: AsyncCatalog(c).within(float("nan")),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, call: Callable[[Catalog], Any]) -> None:
    with (
        Catalog.open(tmp_path / "c") as catalog,
        pytest.raises(errors.InvalidInputError, match="expected"),
    ):
        call(catalog)
