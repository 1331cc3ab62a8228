"""The limit that processes of one machine share through a file, without a server."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.upstream.standin.server import Standin, busiest
from tv5core.errors import InvalidInputError, RateLimitedError
from tv5core.upstream import Fetcher, Priority, Provider, limiter_for
from tv5core.upstream.limiting.limit_file import RUNTIME_VARIABLE, LimitFile, limit_path
from tv5core.upstream.limiting.machine_tokens import MachineTokenSource
from tv5core.upstream.limiting.token_source import LocalTokenSource

USER, BULK = Priority.USER, Priority.BULK
WORKER = """
    import asyncio, json, sys, time
    from tv5core.upstream import Fetcher, Priority, Provider

    async def main():
        provider = Provider(allow_private=True, bulk_share=1.0, **json.loads(sys.argv[1]))
        options = json.loads(sys.argv[2])
        end, done = time.monotonic() + options.pop("seconds"), 0

        async def ask(number):
            nonlocal done
            while time.monotonic() < end:
                await fetcher.get(f"x/{number}", priority=Priority.BULK, deadline_s=60)
                done += 1

        async with Fetcher(provider, **options) as fetcher:
            await asyncio.gather(*(ask(number) for number in range(20)))
        print(done)

    asyncio.run(main())
"""


async def answer(request: web.Request) -> web.Response:
    return web.json_response({})


async def run_processes(
    count: int, limits: dict[str, Any], seconds: float, **options: Any
) -> tuple[list[float], list[int]]:
    """Run processes that send what they can; return the arrivals, and the number of each one."""
    server = Standin(contract=10**6)
    server.app.router.add_get("/x/{number}", answer)
    async with server:
        provider = json.dumps({"name": "x", "base_url": server.url, **limits})
        command = [sys.executable, "-c", textwrap.dedent(WORKER), provider]
        command.append(json.dumps({"seconds": seconds, **options}))
        workers = [
            await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            for _ in range(count)
        ]
        outputs = await asyncio.gather(*(worker.communicate() for worker in workers))
        return list(server.arrivals), [int(out) for out, _ in outputs]


@pytest.mark.parametrize(
    "limits",
    [{"contract": 50, "rate": 45.0, "burst": 5}, {"contract": 10, "rate": 8.0, "burst": 2}],
    ids=["tmdb", "justwatch"],
)
async def test_four_processes_without_redis_keep_the_contract_and_use_it(
    limits: dict[str, Any],
) -> None:
    arrivals, shares = await run_processes(4, limits, 5.0)
    assert busiest(arrivals) <= limits["contract"]
    lasted_s = arrivals[-1] - arrivals[0]
    assert len(arrivals) >= 0.8 * limits["rate"] * lasted_s
    assert min(shares) > 0
    assert sum(shares) == len(arrivals)


async def test_one_process_alone_has_the_whole_rate() -> None:
    arrivals, _ = await run_processes(1, {"contract": 50, "rate": 45.0, "burst": 5}, 4.0)
    assert busiest(arrivals) <= 50
    assert len(arrivals) >= 0.9 * 45 * (arrivals[-1] - arrivals[0])


async def test_it_can_be_switched_off() -> None:
    limits = {"contract": 10, "rate": 8.0, "burst": 2}
    arrivals, _ = await run_processes(3, limits, 3.0, per_machine=False)
    assert busiest(arrivals) > 10


# -- the token source ------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runtime" / "x.limit"


def source(path: Path, rate: float = 45.0, burst: int = 5, contract: int = 50) -> Any:
    own = LocalTokenSource(rate, burst, contract)
    return MachineTokenSource(own, rate, burst, contract, path)


async def test_a_pause_is_everybodys_and_outlives_processes_and_loops(path: Path) -> None:
    one, two = source(path), source(path)
    assert await one.take(USER)
    one.reduce_rate(30.0)
    one.extend_pause(40.0)
    assert not await two.take(USER)
    assert 39 < two.delay_s(USER) <= 40
    assert two.rate() == 22.5
    waiting = asyncio.create_task(two.wait_to_send(0.0))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()
    later = source(path)
    assert 39 < later.delay_s(USER) <= 40


async def test_two_sources_share_a_burst(path: Path) -> None:
    one, two = source(path, 1.0), source(path, 1.0)
    taken = [await each.take(USER) for each in (one, two) * 3]
    assert taken == [True] * 5 + [False]
    assert 0.5 < one.delay_s(USER) <= 1.0
    assert int(two.available()) == 0


async def test_sends_of_all_are_counted_in_one_window(path: Path) -> None:
    one, two = source(path, 5.0, 1, 10), source(path, 5.0, 1, 10)
    for each in (one, two) * 5:
        await asyncio.wait_for(each.wait_to_send(0.0), 1.0)
    for each in (one, two):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(each.wait_to_send(0.0), 0.2)


@pytest.mark.parametrize(
    "damage", [b"", b"x", bytes(500), b"\xff" * 60, b"tv5lim1\0" + b"\x7f" * 52]
)
async def test_a_damaged_file_is_replaced_after_a_pause(path: Path, damage: bytes) -> None:
    await source(path).take(USER)
    path.write_bytes(damage)
    again = source(path)
    assert await again.take(USER) == (damage == b"")
    assert again.delay_s(USER) <= 1.3
    assert not again.is_alone


async def test_a_deleted_file_or_folder_is_made_again(path: Path) -> None:
    one = source(path)
    assert await one.take(USER)
    path.unlink()
    path.parent.rmdir()
    assert await one.take(USER)
    assert await source(path).take(USER)
    assert not one.is_alone


async def test_without_a_usable_folder_a_process_has_its_own_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    alone = source(tmp_path / "file" / "x.limit", 5.0, 5, 10)
    assert [await alone.take(USER) for _ in range(5)] == [True] * 5
    assert alone.is_alone
    for _ in range(10):
        await asyncio.wait_for(alone.wait_to_send(0.0), 1.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(alone.wait_to_send(0.0), 0.2)


async def test_a_contract_beyond_what_a_file_holds_is_each_processs_own(path: Path) -> None:
    huge = source(path, 1e6, 10, 2 * 10**6)
    assert huge.is_alone
    assert await huge.take(USER)
    most = source(path, 9e5, 10, 10**6)
    assert await most.take(USER)
    assert not most.is_alone


def _hold(path: Path, ready: Any) -> None:
    with LimitFile(path, 50).locked():
        ready.set()
        time.sleep(60)


def test_a_killed_process_leaves_no_lock_behind(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(path, ready))
    holder.start()
    assert ready.wait(10)
    with pytest.raises(BlockingIOError), LimitFile(path, 50).locked():
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)
    with LimitFile(path, 50).locked() as limit:
        assert limit.state.sends == 0


def test_a_forked_child_does_not_inherit_the_lock(path: Path) -> None:
    file = LimitFile(path, 50)
    with file.locked():
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with file.locked() as limit:  # although the child lives
            limit.add_send(1.0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _hold_and_fork(path: Path, children: Any) -> None:
    with LimitFile(path, 50).locked():
        child = os.fork()
        if child:
            children.put(child)
        time.sleep(60)


def test_a_child_of_a_killed_process_does_not_keep_its_lock(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    children = context.SimpleQueue()
    holder = context.Process(target=_hold_and_fork, args=(path, children))
    holder.start()
    child = children.get()
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)
    try:
        _lock_soon(LimitFile(path, 50))  # although the child lives
    finally:
        os.kill(child, signal.SIGKILL)


def _lock_soon(file: LimitFile) -> None:
    for _ in range(100):
        try:
            with file.locked():
                return
        except BlockingIOError:
            time.sleep(0.05)  # the child may just be starting
    pytest.fail("expected the lock to be free, got one that stays")


def test_what_a_block_that_fails_changed_is_not_stored(path: Path) -> None:
    file = LimitFile(path, 3)

    def interrupted() -> None:
        with file.locked() as limit:
            limit.add_send(9.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with file.locked() as limit:
        assert (limit.state.sends, limit.sent_at(1)) == (0, 0.0)


def test_the_file_grows_with_the_contract_and_keeps_the_times(path: Path) -> None:
    for number in range(5):
        with LimitFile(path, 3).locked() as limit:
            limit.add_send(float(number + 1))
    with LimitFile(path, 10).locked() as limit:
        assert [limit.sent_at(back) for back in range(1, 5)] == [5.0, 4.0, 3.0, 0.0]
        limit.add_send(6.0)
    with LimitFile(path, 3).locked() as limit:
        assert [limit.sent_at(back) for back in (1, 2, 4)] == [6.0, 5.0, 3.0]
    assert path.stat().st_mode & 0o777 == 0o600


def test_times_of_an_earlier_boot_count_for_nothing(path: Path) -> None:
    with LimitFile(path, 3).locked() as limit:
        limit.state.due = limit.state.paused_until = 1e9
    before = struct.calcsize("<8s")
    raw = bytearray(path.read_bytes())
    raw[before : before + 8] = bytes(8)
    path.write_bytes(raw)
    with LimitFile(path, 3).locked() as limit:
        assert limit.state.due == 0.0
        assert limit.state.paused_until < time.monotonic() + 2


def test_files_that_nobody_used_for_a_day_are_removed(path: Path) -> None:
    old, new = path.with_name("old.limit"), path.with_name("new.limit")
    for each in (old, new):
        with LimitFile(each, 3).locked():
            pass
    os.utime(old, (1, 1))
    source(path)
    assert (old.exists(), new.exists()) == (False, True)


def test_the_folder_is_this_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))
    assert limit_path("a.test:1").parent == tmp_path
    assert limit_path("a.test:1") != limit_path("a.test:2")
    assert limit_path("A/../b").parent == tmp_path
    monkeypatch.delenv(RUNTIME_VARIABLE)
    monkeypatch.setattr("tv5core.upstream.limiting.limit_file._MEMORY", tmp_path)
    folder = tmp_path / f"tv5core-{os.getuid()}"
    assert limit_path("a.test").parent == folder
    with LimitFile(limit_path("a.test"), 3).locked():
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(PermissionError):
        LimitFile(limit_path("a.test"), 3).prepare()
    folder.chmod(0o700)
    LimitFile(limit_path("a.test"), 3).prepare()


# -- the registry ----------------------------------------------------------------------------------


def provider(name: str) -> Provider:
    return Provider(name=name, base_url=f"https://{name}.test", contract=50, rate=45.0, burst=5)


@pytest.mark.parametrize("per_machine", [True, False])
def test_a_pause_is_kept_when_the_event_loop_changes(*, per_machine: bool) -> None:
    kept = provider(f"kept-{per_machine}".lower())

    async def pause() -> None:
        limiter_for(kept, per_machine=per_machine).pause(30.0)

    async def look() -> tuple[float, int, float]:
        limiter = limiter_for(kept, per_machine=per_machine)
        with pytest.raises(RateLimitedError):
            await limiter.acquire(USER)
        snapshot = limiter.snapshot()
        return snapshot.paused_s, snapshot.limit, snapshot.wait_s[USER]

    asyncio.run(pause())
    paused_s, limit, wait_s = asyncio.run(look())
    assert 29 < paused_s <= 30
    assert 29 < wait_s < 32
    assert limit == 22


async def test_one_process_uses_a_provider_in_one_way() -> None:
    async with Fetcher(provider("one-way")):
        with pytest.raises(InvalidInputError, match="per_machine"):
            Fetcher(provider("one-way"), per_machine=False).open()


def test_a_forked_child_may_fetch_on_a_loop_of_its_own() -> None:
    forked = provider("forked")

    async def in_parent() -> int:
        limiter_for(forked)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                asyncio.run(in_child())
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(child, 0)[1]

    async def in_child() -> None:
        await limiter_for(forked).acquire(USER)

    assert asyncio.run(in_parent()) == 0
