"""Exceptions that no code expects, in the thread that writes: what it knows stays true."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cache.made import Clock, entry
from tv5core.cache.disk import invalidation_log
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Invalidation

CAP = 8 << 20


@pytest.fixture
def tier(tmp_path: Path, clock: Clock) -> Iterator[DiskTier]:
    tier = DiskTier(tmp_path / "cache", CAP, clock=clock, poll_s=0.01)
    yield tier
    asyncio.run(tier.close())


def put(tier: DiskTier, key: str, value: bytes = b"v") -> None:
    asyncio.run(tier.put("title", key, entry(value)))
    assert tier.flush()


def value(tier: DiskTier, key: str) -> bytes | None:
    found = asyncio.run(tier.get("title", key))
    return None if found is None else found.value


def until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + 15
    while not done():
        assert time.monotonic() < ends, "expected it to happen"
        time.sleep(0.005)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_commit_loses_no_invalidation(
    tier: DiskTier, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], when: str
) -> None:
    put(tier, "a", b"old")
    environment = tier._maintenance.environment
    assert environment is not None
    real, left = environment.write, [error]

    def write(work: Any) -> Any:
        done = None if left and when == "before" else real(work)
        if left:
            raise left.pop()
        return done

    monkeypatch.setattr(environment, "write", write)
    asyncio.run(tier.delete("title", ["a"]))
    assert value(tier, "a") is None
    put(tier, "b")
    until(lambda: not tier.stats()["cooldown"] or value(tier, "b") is not None)
    assert threading.active_count() > 1
    assert asyncio.run(tier.acquire_lease("title", "a", b"me", 5.0))
    assert not asyncio.run(tier.acquire_lease("title", "a", b"you", 5.0))


def test_a_listener_that_ends_the_program_does_not_end_the_writer(
    tier: DiskTier, tmp_path: Path, clock: Clock
) -> None:
    def bad(_: Invalidation) -> None:
        raise SystemExit

    received: list[Invalidation] = []
    tier.on_invalidation(bad)
    tier.on_invalidation(received.append)
    other = DiskTier(tmp_path / "cache", CAP, clock=clock)
    for _ in range(3):
        asyncio.run(other.delete("title", ["a"]))
        seen = len(received)
        until(lambda seen=seen: len(received) > seen - 1 and bool(received))  # type: ignore[misc]
    until(lambda: len(received) == 3)
    put(tier, "a")
    assert value(tier, "a") == b"v"
    asyncio.run(other.close())


def test_a_failed_look_at_the_log_misses_nothing(
    tier: DiskTier, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Invalidation] = []
    tier.on_invalidation(received.append)
    real, left = invalidation_log.after, [OSError, KeyboardInterrupt]
    failing = tier._maintenance.writer

    def after(*of: Any) -> Any:
        if left and threading.current_thread() is failing._state.thread:
            raise left.pop()
        return real(*of)

    monkeypatch.setattr(invalidation_log, "after", after)
    other = DiskTier(tmp_path / "cache", CAP, clock=clock)
    asyncio.run(other.delete("title", ["a"]))
    until(lambda: bool(received))
    assert received[0].keys == ("a",)
    assert not left
    asyncio.run(other.close())


def test_what_was_invalidated_while_the_folder_was_unusable_is_doubted(
    tmp_path: Path, clock: Clock
) -> None:
    folder = tmp_path / "cache"
    folder.write_text("a file where the folder should be")
    tier = DiskTier(folder, CAP, clock=clock, poll_s=0.01)
    received: list[Invalidation] = []
    tier.on_invalidation(received.append)
    assert "expected a folder" in tier.stats()["reason"]
    folder.unlink()
    until(lambda: not tier.stats()["reason"])
    assert [what.scope for what in received] == ["all"]
    asyncio.run(tier.close())


def test_an_interrupt_while_the_thread_starts_is_made_up_for(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tier = DiskTier(tmp_path / "cache", CAP, clock=clock, poll_s=0.01)
    writer = tier._maintenance.writer
    writer.close()
    writer._state = type(writer._state)()  # as after a fork: no thread yet
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(tier.put("title", "a", entry(b"v")))
    put(tier, "b")
    assert value(tier, "b") == b"v"
    names = [thread for thread in threading.enumerate() if thread.name == "tv5-cache"]
    assert writer._state.thread in names
    asyncio.run(tier.close())
