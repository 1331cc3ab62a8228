"""Whose turn it is to seal or to refit, and how far who has it came."""

from __future__ import annotations

import threading
import time
from threading import get_ident

from tv5core.errors import CatalogError
from tv5core.lmdb_env.calls import Call, UnfinishedCall, is_running, this_call
from tv5core.types import Progress

__all__ = ["Maintaining", "Turns"]

_POLL_S = 0.02
_REPORT_S = 0.5


class Maintaining(UnfinishedCall):
    """The call that seals or refits, and what it reported last.

    Attributes
    ----------
    latest : (int, int, str) or None
        What was done, what there is to do, and the stage.
    """

    __slots__ = ("latest",)

    def __init__(self) -> None:
        super().__init__()
        self.latest: tuple[int, int, str] | None = None

    def begin(self) -> None:
        """Note the caller's call, which has reported nothing yet."""
        self.latest, self.call = None, this_call(1)

    def note(self, done: int, total: int, stage: str) -> None:
        """Note a report of this thread, where it is the one at work."""
        if self.is_mine and total:
            self.latest = done, total, stage

    @property
    def is_mine(self) -> bool:
        """Whether it is this thread's."""
        call = self.call
        return call is not None and call[0] == get_ident()


class Turns:
    """Gives one thread after another its turn to seal or to refit.

    Attributes
    ----------
    lock : threading.Lock
        Held by whose turn it is.
    work : Maintaining
        What they do.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.work = Maintaining()
        self._waiting: dict[int, Call] = {}

    def next(self, progress: Progress | None = None) -> threading.Lock:
        """Return the lock to hold for one's turn; see ``Store.maintain``."""
        self._check_reports_nothing()
        if progress is not None:
            self._wait(progress)
        return self.lock

    def _check_reports_nothing(self) -> None:
        call = self.work.call if self.work.is_mine else None
        for each in (call, self._waiting.get(get_ident())):
            if each is not None and is_running(each):
                raise CatalogError(
                    "expected no sealing or fitting from within a report of progress on one, got "
                    "one: do it from another thread, or afterwards"
                )

    def _wait(self, progress: Progress) -> None:
        """Wait until nobody has the turn, and pass on what who has it reports.

        The lock is only looked at: what an interrupt leaves acquired here, nobody would release.
        """
        me, shown = get_ident(), time.monotonic()
        self._waiting[me] = this_call()
        try:
            while self.lock.locked():
                time.sleep(_POLL_S)
                if time.monotonic() >= shown + _REPORT_S:
                    done, total, stage = self.work.latest or (0, 1, "other work")
                    progress(done, total, f"waiting: {stage}")
                    shown = time.monotonic()
        finally:
            self._waiting.pop(me, None)
