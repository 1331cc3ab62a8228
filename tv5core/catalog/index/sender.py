"""Sender: the thread that empties the outbox, and tries again while the server is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tv5core.backoff import Backoff
from tv5core.errors import CollectionMismatchError, Tv5Error, VectorDatabaseError

__all__ = ["Sender"]

log = logging.getLogger("tv5core")

_PAUSES = Backoff(0.5, 30.0)


class Sender:
    """Call a function as long as it has something to do, and again after failures.

    Parameters
    ----------
    work : callable
        Sends something; returns whether it did. Raises ``VectorDatabaseError`` where it cannot.
    name : str
        For the log.

    Attributes
    ----------
    failure : str
        Why it could not send lately; empty where it could.
    sent_at : float
        Unix time of the last success, 0 before.
    """

    def __init__(self, work: Callable[[], bool], name: str) -> None:
        self._work, self._name = work, name
        self.failure, self.sent_at = "", 0.0
        self._changed = threading.Condition()
        self._poked, self._busy, self._stopping, self._failures = False, False, False, 0
        self._thread: threading.Thread | None = None

    def poke(self) -> None:
        """Say that there may be something to send."""
        with self._changed:
            if self._stopping:
                return
            self._poked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tv5-sender", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until there is nothing to send, or it cannot be sent at present."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping or bool(self.failure) or not (self._poked or self._busy)
            )

    def stop(self) -> None:
        """End after what is being sent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while self._next():
            failure = self._send_all()
            with self._changed:
                self._busy = False
                self.failure = failure
                self._failures = self._failures + 1 if failure else 0
                if failure:
                    self._poked = True  # what could not be sent still waits
                self._changed.notify_all()
                if failure and not self._stopping:
                    pause_s = _PAUSES.pause_s(self._failures - 1)
                    self._changed.wait_for(lambda: self._stopping, pause_s)

    def _next(self) -> bool:
        """Wait for something to do; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._poked)
            self._poked, self._busy = False, not self._stopping
            return self._busy

    def _send_all(self) -> str:
        try:
            while not self._stopping and self._work():
                self.sent_at = time.time()
        except VectorDatabaseError as error:
            if str(error) != self.failure:
                level = logging.ERROR if isinstance(error, CollectionMismatchError) else 30
                log.log(level, "%s: vectors wait to be sent: %s", self._name, error)
            return str(error)
        except (Tv5Error, OSError) as error:
            log.warning("%s: sending vectors failed: %s", self._name, error)
            return str(error)
        return ""
