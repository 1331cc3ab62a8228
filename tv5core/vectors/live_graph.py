"""LiveGraph: an HNSW graph of usearch over the codes of live rows, filled by a thread behind.

Rows are linked by the Hamming distance of their signs, in their order, a few at a time; how many
are in the graph so far is :attr:`LiveGraph.covered`, and a search scans the others. The graph is
never written: after a crash it is filled again from the rows. Deleted rows stay in it and are left
out of what it finds.

usearch serialises the calls to an index by a lock of its own, whose holder may keep it for long. So
each call is made under a lock that is waited for only as long as a scan would take instead.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE

__all__ = ["LiveGraph"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

log = logging.getLogger("tv5core")

FIRST_ROWS = 65_536
"""Live rows from which there is a graph: below, a scan (13 ns a row) is faster than a walk for the
widths that calibration chooses, and the graph would cost 0.3 ms a row and 600 B for nothing."""
_AT_ONCE = 8
"""Rows linked in one call: about a millisecond, for which a search may have to wait."""
_PAUSE_S = 1e-3
"""Between calls: who waits for the lock, the GIL or a core gets it. On two busy cores additions
have a p99 of 9 ms then, as without linking; with 0.05 ms, of 13 to 17 ms, for a sixth more rows."""

_GRAPHS: weakref.WeakSet[LiveGraph] = weakref.WeakSet()
_ABANDONED: list[object] = []
"""Graphs of a process that forked, perhaps while they changed: never used, and never freed."""


class LiveGraph:
    """A graph over the signs of rows, numbered as they are; safe to share between threads.

    Parameters
    ----------
    bits : int
        Width of the codes.

    Attributes
    ----------
    covered : int
        Rows 0 to ``covered - 1`` are in the graph.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._signs: U8 = np.empty((0, bits // 8), np.uint8)
        self._stopping = self._failed = False
        self._begin()
        _GRAPHS.add(self)

    def _begin(self) -> None:
        """Start over without rows, and with locks that nobody holds."""
        self._index: Any = None
        self.covered = 0
        self._using = threading.Lock()  # one call to usearch at a time
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None

    def abandon(self) -> None:
        """Start over in the child of a fork: what the parent's thread was changing is not whole."""
        _ABANDONED.append(self._index)
        self._begin()

    @property
    def memory_bytes(self) -> int:
        """Bytes of the graph and its copy of the signs."""
        index = self._index
        return 0 if index is None else int(index.memory_usage)

    # -- filling --------------------------------------------------------------------------

    def cover(self, signs: U8) -> None:
        """Have rows linked, in a thread; returns at once.

        Parameters
        ----------
        signs : uint8[n, >= bits / 8]
            Of all rows so far, those given before included. They must not change any more.
        """
        with self._state:  # else the thread might end without having seen them
            self._signs = signs
            if len(signs) < FIRST_ROWS or self._failed or self._stopping or self._is_filling():
                return
        try:
            # It is known once it runs: an interrupt here leaves none to wait for that never does.
            threading.Thread(target=self._fill, name="tv5-live").start()
        except RuntimeError as error:  # the interpreter shuts down, or has no more threads
            log.debug("live rows are scanned: %s", error)

    def _is_filling(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _fill(self) -> None:
        with self._state:
            if self._is_filling():
                return
            self._thread = threading.current_thread()
        try:
            while self._has_more():
                self._link_some()
                time.sleep(_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - of usearch: rows are scanned instead
            self._failed = True
            log.warning("live rows are scanned from here on, as linking them failed: %s", error)

    def _has_more(self) -> bool:
        with self._state:
            ends = self._stopping or not threading.main_thread().is_alive()
            if ends or self.covered == len(self._signs):
                self._thread = None
                return False
            return True

    def _link_some(self) -> None:
        start, signs = self.covered, self._signs
        stop = min(start + _AT_ONCE, len(signs))
        some = np.ascontiguousarray(signs[start:stop, : self._bits // 8])
        if self._index is None:
            self._index = _empty_index(self._bits)
        with self._using:
            self._index.add(np.arange(start, stop, dtype=np.uint64), some, threads=1)
        self.covered = stop

    def wait(self) -> None:
        """Wait until all rows that were given are linked, or none is any more."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join()

    def stop(self) -> None:
        """Link no more rows; what is linked stays to be searched."""
        self._stopping = True

    # -- searching ------------------------------------------------------------------------

    def search(self, signs: U8, width: int, patience_s: float) -> U32 | None:
        """Find the rows nearest to some signs by Hamming distance.

        Parameters
        ----------
        signs : uint8[queries, bits / 8]
        width : int
            Rows to find, and the pool of the walk.
        patience_s : float
            How long to wait for other calls.

        Returns
        -------
        uint32[queries, width] or None
            NONE where there are no more; None where the graph is of no use now.
        """
        if self._failed or self._index is None or not self._using.acquire(timeout=patience_s):
            return None
        try:
            found = self._index.search(signs, width, threads=1)
        finally:
            self._using.release()
        return _padded(found, width)


def _padded(found: Any, width: int) -> U32:
    """Turn matches of usearch into rows, NONE where there are no more."""
    keys: U32 = np.atleast_2d(found.keys).astype(np.uint32)
    if found.keys.ndim == 2:  # of one query there are as many as were found
        keys[np.arange(keys.shape[1]) >= np.asarray(found.counts)[:, None]] = NONE
    if keys.shape[1] == width:
        return keys
    padded = np.full((len(keys), width), NONE, np.uint32)
    padded[:, : keys.shape[1]] = keys
    return padded


def _empty_index(bits: int) -> Any:
    from usearch.index import Index  # 0.1 s to load, which few live rows do not need

    # The width of a walk is that of its answer where it is wider than this.
    return Index(ndim=bits, metric="hamming", dtype="b1", expansion_search=1)


def _after_fork_in_child() -> None:
    for graph in list(_GRAPHS):
        graph.abandon()


os.register_at_fork(after_in_child=_after_fork_in_child)
