"""How the cache on disk is opened, written, followed and kept small; ``disk`` is what it offers.

Everything here but opening runs in the writer's thread, and raises nothing.
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
from tv5core.cache.disk import entry_codec as records
from tv5core.cache.disk import leases
from tv5core.cache.disk.control_page import UnusableError
from tv5core.cache.disk.environment import Environment, Txn
from tv5core.cache.disk.eviction import Evictor
from tv5core.cache.disk.writer_thread import Job, WriterThread
from tv5core.cache.entry import Invalidation
from tv5core.cache.stats import Counters

__all__ = ["EVERYTHING", "Maintenance"]

EVERYTHING = Invalidation("all")
_ERRORS = (lmdb.Error, UnusableError, OSError)
_DAMAGE = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError)
_TRIES_WHEN_FULL = 5
_WARN_EVERY_S, _WARNINGS_KEPT = 60.0, 20
_BATCHES_IN_CAP = 16
_LEASES_SWEPT, _LOG_TRIMMED = 200, 1_000

log = logging.getLogger("tv5core")


class Maintenance:
    """An environment that may be away, the writer to it, and what both have to say.

    Parameters
    ----------
    folder : Path
    cap_bytes : int
    clock : callable
        Unix time in seconds.
    poll_s, sweep_s : float

    Attributes
    ----------
    environment : Environment or None
        None while the folder cannot be used.
    reads_disabled : bool
        Whether reads must find nothing: an invalidation could not be noted anywhere.
    counts : Counters
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
        self.counts, self.cooldown = Counters(), Cooldown(time.monotonic)
        self.environment: Environment | None = None
        self.origin = os.urandom(8)
        self.reads_disabled = False
        self.warnings: deque[str] = deque(maxlen=_WARNINGS_KEPT)
        self._warned_at = -math.inf
        self._clock, self._sweep_s = clock, sweep_s
        self._listeners: list[Callable[[Invalidation], None]] = []
        self._swept_at = time.monotonic()
        self._followed, self._epoch, self._last_txn = 0, 0, -1
        self._must_empty = self._must_delete = self._damaged = False
        self._connect()
        self.writer = WriterThread(
            self._commit, self._idle, idle_s=poll_s, batch_bytes=cap_bytes // _BATCHES_IN_CAP
        )
        self.writer.start()

    @property
    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        return int(self._clock() * 1e3)

    def listen(self, listener: Callable[[Invalidation], None]) -> None:
        """Have a callable told, in the writer's thread, of other handles' invalidations."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Commit what is queued, and let go of the environment."""
        self.writer.close()
        environment, self.environment = self.environment, None
        if environment is not None:
            environment.release()

    # -- opening --------------------------------------------------------------------------

    def _connect(self) -> None:
        try:
            environment = Environment.acquire(self.folder, self.cap_bytes)
        except (UnusableError, lmdb.Error, OSError) as error:
            self._failed(error)
            return
        self.warnings.extend(environment.warnings)
        try:
            if self._must_empty and not environment.renew_epoch():
                raise UnusableError(f"{self.folder}: expected to empty it, got no way to")
            with environment.read() as txn:
                self._followed = records.last_seq(txn)
        except _ERRORS as error:
            environment.release()
            self._failed(error)
            return
        self._must_empty, self._epoch = False, environment.epoch
        self._evictor = Evictor(environment, self.cap_bytes, self._removed)
        self.environment = environment
        self._succeeded()

    def _removed(self, reason: str, count: int) -> None:
        self.counts.add(f"evicted.{reason}", count)

    def _failed(self, error: BaseException) -> None:
        if (
            self.cooldown.record_failure(str(error))
            and time.monotonic() - self._warned_at > _WARN_EVERY_S
        ):
            self._warned_at = time.monotonic()
            self.warnings.append(str(error))
            log.warning("cache %s: does without the disk for now: %s", self.folder, error)

    def _succeeded(self) -> None:
        if self.cooldown.record_success():
            log.info("cache %s: uses the disk again", self.folder)

    def record_read_failure(self, error: BaseException) -> None:
        """Note that a read failed; a damaged file is replaced by the writer's thread."""
        self.counts.add("failed.read")
        self._damaged = self._damaged or isinstance(error, _DAMAGE)
        self._failed(error)

    # -- committing -----------------------------------------------------------------------

    def _commit(self, batch: list[Job]) -> None:
        environment = self.environment
        if environment is None:
            self._must_empty = self._must_empty or any(job.essential for job in batch)
            self._drop(batch, "away")
            return
        try:
            self._write(environment, batch)
        except Exception as error:  # noqa: BLE001 - the writer's thread must go on
            self._save_what_must(environment, [j for j in batch if not j.finished], error)
            return
        # Small writes find room where values do not: an invalidation alone proves nothing.
        if any(job.done is None for job in batch):
            self._succeeded()
        self._guard(self._keep_small)

    def _write(self, environment: Environment, batch: list[Job]) -> None:
        """Commit a batch; in parts, with evictions in between, where the map is full."""
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
        for attempt in range(_TRIES_WHEN_FULL):
            self._evictor.make_room(self.now_ms, batches=1 << attempt)
            with suppress(lmdb.MapFullError):
                self._finish(job, environment.write(job.work))
                return
        if job.essential:
            self._empty(environment)
        self._drop([job], "room")

    def _finish(self, job: Job, result: object) -> None:
        if isinstance(result, str):
            self.counts.add(result)
        job.finish(result)

    def _save_what_must(
        self, environment: Environment, batch: list[Job], error: BaseException
    ) -> None:
        """Try again with what must be written alone, since it takes little room."""
        self._failed(error)
        if isinstance(error, lmdb.PanicError):
            environment.reset()
        self._drop([job for job in batch if job.done is None], "write")
        must = [job for job in batch if job.done is not None]
        try:
            if must:
                self._write(environment, must)
        except Exception as again:  # noqa: BLE001
            must = [job for job in must if not job.finished]
            if any(job.essential for job in must):
                self._empty(environment)
            self._drop(must, "write")
            self._damaged = self._damaged or isinstance(again, _DAMAGE)

    def _empty(self, environment: Environment) -> None:
        """Make every entry unreadable, where one could not be invalidated."""
        self.reads_disabled = not self.renew(environment)
        self._must_delete = True
        self.counts.add("emptied")

    def renew(self, environment: Environment) -> bool:
        """Draw a new epoch, of which this handle's own listeners need not be told."""
        renewed = environment.renew_epoch()
        self._epoch = environment.epoch
        return renewed

    def _drop(self, batch: list[Job], reason: str) -> None:
        for job in batch:
            self.counts.add(f"dropped.{reason}")
            job.finish(job.failed)

    def _keep_small(self, environment: Environment) -> None:
        with environment.read() as txn:
            over = self._evictor.over(txn)
        if over:
            self._evictor.make_room(self.now_ms)

    # -- between batches ------------------------------------------------------------------

    def _idle(self) -> None:
        if self.environment is None:
            if not self.cooldown.active:
                self._connect()
            return
        if self._damaged:
            self._guard(self._replace)
        if self.reads_disabled or self._must_delete:
            self._guard(self._drop_all)
        self._guard(self._follow)
        if time.monotonic() - self._swept_at >= self._sweep_s:
            self._swept_at = time.monotonic()
            self._guard(self._sweep)

    def _guard(self, step: Callable[[Environment], None]) -> None:
        environment = self.environment
        if environment is not None:
            try:
                step(environment)
            except Exception as error:  # noqa: BLE001 - the writer's thread must go on
                self._failed(error)
                self.counts.add("failed.maintenance")

    def _replace(self, environment: Environment) -> None:
        self._damaged = False
        environment.rebuild("it is damaged")

    def _drop_all(self, environment: Environment) -> None:
        if self.cooldown.active:
            return
        if self.reads_disabled:
            self.reads_disabled = not self.renew(environment)
        environment.write(delete_all)
        self._must_delete = False
        self._succeeded()

    def _sweep(self, environment: Environment) -> None:
        now_ms = self.now_ms
        self._evictor.sweep(now_ms)
        with environment.read() as txn:
            due = leases.any_expired(txn, now_ms) or records.log_surplus(txn) > 0
        if due:
            environment.write(
                lambda txn: (
                    leases.sweep(txn, now_ms, _LEASES_SWEPT),
                    records.trim_log(txn, _LOG_TRIMMED),
                )
            )

    def _follow(self, environment: Environment) -> None:
        """Tell the listeners what other handles invalidated."""
        last, epoch = environment.last_transaction(), environment.epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._tell(EVERYTHING)
        if last == self._last_txn:
            return
        self._last_txn = last
        with environment.read() as txn:
            some, self._followed = records.logged_after(txn, self._followed), records.last_seq(txn)
        for one in [EVERYTHING] if some is None else some:
            if one.origin != self.origin:
                self._tell(one)

    def _tell(self, what: Invalidation) -> None:
        self.counts.add("followed")
        for listener in self._listeners:
            try:
                listener(what)
            except Exception:
                log.exception("cache %s: a listener failed", self.folder)


def delete_all(txn: Txn) -> None:
    """Remove every entry; the log stays, since it is what other processes follow."""
    for database in (txn.dbs.entries, txn.dbs.expiry, txn.dbs.tags):
        txn.raw.drop(database, delete=False)
