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
from tv5core.upstream.limiting.in_flight import COUNTED_S, SECOND_S
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
    token = await one.take(USER)
    assert token is not None
    one.reduce_rate(30.0)
    one.extend_pause(40.0)
    assert await two.take(USER) is None
    assert 39 < two.delay_s(USER) <= 40
    assert two.rate() == 22.5
    waiting = asyncio.create_task(one.wait_to_send(token))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()
    later = source(path)
    assert 39 < later.delay_s(USER) <= 40


async def test_two_sources_share_a_burst(path: Path) -> None:
    one, two = source(path, 1.0), source(path, 1.0)
    taken = [await each.take(USER) is not None for each in (one, two) * 3]
    assert taken == [True] * 5 + [False]
    assert 0.5 < one.delay_s(USER) <= 1.0
    assert int(two.available()) == 0


async def test_requests_of_all_hold_places_in_one_window(path: Path) -> None:
    one, two = source(path, 5.0, 5, 10), source(path, 5.0, 5, 10)
    tokens = [await one.take(USER) for _ in range(5)]
    for each in (one, two) * 5:
        with LimitFile(path).locked() as limit:
            limit.state.due = 0.0  # the pace is not what is tested
        if (token := await each.take(USER)) is not None:
            tokens.append(token)
    assert len(tokens) == 10
    with LimitFile(path).locked() as limit:
        limit.state.due = 0.0
    assert await two.take(USER) is None
    assert 0.9 < two.delay_s(USER) <= SECOND_S, "no answer can come earlier than now"


async def test_an_answer_frees_a_place_in_a_second_and_what_is_not_sent_at_once(path: Path) -> None:
    one, two = source(path, 1e3, 10, 2_000), source(path, 1e3, 10, 2_000)
    one._contract = two._contract = 2
    sent, unsent = await one.take(USER), await one.take(USER)
    await one.wait_to_send(sent)
    assert await two.take(USER) is None
    one.give_back(unsent)
    again = await two.take(USER)
    assert again is not None
    one.give_back(sent)
    assert await two.take(USER) is None, "it was sent"
    one.answered(sent)
    two.answered(again)
    answered = time.monotonic()
    assert await two.take(USER) is None
    while await two.take(USER) is None:
        await asyncio.sleep(0.01)
    assert time.monotonic() - answered >= 1.0


async def test_a_second_sending_takes_a_second_place(path: Path) -> None:
    one = source(path)
    token = await one.take(USER)
    for _ in range(3):
        await one.wait_to_send(token)
    with LimitFile(path).locked() as limit:
        assert len(limit.state.places) == 3


@pytest.mark.parametrize(
    "damage", [b"", b"x", bytes(500), b"\xff" * 60, b"tv5lim2\0" + b"\x7f" * 36]
)
async def test_a_damaged_file_is_replaced_after_a_pause(path: Path, damage: bytes) -> None:
    await source(path).take(USER)
    path.write_bytes(damage)
    again = source(path)
    assert (await again.take(USER) is not None) == (damage == b"")
    assert again.delay_s(USER) <= COUNTED_S
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
    tokens = [await alone.take(USER) for _ in range(5)]
    assert alone.is_alone
    for each in tokens * 2:
        assert each is not None
        await asyncio.wait_for(alone.wait_to_send(each), 1.0)
    assert 0.9 < alone.delay_s(USER) <= SECOND_S, "ten were sent"


async def test_a_contract_beyond_what_a_file_holds_is_each_processs_own(path: Path) -> None:
    huge = source(path, 1e6, 10, 2 * 10**6)
    assert huge.is_alone
    assert await huge.take(USER)
    most = source(path, 9e3, 10, 10**4)
    assert await most.take(USER)
    assert not most.is_alone


def _hold(path: Path, ready: Any) -> None:
    with LimitFile(path).locked():
        ready.set()
        time.sleep(60)


def test_a_killed_process_leaves_no_lock_behind(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(path, ready))
    holder.start()
    assert ready.wait(10)
    with pytest.raises(BlockingIOError), LimitFile(path).locked():
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)
    with LimitFile(path).locked() as limit:
        assert limit.state.places == []


def test_a_forked_child_does_not_inherit_the_lock(path: Path) -> None:
    file = LimitFile(path)
    with file.locked():
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with file.locked() as limit:  # although the child lives
            limit.take_place(time.monotonic())
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _hold_and_fork(path: Path, children: Any) -> None:
    with LimitFile(path).locked():
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
        _lock_soon(LimitFile(path))  # although the child lives
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
    file = LimitFile(path)

    def interrupted() -> None:
        with file.locked() as limit:
            limit.take_place(9.0)
            limit.state.due = 9.0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with file.locked() as limit:
        assert (limit.state.places, limit.state.due) == ([], 0.0)


def test_places_are_taken_freed_and_taken_again(path: Path) -> None:
    file, start = LimitFile(path), time.monotonic()
    with file.locked() as limit:
        first, second = limit.take_place(start), limit.take_place(start)
        assert limit.state.place_delay_s(start, 2) == pytest.approx(SECOND_S)
        assert limit.state.place_delay_s(start, 3) == 0.0
        assert limit.state.place_delay_s(start, 1) == pytest.approx(SECOND_S)
    with file.locked() as limit:
        limit.free_place(*first, start + 0.5)
        limit.free_place(*first, start + 0.9)  # it is no longer held
        assert limit.state.place_delay_s(start, 2) == pytest.approx(0.5)
    with file.locked() as limit:
        assert limit.take_place(start + 0.6)[0] == first[0]
        assert limit.state.place_delay_s(start + 0.6, 2) == pytest.approx(SECOND_S)
        assert limit.state.place_delay_s(start + COUNTED_S + 0.01, 2) == 0.0, "second is given up"
        assert limit.take_place(start + COUNTED_S + 0.01)[0] == second[0]
    with file.locked() as limit:
        limit.free_place(*second, 0.0)
        assert len(limit.state.places) == 2
        assert limit.state.place_delay_s(start + COUNTED_S + 0.02, 1) > 0, "it is another's now"
    assert path.stat().st_mode & 0o777 == 0o600


def test_places_far_in_the_future_are_of_an_earlier_boot(path: Path) -> None:
    with LimitFile(path).locked() as limit:
        limit.take_place(1e9)
    with LimitFile(path).locked() as limit:
        assert limit.state.place_delay_s(time.monotonic(), 1) == 0.0


def test_times_of_an_earlier_boot_count_for_nothing(path: Path) -> None:
    with LimitFile(path).locked() as limit:
        limit.state.due = limit.state.paused_until = 1e9
    before = struct.calcsize("<8s")
    raw = bytearray(path.read_bytes())
    raw[before : before + 8] = bytes(8)
    path.write_bytes(raw)
    with LimitFile(path).locked() as limit:
        assert limit.state.due == 0.0
        assert limit.state.paused_until < time.monotonic() + COUNTED_S


def test_files_that_nobody_used_for_a_day_are_removed(path: Path) -> None:
    old, new = path.with_name("old.limit"), path.with_name("new.limit")
    for each in (old, new):
        with LimitFile(each).locked():
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
    with LimitFile(limit_path("a.test")).locked():
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(PermissionError):
        LimitFile(limit_path("a.test")).prepare()
    folder.chmod(0o700)
    LimitFile(limit_path("a.test")).prepare()


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
