"""The cache on disk: values, expiry, invalidation, bounds, several handles."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.made import Clock, entry
from tv5core.cache.disk import entry_codec
from tv5core.cache.disk import writer_thread as writer
from tv5core.cache.disk.environment import DATA_NAME, Environment
from tv5core.cache.disk.tier import MIN_BYTES, DiskTier
from tv5core.cache.entry import Invalidation
from tv5core.errors import InvalidInputError

CAP = 8 << 20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tier(tmp_path: Path, clock: Clock) -> Iterator[DiskTier]:
    tier = DiskTier(tmp_path / "cache", CAP, clock=clock, poll_s=0.01, sweep_s=0.02)
    yield tier
    asyncio.run(tier.close())


def put(tier: DiskTier, key: str, value: bytes = b"v", kind: str = "title", **how: object) -> None:
    asyncio.run(tier.put(kind, key, entry(value, **how), tier.token()))  # type: ignore[arg-type]


def value(tier: DiskTier, key: str, kind: str = "title") -> bytes | None:
    tier.flush()
    found = asyncio.run(tier.get(kind, key))
    return None if found is None else found.value


def until(done: object, timeout_s: float = 5.0) -> None:
    """Wait for the writer's thread; fail after a timeout."""
    ends = time.monotonic() + timeout_s
    while not done():  # type: ignore[operator]
        assert time.monotonic() < ends, "expected it to happen"
        time.sleep(0.005)


# -- values -------------------------------------------------------------------------------


def test_what_is_put_is_got_whole(tier: DiskTier) -> None:
    given = entry(os.urandom(3_000), tags=("provider:netflix", "region:US"))
    asyncio.run(tier.put("title", "tmdb:movie:603", given, tier.token()))
    tier.flush()
    assert asyncio.run(tier.get("title", "tmdb:movie:603")) == given
    assert asyncio.run(tier.get("search", "tmdb:movie:603")) is None
    put(tier, "tmdb:movie:603", b"newer")
    assert value(tier, "tmdb:movie:603") == b"newer"
    assert tier.stats()["entries"] == 1


@pytest.mark.parametrize("key", ["", "a" * 400, "a" * 401, "\0", "é", "a\0b", "x" * 5_000])
def test_any_text_is_a_key(tier: DiskTier, key: str) -> None:
    put(tier, key, b"mine")
    put(tier, key + "x", b"other")
    assert value(tier, key) == b"mine"
    assert value(tier, key + "x") == b"other"
    assert asyncio.run(tier.delete("title", [key])) == 1
    assert value(tier, key) is None
    assert value(tier, key + "x") == b"other"


@pytest.mark.parametrize("kind", ["k" * 65, "a\0b", "a"])
def test_kinds_do_not_meet(tier: DiskTier, kind: str) -> None:
    put(tier, "key", b"mine", kind=kind)
    put(tier, "key", b"longer", kind=kind + "b")
    assert asyncio.run(tier.delete_kind(kind)) == 1
    assert value(tier, "key", kind) is None
    assert value(tier, "key", kind + "b") == b"longer"


def test_it_is_there_after_opening_again(tier: DiskTier, tmp_path: Path, clock: Clock) -> None:
    put(tier, "a", b"kept")
    asyncio.run(tier.close())
    again = DiskTier(tmp_path / "cache", CAP, clock=clock)
    assert value(again, "a") == b"kept"
    assert not again.stats()["warnings"]
    asyncio.run(again.close())


def test_a_value_that_was_altered_is_a_miss(tier: DiskTier) -> None:
    put(tier, "a", b"x" * 100)
    tier.flush()
    environment = tier._maintenance.environment
    assert environment is not None
    key = entry_codec.entry_key("title", "a")
    with environment.read() as txn:
        stored = bytes(txn.raw.get(key, db=txn.dbs.entries) or b"")
    for place in range(len(stored)):
        for bit in (1, 128):
            altered = bytearray(stored)
            altered[place] ^= bit
            environment.write(lambda txn, d=bytes(altered): txn.raw.put(key, d, db=txn.dbs.entries))
            assert asyncio.run(tier.get("title", "a")) is None, place
    for size in range(len(stored)):
        environment.write(lambda txn, n=size: txn.raw.put(key, stored[:n], db=txn.dbs.entries))
        assert asyncio.run(tier.get("title", "a")) is None
    put(tier, "a", b"anew")
    assert value(tier, "a") == b"anew"


