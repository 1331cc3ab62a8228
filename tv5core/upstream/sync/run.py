"""Fetches and stores the titles of a plan, batch by batch, so that it can stop at any moment.

Workers fetch concurrently. Each batch of titles is stored in one transaction with the checkpoint
that counts it, on a thread of its own, while the next batch is fetched. Where storing is slower,
the workers wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from tv5core.errors import UpstreamError
from tv5core.types import Title
from tv5core.upstream.fetching.call_options import CallOptions
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.bulk_retry import BulkRetry
from tv5core.upstream.sync.checkpoint import Checkpoint
from tv5core.upstream.sync.options import SyncSettings
from tv5core.upstream.sync.plan import Plan
from tv5core.upstream.sync.report import Failure, SyncReport, failure_of

__all__ = ["BATCH_TITLES", "Sink", "TitleSource", "run_plan"]

BATCH_TITLES = 100
"""Titles per batch; a crash loses at most one batch and the titles being fetched."""
_BATCH_S = 2.0
_DEADLINE_S = 120.0
_SECOND_OUTAGE_S = 15.0


class AddCounts(Protocol):
    """Titles by what an addition changed."""

    added: int
    updated: int
    unchanged: int


class Sink(Protocol):
    """What a sync needs of a catalogue; used by one thread at a time, and may block."""

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> Any:
        """Store titles and a checkpoint in one transaction; return :class:`AddCounts`."""
        ...

    def checkpoint(self, key: str) -> bytes | None:
        """Return the checkpoint stored under a key."""
        ...

    def find(self, alias: str) -> tuple[str, ...]:
        """Return the ids of the titles with an alias such as ``tmdb:movie:603``."""
        ...


class TitleSource(Protocol):
    """Where titles come from."""

    async def title(self, id: str, *, priority: Priority, deadline_s: float) -> Title:
        """Fetch one title."""
        ...


async def run_plan(
    source: TitleSource,
    sink: Sink,
    plan: Plan,
    end: int,
    checkpoint: Checkpoint,
    key: str,
    settings: SyncSettings,
) -> SyncReport:
    """Fetch and store the titles of a plan before position ``end`` that are not settled.

    Whatever ends it (a wrong key, a full disk, a cancellation), the titles fetched so far are
    stored first.

    Parameters
    ----------
    source : TitleSource
    sink : Sink
    plan : Plan
    end : int
    checkpoint : Checkpoint
        Progress of earlier runs of this plan.
    key : str
        Key of the checkpoint in the sink.
    settings : SyncSettings
    """
    run = _Run(source, sink, plan, end, checkpoint, key, settings)
    started = time.monotonic()
    try:
        await run.run()
    finally:
        run.close()
        run.report.seconds = time.monotonic() - started
    return run.report


class _Run:
    def __init__(
        self,
        source: TitleSource,
        sink: Sink,
        plan: Plan,
        end: int,
        checkpoint: Checkpoint,
        key: str,
        settings: SyncSettings,
    ) -> None:
        self._source, self._sink, self._plan, self._end = source, sink, plan, end
        self._checkpoint, self._key, self._settings = checkpoint, key, settings
        self._options: CallOptions = {"priority": settings.priority, "deadline_s": _DEADLINE_S}
        self._positions: Iterator[int] = iter(())
        self._thread = ThreadPoolExecutor(1, "tv5-sync")
        self._storing = asyncio.Lock()
        self._batch: list[tuple[int, Title | Failure]] = []
        # Titles that the checkpoint already counts but the sink does not hold yet.
        self._unstored: tuple[list[Title], bytes] | None = None
        self._is_broken = False
        self._batch_started = time.monotonic()
        self._retry = BulkRetry(settings.max_outage_s, attempts=1)
        self._is_second_round = False
        failures = {plan[p]: failure for p, failure in checkpoint.failures.items() if p < end}
        self.report = SyncReport(
            planned=end,
            earlier=checkpoint.count(end) - len(failures),
            failures=failures,
            adult=plan.adult,
            malformed=plan.malformed,
            omitted=Counter({"export": plan.omitted} if plan.omitted else {}),
        )

    async def run(self) -> None:
        """Fetch the remaining titles, then those with transient failures, of earlier runs too."""
        checkpoint = self._checkpoint
        if self._settings.invalidate and checkpoint.last_batch:
            # A crash may have come between the last batch and its invalidation.
            await self._in_thread(self._invalidate, checkpoint.last_batch)
        checkpoint.finished = False
        await self._fetch_all(checkpoint.remaining(self._end))
        self._retry = self._second_retry()
        self._is_second_round = True
        await self._fetch_all(iter(checkpoint.transient_failures(self._end)))
        checkpoint.finished, checkpoint.last_batch = True, []
        self._unstored = [], checkpoint.encode()
        await self._in_thread(self._store)

    def close(self) -> None:
        """Store the titles fetched so far, whatever ended the run."""
        self._thread.shutdown(wait=True)
        if self._is_broken:
            return
        if self._unstored is not None:
            self._store()
        if self._batch:
            self._unstored = self._count_batch(self._batch)
            self._batch = []
            self._store()

    # -- fetching -----------------------------------------------------------------------------

    async def _fetch_all(self, positions: Iterator[int]) -> None:
        self._positions = positions
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.concurrency):
                    group.create_task(self._work())
        except BaseExceptionGroup as several:
            raise _first(several) from None
        await self._commit()

    async def _work(self) -> None:
        for position in self._positions:
            with record_omissions() as omitted:
                outcome = await self._fetch(position)
            self.report.omitted.update(omitted)
            self._batch.append((position, outcome))
            self._report(outcome)
            if len(self._batch) >= BATCH_TITLES or self._is_due():
                await self._commit()

    def _is_due(self) -> bool:
        return time.monotonic() - self._batch_started >= _BATCH_S and not self._storing.locked()

    async def _fetch(self, position: int) -> Title | Failure:
        """Fetch a title; one that fails alone must not hold up or end the run."""
        name, options = self._plan[position], self._options
        try:
            return await self._retry.call(lambda: self._source.title(name, **options))
        except UpstreamError as error:
            if not self._retry.concerns_all(error):
                return failure_of(name, error)
            if self._is_second_round:
                # Perhaps these titles are what the circuit breaker opened for.
                return self._checkpoint.failures[position]
            raise

    def _second_retry(self) -> BulkRetry:
        """Return shorter retries: an outage now concerns only titles that have failed before."""
        return BulkRetry(min(self._settings.max_outage_s, _SECOND_OUTAGE_S), attempts=1)

    def _report(self, outcome: Title | Failure) -> None:
        if isinstance(outcome, Failure):
            self.report.failures[outcome.id] = outcome
        else:
            self.report.fetched += 1
            self.report.failures.pop(outcome.id, None)
        if self._settings.progress:
            self._settings.progress(self.report)

    # -- storing ------------------------------------------------------------------------------

    async def _commit(self) -> None:
        async with self._storing:
            batch, self._batch = self._batch, []
            self._batch_started = time.monotonic()
            if batch:
                self._unstored = self._count_batch(batch)
                await self._in_thread(self._store)

    def _count_batch(self, batch: list[tuple[int, Title | Failure]]) -> tuple[list[Title], bytes]:
        """Return the titles of a batch, and the checkpoint that counts them as stored."""
        checkpoint, titles = self._checkpoint, dict[str, Title]()
        for position, outcome in batch:
            if isinstance(outcome, Failure):
                checkpoint.failures[position] = outcome
            else:
                checkpoint.failures.pop(position, None)
                titles[outcome.id] = outcome
        checkpoint.settle(position for position, _ in batch)
        checkpoint.last_batch = list(titles) if self._settings.invalidate else []
        return list(titles.values()), checkpoint.encode()

    def _store(self) -> None:
        """Store the unstored titles; runs on the storing thread."""
        titles, checkpoint = self._unstored or ([], b"")
        self._is_broken = True
        counts: AddCounts = self._sink.add(titles, embed=False, checkpoint=(self._key, checkpoint))
        self._unstored, self._is_broken = None, False
        self.report.added += counts.added
        self.report.updated += counts.updated
        self.report.unchanged += counts.unchanged
        self._invalidate([title.id for title in titles])

    def _invalidate(self, ids: Sequence[str]) -> None:
        if self._settings.invalidate and ids:
            self._settings.invalidate(_stored_ids(self._sink, ids))

    async def _in_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


def _stored_ids(sink: Sink, ids: Sequence[str]) -> list[str]:
    """Return the ids under which a catalogue holds titles; it may know them by another id."""
    ids_of_each = (sink.find(each) or (each,) for each in ids)
    return list(dict.fromkeys(stored for several in ids_of_each for stored in several))


def _first(several: BaseExceptionGroup[Any]) -> BaseException:
    """Return the error that ended a run, out of those of all workers."""
    error = several.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
