"""Fetching what a plan lists and storing it, batch by batch, so that it can be cut off anywhere.

Workers fetch side by side; a batch of titles is stored with the mark that says so in one
transaction, on a thread of its own, while the next is fetched. Where storing is slower the
workers wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec

from tv5core.errors import UpstreamError
from tv5core.types import Title
from tv5core.upstream.fetching.call_options import Limits
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.bulk_retry import HOPELESS, Patience
from tv5core.upstream.sync.checkpoint import Mark
from tv5core.upstream.sync.plan import Plan
from tv5core.upstream.sync.report import Failure, SyncProgress, SyncReport, failure_of

__all__ = ["BATCH_TITLES", "Invalidate", "Options", "Sink", "TitleSource", "run_plan"]

BATCH_TITLES = 100
"""Titles stored at a time; a crash costs at most these and those on their way."""
_BATCH_S = 2.0
_DEADLINE_S = 120.0

Invalidate = Callable[[Sequence[str]], None]
"""Told, on the storing thread, which ids of the catalogue were stored anew."""


class Added(Protocol):
    """What an addition did."""

    added: int
    updated: int
    unchanged: int


class Sink(Protocol):
    """What a sync needs of a catalogue; called from one thread at a time, and may block."""

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> Any:
        """Store titles and a checkpoint in one transaction; tell :class:`Added`."""
        ...

    def checkpoint(self, key: str) -> bytes | None:
        """Return the checkpoint stored under a key."""
        ...

    def find(self, alias: str) -> tuple[str, ...]:
        """Ids of the titles that carry an alias such as ``tmdb:movie:603``."""
        ...


class TitleSource(Protocol):
    """Where titles come from."""

    async def title(self, id: str, *, priority: Priority, deadline_s: float) -> Title:
        """Fetch one title."""
        ...


class Options(msgspec.Struct, frozen=True):
    """How a sync goes about it.

    Attributes
    ----------
    priority : Priority
        Class of the requests.
    concurrency : int
        Titles on their way at a time.
    patience_s : float
        How long the provider may be out of reach before the sync gives up, in seconds.
    progress : callable or None
        Told of every title.
    invalidate : callable or None
        Told which ids of the catalogue were stored anew, after each batch.
    """

    priority: Priority = Priority.BULK
    concurrency: int = 32
    patience_s: float = 300.0
    progress: SyncProgress | None = None
    invalidate: Invalidate | None = None


async def run_plan(
    source: TitleSource, sink: Sink, plan: Plan, reach: int, mark: Mark, key: str, options: Options
) -> SyncReport:
    """Fetch and store the first ``reach`` titles of a plan, but for those the mark has settled.

    What stops it (a wrong key, a full disk, being cancelled) stops it after what was fetched is
    stored.
    """
    run = _Run(source, sink, plan, reach, mark, key, options)
    started = time.monotonic()
    try:
        await run.all()
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
        reach: int,
        mark: Mark,
        key: str,
        options: Options,
    ) -> None:
        self._source, self._sink, self._plan, self._key = source, sink, plan, key
        self._mark, self._options = mark, options
        self._places: Iterator[int] = iter(())
        self._reach = reach
        self._thread = ThreadPoolExecutor(1, "tv5-sync")
        self._storing = asyncio.Lock()
        self._batch: list[tuple[int, Title | Failure]] = []
        # What the mark says is stored but is not yet.
        self._unstored: tuple[list[Title], bytes] | None = None
        self._broken = False
        self._batch_began = time.monotonic()
        self._patience = Patience(options.patience_s)
        known = {plan[place]: f for place, f in mark.failures.items() if place < reach}
        self.report = SyncReport(
            planned=reach,
            earlier=mark.count(reach) - len(known),
            failures=known,
            adult=plan.adult,
            malformed=plan.malformed,
        )

    async def all(self) -> None:
        """Fetch what is left; then once more what failed for the moment."""
        if self._options.invalidate and self._mark.recent:
            # A crash may have come between the last batch and telling of it.
            await self._in_thread(self._tell, self._mark.recent)
        self._mark.finished = False
        await self._pass(self._mark.left(self._reach))
        failed = [p for p, f in self._mark.failures.items() if not f.lasting and p < self._reach]
        await self._pass(iter(sorted(failed)))
        self._mark.finished, self._mark.recent = True, []
        self._unstored = [], self._mark.encoded()
        await self._in_thread(self._put)

    async def _pass(self, places: Iterator[int]) -> None:
        self._places = places
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._options.concurrency):
                    group.create_task(self._work())
        except BaseExceptionGroup as several:
            raise _first(several) from None
        await self._commit()

    def close(self) -> None:
        """Store what was fetched, whatever ended the run."""
        self._thread.shutdown(wait=True)
        if self._broken:
            return
        if self._unstored is not None:
            self._put()
        if self._batch:
            self._unstored = self._taken(self._batch)
            self._batch = []
            self._put()

    async def _work(self) -> None:
        for place in self._places:
            outcome = await self._fetch(self._plan[place])
            self._batch.append((place, outcome))
            self._count(outcome)
            if len(self._batch) >= BATCH_TITLES or self._is_due():
                await self._commit()

    def _is_due(self) -> bool:
        return time.monotonic() - self._batch_began >= _BATCH_S and not self._storing.locked()

    def _count(self, outcome: Title | Failure) -> None:
        if isinstance(outcome, Failure):
            self.report.failures[outcome.id] = outcome
        else:
            self.report.fetched += 1
            self.report.failures.pop(outcome.id, None)
        if self._options.progress:
            self._options.progress(self.report)

    # -- fetching -----------------------------------------------------------------------------

    async def _fetch(self, id: str) -> Title | Failure:
        """Fetch a title, a few times where another try may help."""
        limits: Limits = {"priority": self._options.priority, "deadline_s": _DEADLINE_S}
        try:
            return await self._patience.ask(lambda: self._source.title(id, **limits))
        except HOPELESS:
            raise
        except UpstreamError as error:
            return failure_of(id, error)

    # -- storing ------------------------------------------------------------------------------

    async def _commit(self) -> None:
        async with self._storing:
            batch, self._batch = self._batch, []
            self._batch_began = time.monotonic()
            if batch:
                self._unstored = self._taken(batch)
                await self._in_thread(self._put)

    def _taken(self, batch: list[tuple[int, Title | Failure]]) -> tuple[list[Title], bytes]:
        """Return the titles of a batch, and the mark that says they are stored."""
        mark, titles = self._mark, dict[str, Title]()
        for place, outcome in batch:
            if isinstance(outcome, Failure):
                mark.failures[place] = outcome
            else:
                mark.failures.pop(place, None)
                titles[outcome.id] = outcome
        mark.settle(place for place, _ in batch)
        mark.recent = list(titles) if self._options.invalidate else []
        return list(titles.values()), mark.encoded()

    def _put(self) -> None:
        """Store what is to be stored; runs on the storing thread."""
        titles, mark = self._unstored or ([], b"")
        self._broken = True
        done: Added = self._sink.add(titles, embed=False, checkpoint=(self._key, mark))
        self._unstored, self._broken = None, False
        self.report.added += done.added
        self.report.updated += done.updated
        self.report.unchanged += done.unchanged
        self._tell([title.id for title in titles])

    def _tell(self, ids: Sequence[str]) -> None:
        if self._options.invalidate and ids:
            self._options.invalidate(stored_ids(self._sink, ids))

    async def _in_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


def stored_ids(sink: Sink, ids: Sequence[str]) -> list[str]:
    """Ids under which a catalogue has titles: those it had before may have another."""
    found = (sink.find(name) or (name,) for name in ids)
    return list(dict.fromkeys(name for some in found for name in some))


def _first(several: BaseExceptionGroup[Any]) -> BaseException:
    """Return the error that ended a run, out of those of all workers."""
    found = several.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
