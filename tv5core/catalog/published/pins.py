"""Pins: a call keeps the snapshot it began with; the last call closes what was replaced."""

from __future__ import annotations

import threading
from types import TracebackType

from tv5core.catalog.catalog import Catalog
from tv5core.errors import ClosedError
from tv5core.files.locking import SharedLock
from tv5core.snapshots import ShelvedSnapshot

__all__ = ["Pin", "Pins", "Served"]


class Served:
    """A snapshot that is open.

    Parameters
    ----------
    snapshot : ShelvedSnapshot
    catalog : Catalog
    lock : SharedLock
        Keeps the snapshot's files.
    """

    def __init__(self, snapshot: ShelvedSnapshot, catalog: Catalog, lock: SharedLock) -> None:
        self.snapshot, self.catalog, self._lock = snapshot, catalog, lock
        self.calls, self.retired = 0, False

    def close(self) -> None:
        """Close it, and let its files go."""
        self.catalog.close()
        self._lock.release()


class Pins:
    """Counts the calls on each snapshot.

    Parameters
    ----------
    served : Served
    """

    def __init__(self, served: Served) -> None:
        self._lock = threading.Lock()
        self._served: Served | None = served

    @property
    def served(self) -> Served:
        """The snapshot that calls begin with now."""
        served = self._served
        if served is None:
            raise ClosedError("expected an open catalogue, got one after close()")
        return served

    def swap(self, new: Served | None) -> None:
        """Have further calls use another snapshot, or none; the one before ends with its calls."""
        with self._lock:
            old, self._served = self._served, new
            if old is not None:
                old.retired = True
            idle = old is not None and not old.calls
        if old is not None and idle:
            old.close()

    def begin(self) -> Served:
        """Pin the present snapshot."""
        with self._lock:
            served = self.served
            served.calls += 1
            return served

    def end(self, served: Served) -> None:
        """Unpin it; the last one that uses what was replaced closes it."""
        with self._lock:
            served.calls -= 1
            last = served.retired and not served.calls
        if last:
            served.close()

    def after_fork(self) -> None:
        """Forget, in a child, the calls of threads that are not there."""
        self._lock = threading.Lock()
        if self._served is not None:
            self._served.calls = 0


class Pin:
    """Context manager of one call: gives the catalogue to use."""

    __slots__ = ("_pins", "_served")

    @property
    def snapshot(self) -> ShelvedSnapshot:
        """The snapshot of this call."""
        return self._served.snapshot

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    def __enter__(self) -> Catalog:
        self._served = self._pins.begin()
        return self._served.catalog

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._pins.end(self._served)
