"""The thread that commits everything: in batches, off the event loop."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from tv5core.cache.disk.environment import Txn

__all__ = ["Job", "WriterThread"]

BATCH_JOBS = 256
BATCH_BYTES = 4 << 20
"""Limits of one transaction: a lease behind it must not wait long."""

MAX_JOBS = 8_192
MAX_BYTES = 64 << 20

_CLOSE_S = 10.0


@dataclass(eq=False)
class Job:
    """Work for a write transaction.

    Attributes
    ----------
    work : callable
        Runs in the writer thread; from the start again where a first attempt failed.
    size : int
        Bytes it holds while it is queued.
    future : Future or None
        Receives the result after the commit; None for a job that may be dropped.
    default : object
        The result where it could not be written.
    essential : bool
        Whether the cache must be emptied where it cannot be written.
    finished : bool
    """

    work: Callable[[Txn], object]
    size: int = 0
    future: Future[object] | None = None
    default: object = None
    essential: bool = False
    finished: bool = False

    def finish(self, result: object) -> None:
        """Set the result, unless nobody waits for it any more."""
        self.finished = True
        if self.future is not None and not self.future.done():
            with suppress(Exception):  # cancelled at this moment
                self.future.set_result(result)


@dataclass
class _State:
    """What a forked child replaces."""

    jobs: deque[Job] = field(default_factory=deque)
    size: int = 0
    busy: bool = False
    closing: bool = False
    thread: threading.Thread | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)


class WriterThread:
    """A queue of jobs and the thread that commits them.

    Parameters
    ----------
    commit : callable
        Writes a batch in one transaction and finishes its jobs; raises nothing.
    idle : callable
        Called about every ``idle_s`` seconds between batches; raises nothing.
    idle_s : float
        Seconds.
    batch_bytes : int
        Limit of one transaction, give or take a job.
    """

    def __init__(
        self,
        commit: Callable[[list[Job]], None],
        idle: Callable[[], None],
        *,
        idle_s: float = 0.1,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self._commit, self._idle, self._idle_s = commit, idle, idle_s
        self._batch_bytes = min(batch_bytes, BATCH_BYTES)
        self._state = _State()
        _WRITERS.add(self)

    @property
    def queued(self) -> int:
        """Jobs in the queue."""
        return len(self._state.jobs)

    def start(self) -> None:
        """Start the thread, where it is not running."""
        with self._state.changed:
            self._ensure_thread()

    def _ensure_thread(self) -> None:
        state = self._state
        alive = state.thread is not None and state.thread.is_alive()
        if not alive and not state.closing:
            # It is known once it runs: an interrupt here leaves none that is not running.
            threading.Thread(target=self._run, args=(state,), name="tv5-cache", daemon=True).start()

    def try_submit(self, job: Job) -> bool:
        """Queue a job that may be dropped; return whether there was room."""
        state = self._state
        with state.changed:
            if state.closing or len(state.jobs) >= MAX_JOBS or state.size + job.size > MAX_BYTES:
                return False
            self._add(job)
        return True

    def submit(
        self, work: Callable[[Txn], object], *, default: object = None, essential: bool = False
    ) -> Future[object]:
        """Queue a job that must not be dropped; return its future result."""
        future: Future[object] = Future()
        job = Job(work, future=future, default=default, essential=essential)
        with self._state.changed:
            if self._state.closing:
                job.finish(default)
            else:
                self._add(job)
        return future

    def _add(self, job: Job) -> None:
        self._state.jobs.append(job)
        self._state.size += job.size
        self._ensure_thread()
        self._state.changed.notify_all()

    def flush(self, timeout_s: float = _CLOSE_S) -> bool:
        """Wait until the queue is empty and committed; return whether it was in time."""
        state = self._state
        with state.changed:
            return state.changed.wait_for(
                lambda: not state.jobs and not state.busy, timeout=timeout_s
            )

    def close(self) -> None:
        """Commit what is queued, and stop the thread."""
        state = self._state
        with state.changed:
            state.closing = True
            state.changed.notify_all()
            unstarted = bool(state.jobs) and state.thread is None
        if unstarted:
            self._run(state)
        elif state.thread is not None and state.thread is not threading.current_thread():
            state.thread.join(_CLOSE_S)

    # -- the thread -----------------------------------------------------------------------

    def _run(self, state: _State) -> None:
        with state.changed:
            if state.thread is not None and state.thread.is_alive():
                return  # an interrupted start was made up for
            state.thread = threading.current_thread()
        idled_at = 0.0
        while True:
            batch = self._next_batch(state)
            if batch:
                self._commit_batch(state, batch)
            elif state.closing:
                return
            now = time.monotonic()
            if now - idled_at >= self._idle_s:  # under load, too
                idled_at = now
                self._idle()

    def _commit_batch(self, state: _State, batch: list[Job]) -> None:
        try:
            self._commit(batch)
        finally:
            for job in batch:
                if not job.finished:
                    job.finish(job.default)
            with state.changed:
                state.busy = False
                state.changed.notify_all()

    def _next_batch(self, state: _State) -> list[Job]:
        batch: list[Job] = []
        size = 0
        with state.changed:
            if not state.jobs and not state.closing:
                state.changed.wait(self._idle_s)
            while state.jobs and len(batch) < BATCH_JOBS and size < self._batch_bytes:
                job = state.jobs.popleft()
                size += job.size
                batch.append(job)
            state.size = state.size - size if state.jobs else 0
            state.busy = bool(batch)
        return batch

    def after_fork_in_child(self) -> None:
        """Start with an empty queue: the parent writes what was in it."""
        self._state = _State(closing=self._state.closing)


_WRITERS: weakref.WeakSet[WriterThread] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for writer in list(_WRITERS):
        writer.close()


def _after_fork_in_child() -> None:
    for writer in list(_WRITERS):
        writer.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
