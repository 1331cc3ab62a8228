"""A run of a plan: every title is stored or reported, once, wherever the run is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.upstream.sync.memory_sink import MemorySink
from tv5core.errors import (
    BreakerOpenError,
    CredentialsError,
    DeadlineError,
    DiskFullError,
    MalformedResponseError,
    RateLimitedError,
    TitleNotFoundError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.types import Title
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.checkpoint import Checkpoint, decode_checkpoint
from tv5core.upstream.sync.options import SyncSettings
from tv5core.upstream.sync.plan import Plan, plan_from_ids
from tv5core.upstream.sync.report import Failure, SyncReport
from tv5core.upstream.sync.run import BATCH_TITLES, run_plan


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
    checkpoint = decode_checkpoint(sink.checkpoint("k")) or Checkpoint(plan=plan.digest)
    everything = len(plan) if reach is None else reach
    return await run_plan(source, sink, plan, everything, checkpoint, "k", SyncSettings(**options))


def checkpoint_of(sink: MemorySink) -> Checkpoint:
    checkpoint = decode_checkpoint(sink.checkpoints["k"])
    assert checkpoint is not None
    return checkpoint


async def test_everything_is_stored_once_in_batches() -> None:
    sink, source = MemorySink(), Source()
    report = await run(sink, source, plan_of(1_234))
    assert (report.planned, report.fetched, report.added, report.settled) == (1_234,) * 4
    assert len(sink.titles) == 1_234
    assert set(source.asked.values()) == {1}
    assert source.priorities == {Priority.BULK}
    assert source.max_open <= 32
    assert max(sink.sizes) <= BATCH_TITLES + 32
    assert checkpoint_of(sink).finished
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


async def test_failures_are_retried_and_then_reported() -> None:
    def trouble(id: str, time: int) -> UpstreamError | None:
        number = int(id.split(":")[2])
        if number % 10 == 0:
            return TitleNotFoundError(f"{id}: gone")
        if number % 10 == 1:
            return UnreachableError("reset") if time < 2 else None
        if number % 10 == 3:
            return MalformedResponseError("cut") if time < 3 else None
        return DeadlineError("slow") if number % 10 == 2 else None

    sink, source = MemorySink(), Source(trouble)
    report = await run(sink, source, plan_of(100))
    assert report.errors == {"not found": 10, "timed out": 10}
    assert report.settled == report.planned
    assert len(sink.titles) == 80
    assert {f.id for f in report.failures.values()}.isdisjoint(sink.titles)
    assert report.failures["tmdb:movie:10"] == Failure(
        "tmdb:movie:10", "not found", "tmdb:movie:10: gone", permanent=True
    )
    assert source.asked["tmdb:movie:10"] == 1, "what is gone is not asked for again"
    assert source.asked["tmdb:movie:2"] == 2, "what failed for the moment gets a second round"


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


async def test_a_larger_limit_continues_from_there() -> None:
    sink, source = MemorySink(), Source()
    await run(sink, source, plan_of(500), 150)
    assert len(sink.titles) == 150
    report = await run(sink, source, plan_of(500), 400)
    assert (report.planned, report.earlier, report.fetched) == (400, 150, 250)
    assert set(source.asked.values()) == {1}


@pytest.mark.parametrize("seed", range(5))
async def test_interrupted_anywhere_it_resumes(seed: int) -> None:
    draw = random.Random(seed)
    sink, source, plan = MemorySink(), Source(), plan_of(700)
    invalidated: list[str] = []
    for _ in range(12):
        task = asyncio.create_task(run(sink, source, plan, invalidate=invalidated.extend))
        await asyncio.sleep(draw.uniform(0, 0.02))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await run(sink, source, plan, invalidate=invalidated.extend)
    assert len(sink.titles) == 700
    assert sum(sink.sizes) == 700, "nothing is stored twice"
    assert set(invalidated) == set(sink.titles)
    # A cancelled run loses what is on its way, 32 titles, and stores all that had come.
    assert sum(source.asked.values()) <= 700 + 12 * 32


async def test_a_full_disk_ends_it_and_loses_nothing() -> None:
    sink, source = MemorySink(), Source()
    sink.fail_at = 2
    with pytest.raises(DiskFullError, match="expected room"):
        await run(sink, source, plan_of(600))
    stored = len(sink.titles)
    assert checkpoint_of(sink).count(600) == stored > 0
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


@pytest.mark.parametrize(
    "error",
    [
        UpstreamStatusError(500),
        MalformedResponseError("x"),
        DeadlineError("x"),
        UnreachableError("x"),
        TitleNotFoundError("x"),
        CredentialsError("x"),
    ],
)
async def test_titles_that_always_fail_do_not_hold_the_others(error: UpstreamError) -> None:
    bad = {f"tmdb:movie:{n}" for n in (5, 500, 1_000)}
    sink, source = MemorySink(), Source(lambda name, _: error if name in bad else None)
    for run_number in range(2):
        report = await run(sink, source, plan_of(1_000))
        assert report.failures.keys() == bad
        assert report.fetched == 997 * (run_number == 0)
        assert not report.all_failed
        if isinstance(error, CredentialsError):
            break  # nothing else shows that the key is good the second time
    assert len(sink.titles) == 997
    assert checkpoint_of(sink).finished
    good = Source()
    permanent = isinstance(error, TitleNotFoundError)
    assert (await run(sink, good, plan_of(1_000))).fetched == 3 * (not permanent)


async def test_only_titles_that_failed_before_are_left_and_open_the_breaker() -> None:
    bad = {f"tmdb:movie:{n}" for n in range(1, 51)}
    sink = MemorySink()
    source = Source(lambda name, _: UpstreamStatusError(500) if name in bad else None)
    await run(sink, source, plan_of(100))

    def trouble(name: str, time: int) -> UpstreamError:
        return UpstreamStatusError(500) if len(source.asked) < 10 else BreakerOpenError("x", 0.01)

    source = Source(trouble)
    started = time.monotonic()
    report = await run(sink, source, plan_of(100), max_outage_s=0.2)
    assert time.monotonic() - started < 20.0
    assert (report.failures.keys(), report.earlier) == (bad, 50)
    assert checkpoint_of(sink).finished


async def test_one_that_is_always_rate_limited_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tv5core.upstream.sync.bulk_retry._MAX_RATE_LIMITED_S", 0.1)
    bad = {"tmdb:movie:7"}
    source = Source(lambda name, _: RateLimitedError("x", 0.01) if name in bad else None)
    report = await run(MemorySink(), source, plan_of(50))
    assert (report.failures.keys(), report.errors) == (bad, {"rate limited": 1})


async def test_when_all_fail_the_report_says_so() -> None:
    source = Source(lambda *_: UpstreamStatusError(500))
    report = await run(sink := MemorySink(), source, plan_of(20))
    assert report.all_failed
    assert len(report.failures) == 20
    assert not (await run(sink, Source(), plan_of(20))).all_failed


async def test_a_key_that_is_revoked_ends_it() -> None:
    good = {f"tmdb:movie:{n}" for n in range(1, 101)}
    source = Source(lambda name, _: None if name in good else CredentialsError("no"))
    with pytest.raises(CredentialsError):
        await run(sink := MemorySink(), source, plan_of(5_000))
    assert set(sink.titles) == good
    assert sum(source.asked.values()) < 200


async def test_patience_ends() -> None:
    sink = MemorySink()

    first = {f"tmdb:movie:{n}" for n in range(1, 21)}
    source = Source(lambda name, _: None if name in first else BreakerOpenError("open", 0.01))
    with pytest.raises(BreakerOpenError):
        await run(sink, source, plan_of(50), max_outage_s=0.1)
    assert set(sink.titles) == first, "what had come is stored"


async def test_a_crash_before_telling_tells_again() -> None:
    sink = MemorySink()

    def crash(ids: Sequence[str]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(sink, Source(), plan_of(10), invalidate=crash)
    invalidated: list[str] = []
    await run(sink, Source(), plan_of(10), invalidate=invalidated.extend)
    assert sorted(invalidated) == sorted(sink.titles)
