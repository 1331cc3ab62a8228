"""Background work: one piece at a time, cancelled when the catalogue closes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tv5core.arguments import check_callable
from tv5core.errors import CatalogError, ClosedError
from tv5core.types import Progress

__all__ = ["BackgroundWorker", "StoppedError", "give_way"]

_PAUSE_S = 2e-4


def give_way() -> None:
    """Let other threads have the GIL.

    Who waits for it gets it at once. Else Python takes it from a busy thread after 5 ms, each time
    that a call in the foreground comes back from the disk; additions took three times as long.
    """
    time.sleep(_PAUSE_S)


class StoppedError(ClosedError):
    """Long work was cancelled because the catalogue closes."""


class BackgroundWorker:
    """Run pieces of work in a thread of its own, one after another.

    Parameters
    ----------
    lock : threading.RLock
        Held while a piece of work is started.
    note : callable, optional
        Called with all reports of progress, whoever else wants them.
    """

    def __init__(self, lock: threading.RLock, note: Progress | None = None) -> None:
        self._lock, self._note = lock, note
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting: dict[str, Callable[[], None]] = {}

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start work, or queue it behind other work.

        It takes the place of work of that name that waits. Behind work of that name that is under
        way it waits: that one may have looked already at what has changed now. So a piece of work
        finds out by itself what is left to do. Nothing happens where all is to end.
        """
        with self._lock:
            if self._stopping.is_set():
                return
            self._waiting[name] = work
            if not self._is_running():
                self._begin()

    def _begin(self) -> None:
        # It is known once it runs: an interrupt here leaves none to wait for that never does.
        threading.Thread(target=self._run, name="tv5-work", daemon=True).start()

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        with self._lock:
            if self._is_running():
                return  # an interrupted beginning was made up for
            self._thread = threading.current_thread()
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            if self._stopping.is_set() or not self._waiting:
                self._thread = None
                return None
            return self._waiting.pop(next(iter(self._waiting)))

    @property
    def is_current(self) -> bool:
        """Whether this thread is the one in the background."""
        return threading.current_thread() is self._thread

    def cancellable(self, progress: Progress | None) -> Progress:
        """Wrap a progress function so that long work ends soon once the catalogue closes."""
        check_callable("progress", progress)
        process = os.getpid()

        def report(done: int, total: int, stage: str) -> None:
            if self._stopping.is_set():
                raise StoppedError("expected the catalogue to stay open, got close()")
            if self._note is not None:
                self._note(done, total, stage)
            if progress is not None:
                progress(done, total, stage)
                if os.getpid() != process:  # the files it would go on writing are the parent's
                    raise CatalogError(
                        "expected a report of progress to end in the process that began the work, "
                        "got it in a forked child"
                    )

        return report

    def wait(self) -> None:
        """Wait until nothing is under way and nothing waits."""
        while not self.is_current:
            thread = self._thread
            if thread is not None and thread.is_alive():
                thread.join()
            elif self._waiting and not self._stopping.is_set():
                with self._lock:
                    self._begin()
                time.sleep(_PAUSE_S)
            else:
                return

    def stop(self) -> None:
        """Start nothing more, and end what is under way at its next report."""
        self._stopping.set()
