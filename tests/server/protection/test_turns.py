"""Few requests begin in a turn of the loop; those under way go on."""

from __future__ import annotations

import asyncio

import pytest

from tv5core.server.errors import OverloadedError
from tv5core.server.protection.turns import Turns


async def test_one_under_way_passes_those_that_have_not_begun() -> None:
    turns, order = Turns(100, 1), list[str]()

    async def work(name: str, steps: int) -> None:
        await turns.mine()
        for _ in range(steps):
            await asyncio.sleep(0)
        order.append(name)

    long = work("long", 4)
    await asyncio.gather(long, *(work(f"short {n}", 0) for n in range(20)))
    assert order.index("long") < 8
    order.remove("long")
    assert order == [f"short {n}" for n in range(20)], "in the order in which they came"


@pytest.mark.parametrize("at_once", [1, 3])
async def test_so_many_begin_in_a_turn_of_the_loop(at_once: int) -> None:
    turns, begun, per_turn = Turns(100, at_once), 0, list[int]()

    async def work() -> None:
        nonlocal begun
        await turns.mine()
        begun += 1

    tasks = [asyncio.create_task(work()) for _ in range(10)]
    while not all(task.done() for task in tasks):
        before = begun
        await asyncio.sleep(0)
        per_turn.append(begun - before)
    assert max(per_turn) == at_once
    assert sum(per_turn) == 10


async def test_one_that_is_given_up_costs_no_turn() -> None:
    turns, begun = Turns(100, 1), list[int]()

    async def work(number: int) -> None:
        await turns.mine()
        begun.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(6)]
    await asyncio.sleep(0)
    for task in tasks[1:4]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert begun == [0, 4, 5]
    await asyncio.wait_for(turns.mine(), 60)


async def test_more_than_may_wait_are_refused() -> None:
    turns = Turns(3, 1)
    found = await asyncio.gather(*(turns.mine() for _ in range(6)), return_exceptions=True)
    assert [type(each) for each in found] == [*(4 * [type(None)]), *(2 * [OverloadedError])]
