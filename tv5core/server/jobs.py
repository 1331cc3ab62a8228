"""Jobs: one at a time in all processes, with progress that any of them can tell.

Where processes share a folder, a lock there says which of them has a job, and a file how far it has
come; a process that dies lets go of the lock, and its job shows as interrupted. Asking for the job
that runs is no error: it gives that job. What was loaded stays loaded, so a job that is asked for
again loads only what is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from tv5core.cache.warming.warm import WarmReport
from tv5core.files.locking import try_lock
from tv5core.server.errors import ConflictError
from tv5core.types import Progress

__all__ = ["Job", "JobBoard"]

Work = Callable[[Progress], Awaitable[WarmReport]]

_EVERY_S = 0.2  # between two writes of the progress

log = logging.getLogger("tv5core.server")


class Job(msgspec.Struct, frozen=True):
    """A job, and how far it has come; ``total`` is 0 where that is unknown."""

    id: str
    state: str
    request: dict[str, Any]
    started_at: float
    ended_at: float | None = None
    done: int = 0
    total: int = 0
    loaded: int = 0
    skipped: int = 0
    failed: int = 0
    errors: tuple[str, ...] = ()


class JobBoard:
    """The present job and the last.

    Parameters
    ----------
    folder : path or None
        Shared by the processes; None for this process alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._task: asyncio.Task[None] | None = None
        self._lock: int | None = None
        self._job: Job | None = None
        self._written_at = 0.0

    def current(self) -> Job | None:
        """Return the job that runs, in whichever process, else the last one; None before any."""
        if self._task is not None or self._folder is None:
            return self._job
        job = self._read()
        if job is not None and job.state == "running" and not self._is_held():
            return msgspec.structs.replace(job, state="interrupted")
        return job

    def start(self, request: dict[str, Any], work: Work) -> tuple[Job, bool]:
        """Start a job, unless the same one runs already.

        Returns
        -------
        (Job, bool)
            And whether it was started now.

        Raises
        ------
        ConflictError
            Another job runs.
        """
        if self._task is not None or not self._acquire():
            running = self.current()
            if running is not None and running.request == request:
                return running, False
            raise ConflictError("expected no job to run, got another one: see its progress")
        self._job = Job(_id(request), "running", request, time.time())
        self._write()
        self._task = asyncio.create_task(self._run(work))
        return self._job, True

    async def _run(self, work: Work) -> None:
        state, report = "failed", WarmReport()
        try:
            report = await work(self._progress)
            state = "done"
        except asyncio.CancelledError:
            state = "interrupted"
            raise
        except Exception as error:
            log.exception("a job failed")
            report.errors.append(type(error).__name__)
        finally:
            self._end(state, report)

    def _progress(self, done: int, total: int, _: str) -> None:
        if self._job is not None:
            self._job = msgspec.structs.replace(self._job, done=done, total=total)
            if time.monotonic() - self._written_at > _EVERY_S:
                self._write()

    def _end(self, state: str, report: WarmReport) -> None:
        if self._job is not None:
            self._job = msgspec.structs.replace(
                self._job,
                state=state,
                ended_at=time.time(),
                loaded=report.done,
                skipped=report.skipped,
                failed=report.failed,
                errors=tuple(report.errors),
            )
        self._write()
        self._task = None
        self._release()

    async def close(self) -> None:
        """Interrupt the job of this process; what it has loaded stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # -- what processes share -------------------------------------------------------------

    def _acquire(self) -> bool:
        if self._folder is None:
            return True
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(self._folder / "job.lock")
        if lock is not None:
            self._lock = lock
        return lock is not None

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _is_held(self) -> bool:
        if self._acquire():
            self._release()
            return False
        return True

    def _write(self) -> None:
        self._written_at = time.monotonic()
        if self._folder is None or self._job is None:
            return
        made = self._folder / "job.json.new"
        try:
            made.write_bytes(msgspec.json.encode(self._job))
            made.replace(self._folder / "job.json")
        except OSError as error:  # a full disk costs others the sight of it, not the job
            log.warning("the progress of a job is not stored: %s", type(error).__name__)

    def _read(self) -> Job | None:
        if self._folder is None:
            return None
        try:
            return msgspec.json.decode((self._folder / "job.json").read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None


def _id(request: dict[str, Any]) -> str:
    """Return a name that the same request has each time."""
    return hashlib.blake2b(msgspec.json.encode(request, order="sorted"), digest_size=8).hexdigest()
