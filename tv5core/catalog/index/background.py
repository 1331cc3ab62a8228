"""Work in the background: one thread at a time, called off when the catalogue closes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tv5core.errors import ClosedError
from tv5core.types import Progress

__all__ = ["BackgroundWorker", "StoppedError"]


class StoppedError(ClosedError):
    """Long work was called off because the catalogue closes."""


class BackgroundWorker:
    """Run at most one piece of work beside the callers.

    Parameters
    ----------
    lock : threading.RLock
        Held while a piece of work is started.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start work in a thread, unless some is under way or all is to end."""
        with self._lock:
            running = self._thread
            if self._stopping.is_set() or (running is not None and running.is_alive()):
                return
            self._thread = threading.Thread(target=work, name=f"tv5-{name}", daemon=True)
            self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether this thread is the one in the background."""
        return threading.current_thread() is self._thread

    def cancellable(self, progress: Progress | None) -> Progress:
        """Wrap a progress function so that long work ends soon once the catalogue closes."""

        def report(done: int, total: int, stage: str) -> None:
            if self._stopping.is_set():
                raise StoppedError("expected the catalogue to stay open, got close()")
            if progress is not None:
                progress(done, total, stage)

        return report

    def wait(self) -> None:
        """Wait for what is under way."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """Let nothing more start, and what is under way end at its next report."""
        self._stopping.set()