def test_an_unknown_version_is_a_miss(tier: DiskTier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_codec, "_VERSION", 2)
    put(tier, "a")
    tier.flush()
    monkeypatch.undo()
    assert value(tier, "a") is None


# -- expiry and bounds --------------------------------------------------------------------


def test_expired_entries_are_not_found_and_then_removed(tier: DiskTier, clock: Clock) -> None:
    put(tier, "a", fresh_s=10.0, stale_s=20.0)
    put(tier, "b", fresh_s=10.0, stale_s=200.0)
    clock.now += 29.9
    assert value(tier, "a") == b"v"  # stale, which is for the caller to judge
    clock.now += 0.2
    assert asyncio.run(tier.get("title", "a")) is None
    until(lambda: tier.stats()["entries"] == 1)
    assert value(tier, "b") == b"v"
    assert tier.stats()["evictions"] == {"expired": 1}


def test_a_longer_life_replaces_a_shorter_one(tier: DiskTier, clock: Clock) -> None:
    put(tier, "a", b"old", fresh_s=5.0, stale_s=0.0)
    put(tier, "a", b"new", fresh_s=500.0)
    tier.flush()
    clock.now += 100.0
    time.sleep(0.1)  # several sweeps
    assert value(tier, "a") == b"new"


def test_it_grows_to_its_cap_and_evicts_the_soonest_to_expire(
    tier: DiskTier, tmp_path: Path
) -> None:
    for number in range(3_000):  # 9 MB, of which each takes two pages, into 8
        put(tier, f"{number}", os.urandom(3_000), fresh_s=100.0 + number)
        if not number % 200:
            tier.flush()
    tier.flush()
    stats = tier.stats()
    assert stats["bytes"] <= 0.8 * CAP
    assert stats["bytes"] > 0.6 * CAP
    assert (tmp_path / "cache" / DATA_NAME).stat().st_size <= CAP
    assert set(stats["evictions"]) == {"capacity"}
    assert not stats["failed"]
    left = [n for n in range(3_000) if value(tier, str(n)) is not None]
    assert left == list(range(left[0], 3_000))  # those that last longest


@pytest.mark.parametrize("size", [100, 2_000, 30_000, 60_000])
def test_random_sizes_never_overfill_it(tmp_path: Path, size: int) -> None:
    tier = DiskTier(tmp_path, MIN_BYTES, sweep_s=0.01)
    rng, kept = random.Random(size), {}

    async def fill() -> None:
        now = time.time()
        for number in range(600):
            key = str(rng.randrange(150))
            kept[key] = rng.randbytes(rng.randrange(size))
            made = entry(
                kept[key], at=now, fresh_s=rng.uniform(10, 1_000), tags=("t",) * (number % 2)
            )
            await tier.put("title", key, made, tier.token())
            if not number % 50:
                await asyncio.to_thread(tier.flush)

    asyncio.run(fill())
    tier.flush()
    found = {key: got for key in kept if (got := value(tier, key)) is not None}
    assert found
    stats = tier.stats()
    assert all(kept[key] == got for key, got in found.items())
    assert set(stats["dropped"]) <= {"too_large"}
    assert not stats["cooldown"]
    assert stats["bytes"] <= MIN_BYTES
    assert asyncio.run(tier.delete_tag("t")) >= 0
    asyncio.run(tier.clear())
    assert tier.stats()["entries"] == 0
    asyncio.run(tier.close())


