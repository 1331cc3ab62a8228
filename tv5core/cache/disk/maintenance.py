"""Maintenance of the disk tier: opening, committing, following, evicting, recovering.

Everything but opening runs in the writer thread, and raises nothing.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import lmdb

from tv5core.cache.cooldown import Cooldown
from tv5core.cache.disk import entries, invalidation_log, leases
from tv5core.cache.disk.control_page import UnusableError
from tv5core.cache.disk.environment import Environment
from tv5core.cache.disk.eviction import Evictor
from tv5core.cache.disk.writer_thread import Job, WriterThread
from tv5core.cache.entry import Invalidation
from tv5core.cache.stats import Counters
from tv5core.lmdb_env.registry import Owner

__all__ = ["Maintenance"]

_EVERYTHING = Invalidation("all")
_ERRORS = (lmdb.Error, UnusableError, OSError)
_DAMAGE = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError)
_MAX_ATTEMPTS_WHEN_FULL = 5
_WARN_EVERY_S, _MAX_WARNINGS = 60.0, 20
_BATCHES_PER_CAP = 16
_LEASES_SWEPT, _LOG_TRIMMED = 200, 1_000

log = logging.getLogger("tv5core")


class Maintenance:
    """An environment that may be unavailable, its writer thread, and their state.

    Parameters
    ----------
    folder : Path
    cap_bytes : int
    clock : callable
        Unix seconds.
    poll_s, sweep_s : float
        How often to read other processes' invalidations, and to remove expired entries.

    Attributes
    ----------
    environment : Environment or None
        None while the folder is unusable.
    reads_disabled : bool
        Whether every read is a miss: an invalidation could not be stored anywhere.
    counters : Counters
    cooldown : Cooldown
    writer : WriterThread
    """

    def __init__(
        self,
        folder: Path,
        cap_bytes: int,
        clock: Callable[[], float],
        *,
        poll_s: float,
        sweep_s: float,
    ) -> None:
        self.folder, self.cap_bytes = folder, cap_bytes
        self.counters, self.cooldown = Counters(), Cooldown(time.monotonic)
        self.environment: Environment | None = None
        self._owner = Owner()
        self.origin = os.urandom(8)
        self.reads_disabled = False
        self.warnings: deque[str] = deque(maxlen=_MAX_WARNINGS)
        self._warned_at = -math.inf
        self._clock, self._sweep_s = clock, sweep_s
        self._listeners: list[Callable[[Invalidation], None]] = []
        self._swept_at = time.monotonic()
        self._last_seq, self._epoch, self._last_txn = 0, 0, -1
        self._must_empty = self._must_delete = self._damaged = False
        self._connect()
        self.writer = WriterThread(
            self._commit, self._idle, idle_s=poll_s, batch_bytes=cap_bytes // _BATCHES_PER_CAP
        )
        self.writer.start()

    @property
    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        return int(self._clock() * 1e3)

    def add_listener(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener, in the writer thread, for other handles' invalidations."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Commit what is queued, and release the environment."""
        self.writer.close()
        environment, self.environment = self.environment, None
        if environment is not None:
            environment.release(self._owner)

    # -- opening --------------------------------------------------------------------------

    def _connect(self) -> None:
        try:
            environment = Environment.acquire(self.folder, self.cap_bytes, self._owner)
        except (UnusableError, lmdb.Error, OSError) as error:
            self._failed(error)
            return
        self.warnings.extend(environment.warnings)
        try:
            if self._must_empty and not environment.renew_epoch():
                raise UnusableError(f"{self.folder}: expected to empty it, got a failed write")
            with environment.read() as txn:
                self._last_seq = invalidation_log.last_seq(txn)
        except _ERRORS as error:
            environment.release(self._owner)
            self._failed(error)
            return
        if self.cooldown.reason:  # what others invalidated meanwhile was not seen
            self._notify(_EVERYTHING)
        self._must_empty, self._epoch = False, environment.epoch
        self._evictor = Evictor(environment, self.cap_bytes, self._count_evicted)
        self.environment = environment
        self._succeeded()

    def _count_evicted(self, reason: str, count: int) -> None:
        self.counters.add(f"evicted.{reason}", count)

    def _failed(self, error: BaseException) -> None:
        if (
            self.cooldown.record_failure(str(error))
            and time.monotonic() - self._warned_at > _WARN_EVERY_S
        ):
            self._warned_at = time.monotonic()
            self.warnings.append(str(error))
            log.warning("cache %s: the disk is unavailable: %s", self.folder, error)

    def _succeeded(self) -> None:
        if self.cooldown.record_success():
            log.info("cache %s: the disk is available again", self.folder)

    def record_read_failure(self, error: BaseException) -> None:
        """Count a failed read; the writer thread replaces a damaged file."""
        self.counters.add("failed.read")
        self._damaged = self._damaged or isinstance(error, _DAMAGE)
        self._failed(error)

    # -- committing -----------------------------------------------------------------------

    def _commit(self, batch: list[Job]) -> None:
        environment = self.environment
        if environment is None:
            self._must_empty = self._must_empty or any(job.essential for job in batch)
            self._drop(batch, "unavailable")
            return
        try:
            self._write(environment, batch)
        except BaseException as error:  # noqa: BLE001 - the writer thread must not end
            self._retry_required(environment, [j for j in batch if not j.finished], error)
            return
        # Small writes succeed where values do not: an invalidation alone proves nothing.
        if any(job.future is None for job in batch):
            self._succeeded()
        self._run_step(self._evict_if_full)

    def _write(self, environment: Environment, batch: list[Job]) -> None:
        """Commit a batch; where the map is full, in halves, with evictions in between."""
        try:
            results = environment.write(lambda txn: [job.work(txn) for job in batch])
        except lmdb.MapFullError:
            if len(batch) == 1:
                self._write_into_full(environment, batch[0])
                return
            self._evictor.make_room(self.now_ms, batches=1)
            half = len(batch) // 2
            self._write(environment, batch[:half])
            self._write(environment, batch[half:])
        else:
            for job, result in zip(batch, results, strict=True):
                self._finish(job, result)

    def _write_into_full(self, environment: Environment, job: Job) -> None:
        for attempt in range(_MAX_ATTEMPTS_WHEN_FULL):
            self._evictor.make_room(self.now_ms, batches=1 << attempt)
            with suppress(lmdb.MapFullError):
                self._finish(job, environment.write(job.work))
                return
        if job.essential:
            self._empty_cache(environment)
        self._drop([job], "no_space")

    def _finish(self, job: Job, result: object) -> None:
        if isinstance(result, str):
            self.counters.add(result)
        job.finish(result)

    def _retry_required(
        self, environment: Environment, batch: list[Job], error: BaseException
    ) -> None:
        """Retry only what must be written: it takes little room."""
        self._failed(error)
        if isinstance(error, lmdb.PanicError):
            environment.reset()
        self._drop([job for job in batch if job.future is None], "write_failed")
        required = [job for job in batch if job.future is not None]
        try:
            if required:
                self._write(environment, required)
        except BaseException as again:  # noqa: BLE001
            required = [job for job in required if not job.finished]
            if any(job.essential for job in required):
                self._empty_cache(environment)
            self._drop(required, "write_failed")
            self._damaged = self._damaged or isinstance(again, _DAMAGE)

    def _empty_cache(self, environment: Environment) -> None:
        """Invalidate every entry, where one could not be invalidated."""
        self.reads_disabled = self._must_delete = True
        self.reads_disabled = not self.renew_epoch(environment)
        self.counters.add("emptied")

    def renew_epoch(self, environment: Environment) -> bool:
        """Draw a new epoch, without notifying this handle's own listeners."""
        renewed = environment.renew_epoch()
        self._epoch = environment.epoch
        return renewed

    def _drop(self, batch: list[Job], reason: str) -> None:
        for job in batch:
            self.counters.add(f"dropped.{reason}")
            job.finish(job.default)

    def _evict_if_full(self, environment: Environment) -> None:
        with environment.read() as txn:
            full = self._evictor.is_full(txn)
        if full:
            self._evictor.make_room(self.now_ms)

    # -- between batches ------------------------------------------------------------------

    def _idle(self) -> None:
        if self.environment is None:
            if not self.cooldown.active:
                self._connect()
            return
        if self._damaged:
            self._run_step(self._rebuild)
        if self.reads_disabled or self._must_delete:
            self._run_step(self._delete_entries)
        self._run_step(self._follow_log)
        if time.monotonic() - self._swept_at >= self._sweep_s:
            self._swept_at = time.monotonic()
            self._run_step(self._sweep)

    def _run_step(self, step: Callable[[Environment], None]) -> None:
        environment = self.environment
        if environment is not None:
            try:
                step(environment)
            except BaseException as error:  # noqa: BLE001 - the writer thread must not end
                self._failed(error)
                self.counters.add("failed.maintenance")

    def _rebuild(self, environment: Environment) -> None:
        self._damaged = False
        environment.rebuild("it is damaged")

    def _delete_entries(self, environment: Environment) -> None:
        if self.cooldown.active:
            return
        if self.reads_disabled:
            self.reads_disabled = not self.renew_epoch(environment)
        environment.write(entries.delete_all)
        self._must_delete = False
        self._succeeded()

    def _sweep(self, environment: Environment) -> None:
        now_ms = self.now_ms
        self._evictor.sweep(now_ms)
        with environment.read() as txn:
            due = leases.any_expired(txn, now_ms) or invalidation_log.surplus(txn) > 0
        if due:
            environment.write(
                lambda txn: (
                    leases.sweep(txn, now_ms, _LEASES_SWEPT),
                    invalidation_log.trim(txn, _LOG_TRIMMED),
                )
            )

    def _follow_log(self, environment: Environment) -> None:
        """Notify the listeners of other handles' invalidations.

        What is known is noted last: after a failure or an interrupt, they are notified again.
        """
        last, epoch = environment.last_transaction(), environment.epoch
        if epoch != self._epoch:
            self._notify(_EVERYTHING)
            self._epoch = epoch
        if last == self._last_txn:
            return
        with environment.read() as txn:
            found = invalidation_log.after(txn, self._last_seq)
            last_seq = invalidation_log.last_seq(txn)
        for one in [_EVERYTHING] if found is None else found:
            if one.origin != self.origin:
                self._notify(one)
        self._last_seq, self._last_txn = last_seq, last

    def _notify(self, invalidation: Invalidation) -> None:
        self.counters.add("received")
        for listener in self._listeners:
            try:
                listener(invalidation)
            except BaseException:
                log.exception("cache %s: a listener failed", self.folder)
