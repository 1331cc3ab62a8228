"""Buckets that the processes of a gateway share through a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.server.client_limits.buckets import MemoryBuckets
from tv5core.server.client_limits.quota import Quota
from tv5core.server.client_limits.shared import SharedBuckets

_TAKES = """
import asyncio, sys
from pathlib import Path
from tv5core.server.client_limits.quota import Quota
from tv5core.server.client_limits.shared import SharedBuckets

async def main():
    buckets, quota = SharedBuckets(Path(sys.argv[1])), Quota("q", 1e-6, 300)
    verdicts = [await buckets.take("somebody", quota) for _ in range(200)]
    print(*(verdict.remaining for verdict in verdicts if verdict.allowed))

asyncio.run(main())
"""


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shared") / "clients"
    SharedBuckets.make(made)
    return made


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 2), st.sampled_from("abc"), st.integers(0, 1)),
        min_size=1,
        max_size=40,
    ),
    rate=st.floats(0.5, 20),
    burst=st.integers(1, 10),
)
@settings(max_examples=examples(50))
async def test_two_that_share_are_as_one_in_memory(
    path: Path, steps: list[tuple[float, str, int]], rate: float, burst: int
) -> None:
    clock, quota = Clock(), Quota("q", rate, burst)
    SharedBuckets.make(path)
    both = [SharedBuckets(path, clock) for _ in range(2)]
    one = MemoryBuckets(clock=clock)
    for step, client, which in steps:
        clock.now += step
        got, expected = await both[which].take(client, quota), await one.take(client, quota)
        assert (got.allowed, got.remaining) == (expected.allowed, expected.remaining)
        assert got.reset_s == pytest.approx(expected.reset_s, abs=1e-6)
        assert got.retry_after_s == pytest.approx(expected.retry_after_s, abs=1e-6)
    for each in both:
        await each.close()


def test_processes_that_take_at_once_take_no_token_twice(path: Path) -> None:
    command = [sys.executable, "-c", _TAKES, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    left = [int(each) for one in running for each in one.communicate(timeout=60)[0].split()]
    assert sorted(left) == list(range(300)), "each that was left was told once"


async def test_more_clients_than_there_is_room_for(path: Path) -> None:
    """A client that gives way has a full bucket again; those that stay keep theirs."""
    SharedBuckets.make(path)
    clock, quota = Clock(), Quota("q", 1e-3, 2)
    buckets = SharedBuckets(path, clock)
    for number in range(150_000):
        assert (await buckets.take(f"address:{number}", quota)).allowed
    clock.now += 1
    some = range(0, 150_000, 50)
    kept = [(await buckets.take(f"address:{n}", quota)).remaining == 0 for n in some]
    assert sum(kept) > len(some) / 2
    await buckets.close()


async def test_a_quota_that_has_become_smaller_holds_nobody_for_longer_than_its_window(
    path: Path,
) -> None:
    SharedBuckets.make(path)
    clock = Clock()
    buckets = SharedBuckets(path, clock)
    for _ in range(10):
        await buckets.take("a", Quota("q", 0.01, 10))
    refused = await buckets.take("a", Quota("q", 1.0, 10))
    assert refused.retry_after_s == pytest.approx(1.0)
    await buckets.close()