def test_a_queue_that_is_full_drops_and_counts(
    tier: DiskTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_BYTES", 10_000)
    begun, go_on = threading.Event(), threading.Event()
    tier._maintenance.writer.submit(lambda _: begun.set() or go_on.wait(30))  # the writer waits
    assert begun.wait(30)
    for number in range(100):
        put(tier, str(number), b"x" * 1_000)
    assert tier.stats()["dropped"]["queue_full"] >= 80
    assert tier._maintenance.writer._state.size <= 10_000
    go_on.set()
    put(tier, "later")
    assert value(tier, "later") == b"v"


def test_caps_below_the_smallest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected at least"):
        DiskTier(tmp_path, MIN_BYTES - 1)


def test_a_value_too_large_for_the_cap_is_dropped(tier: DiskTier) -> None:
    put(tier, "a", bytes(CAP // 32))
    assert value(tier, "a") is None
    assert tier.stats()["dropped"] == {"too_large": 1}


# -- invalidation -------------------------------------------------------------------------


def test_invalidation_by_key_kind_tag_and_of_everything(tier: DiskTier) -> None:
    def fill() -> None:
        for number in range(1_200):
            put(tier, str(number), tags=("even",) if number % 2 == 0 else ("odd", "both"))
        put(tier, "0", b"s", kind="search", tags=("even",))
        tier.flush()

    fill()
    assert asyncio.run(tier.delete("title", ["0", "1", "none"])) == 2
    assert value(tier, "0") is None
    assert value(tier, "0", "search") == b"s"
    assert asyncio.run(tier.delete_tag("even")) == 600  # 599 titles and the search
    assert value(tier, "0", "search") is None
    assert tier.stats()["entries"] == 599
    assert asyncio.run(tier.delete_tag("even")) == 0
    assert asyncio.run(tier.delete_kind("title")) == 599
    fill()
    asyncio.run(tier.clear())
    assert tier.stats()["entries"] == 0
    assert value(tier, "5") is None
    put(tier, "5", b"after")
    assert value(tier, "5") == b"after"


def test_indexes_hold_nothing_that_entries_do_not(tier: DiskTier) -> None:
    for number in range(300):
        put(
            tier,
            str(number % 100),
            fresh_s=50.0 + number,
            tags=(f"t{number % 7}", f"u{number % 3}"),
        )
    asyncio.run(tier.delete_tag("t3"))
    asyncio.run(tier.delete("title", ["1", "2"]))
    environment = tier._maintenance.environment
    assert environment is not None
    with environment.read() as txn:
        entries, expiry = (txn.raw.stat(d)["entries"] for d in (txn.dbs.entries, txn.dbs.expiry))
        tags = txn.raw.stat(txn.dbs.tags)["entries"]
    assert entries == expiry
    assert tags == 2 * entries
    asyncio.run(tier.delete_kind("title"))
    with environment.read() as txn:
        assert [txn.raw.stat(d)["entries"] for d in txn.dbs[1:4]] == [0, 0, 0]


@pytest.mark.parametrize("how", ["key", "kind", "tag", "all"])
@pytest.mark.parametrize("other", [False, True])
def test_a_load_that_started_before_puts_nothing_back(
    tier: DiskTier, tmp_path: Path, clock: Clock, how: str, other: bool
) -> None:
    by = DiskTier(tmp_path / "cache", CAP, clock=clock) if other else tier
    token = tier.token()
    calls = {
        "key": lambda: by.delete("title", ["a"]),
        "kind": lambda: by.delete_kind("title"),
        "tag": lambda: by.delete_tag("t"),
        "all": by.clear,
    }
    asyncio.run(calls[how]())
    asyncio.run(tier.put("title", "a", entry(b"old", tags=("t",)), token))
    asyncio.run(tier.put("search", "b", entry(b"not meant"), token))
    assert value(tier, "a") is None
    assert value(tier, "b", "search") == (None if how == "all" else b"not meant")
    put(tier, "a", b"new")
    assert value(tier, "a") == b"new"
    if other:
        asyncio.run(by.close())


def test_a_token_from_long_ago_is_not_trusted(tier: DiskTier) -> None:
    token = tier.token()
    for _ in range(3):
        asyncio.run(tier.delete("title", map(str, range(200_000))))
    asyncio.run(tier.put("title", "never named", entry(b"old"), token))
    assert value(tier, "never named") is None


def test_other_handles_are_notified(tier: DiskTier, tmp_path: Path, clock: Clock) -> None:
    other = DiskTier(tmp_path / "cache", CAP, clock=clock, poll_s=0.01)
    received: list[Invalidation] = []
    own: list[Invalidation] = []
    other.on_invalidation(received.append)
    tier.on_invalidation(own.append)
    asyncio.run(tier.delete("title", ["a", "b"]))
    asyncio.run(tier.delete_kind("search"))
    asyncio.run(tier.delete_tag("x"))
    until(lambda: len(received) == 3)
    assert [t.scope for t in received] == ["key", "kind", "tag"]
    assert received[0].keys == ("a", "b")
    asyncio.run(tier.clear())
    until(lambda: received[-1].scope == "all")
    assert not own
    asyncio.run(other.close())


# -- processes ----------------------------------------------------------------------------


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    head = "import asyncio, os, sys, time\nfrom tv5core.cache.disk.tier import DiskTier\n" + HEAD
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


HEAD = """
from tv5core.cache.entry import Entry
def entry(value, tags=()):
    now = time.time()
    return Entry(value, now, now + 60, now + 120, tags, 0.0, False)
"""


def test_processes_share_it(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, CAP, poll_s=0.01)
    child = python(
        """
        async def main():
            tier = DiskTier(sys.argv[1], 4 * int(sys.argv[2]))
            await tier.put("title", "a", entry(b"child's", ("t",)), tier.token())
            for number in range(3000):
                await tier.put("big", str(number), entry(os.urandom(3000)), tier.token())
            tier.flush()
            print("ready", flush=True)
            sys.stdin.readline()
            await tier.delete_tag("t")
            await tier.close()
        asyncio.run(main())
        """,
        tmp_path,
        CAP,
    )
    assert child.stdout is not None
    received: list[Invalidation] = []
    tier.on_invalidation(received.append)
    assert child.stdout.readline() == "ready\n"
    assert value(tier, "a") == b"child's"  # though the child made the map larger
    # (this handle evicts what exceeds its own cap without an invalidation)
    _, errors = child.communicate("go\n", timeout=30)
    assert child.returncode == 0, errors
    assert value(tier, "a") is None
    until(lambda: any(t.tag == "t" for t in received))
    asyncio.run(tier.close())


def test_a_forked_child_and_the_parent_both_use_it(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, CAP)
    now = time.time()
    put(tier, "a", b"parent's", at=now)
    tier.flush()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            assert value(tier, "a") == b"parent's"
            put(tier, "b", b"child's", at=now)
            assert value(tier, "b") == b"child's"
            asyncio.run(tier.close())
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert value(tier, "b") == b"child's"
    put(tier, "c", b"later", at=now)
    assert value(tier, "c") == b"later"
    asyncio.run(tier.close())


def test_threads_read_while_it_is_written(tier: DiskTier) -> None:
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            for key in "abcd":
                found = asyncio.run(tier.get("title", key))
                if found is not None and found.value[:1] != key.encode():
                    wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(400):
        for key in "abcd":
            put(tier, key, key.encode() * (1 + 13 * (number % 50)))
    tier.flush()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_handles_of_one_folder_share_its_environment(tier: DiskTier, tmp_path: Path) -> None:
    put(tier, "a")
    tier.flush()
    other = DiskTier(tmp_path / "cache" / ".." / "cache", 2 * CAP)
    assert isinstance(other._maintenance.environment, Environment)
    assert other._maintenance.environment is tier._maintenance.environment
    asyncio.run(other.close())
    assert value(tier, "a") == b"v"


def test_a_closed_tier_finds_nothing_and_raises_nothing(tier: DiskTier) -> None:
    put(tier, "a")
    asyncio.run(tier.close())
    asyncio.run(tier.close())
    put(tier, "b")
    assert value(tier, "a") is None
    assert asyncio.run(tier.delete("title", ["a"])) == 0
    assert asyncio.run(tier.acquire_lease("title", "a", b"me", 1.0))
