"""Choosing links in NumPy; see ``ext/include/tv5/link.h`` for what is done and why."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._shared import F32, I64, NONE, U32, LinkRows

__all__ = ["NumpyLinker", "linker"]


class NumpyLinker:
    """Chooses links by distance, in place.

    Parameters
    ----------
    rows : LinkRows
        Rows whose distance decides.
    links : uint32[n, degree]
        The graph so far, changed in place; a value of n or more ends a list.
    room : int
        Links that a choice keeps.
    limit : int
        Links that a list may have before they are chosen anew, room to degree.
    """

    def __init__(self, rows: LinkRows, links: U32, room: int, limit: int) -> None:
        self._rows, self._links, self._room, self._limit = rows, links, room, limit

    def select_neighbors(self, candidates: U32, start: int) -> None:
        """Choose links; see :class:`tv5core.kernels.Linker`."""
        for row, some in enumerate(candidates, start):
            there = some[some < len(self._links)]
            self._choose(row, np.concatenate([there, self._list(row)]))

    def add_reverse_links(
        self, targets: U32, offsets: I64, sources: U32, start: int, stop: int
    ) -> None:
        """Link rows to others; see :class:`tv5core.kernels.Linker`."""
        for i in range(start, stop):
            row = int(targets[i])
            own = self._list(row)
            both = _once(np.concatenate([own, sources[offsets[i] : offsets[i + 1]]]))
            added = both[~np.isin(both, own) & (both != row)]
            stop = len(own) + len(added)
            if stop <= self._limit:
                self._links[row, len(own) : stop] = added
                self._links[row, stop : stop + (len(added) > 0)] = NONE
            else:
                self._choose(row, both)

    def _list(self, row: int) -> U32:
        """Return the links of a row up to the first that ends the list."""
        links: U32 = self._links[row]
        ends = np.flatnonzero(links >= len(self._links))
        return links[: int(ends[0])] if len(ends) else links

    def _choose(self, row: int, candidates: U32) -> None:
        found = _once(candidates[candidates != row])
        distances = self._distances(row, found)
        order = np.lexsort((found, distances))
        kept = self._pruned(found[order], distances[order])
        self._links[row] = NONE
        self._links[row, : len(kept)] = kept

    def _distances(self, row: int, to: U32) -> F32:
        """Return squared distances, each product rounded as the native kernels round it."""
        rows = self._rows
        a, b = rows.positions[row], rows.positions[to]
        sums = rows.values[b].astype(np.int32) @ rows.values[a].astype(np.int32)
        product = sums.astype(np.float32) * (rows.scales[b] * rows.scales[a])
        distances = (rows.squares[a] + rows.squares[b]) - np.float32(2) * product
        return np.where(distances > 0, distances, np.float32(0))

    def _pruned(self, ids: U32, distances: F32) -> U32:
        """Keep what is nearer to the row than to anything kept; of its equals half a list."""
        kept: list[int] = []
        twins = 0
        for to, distance in zip(ids, distances, strict=True):
            if len(kept) == self._room:
                break
            if not distance > 0:
                twins += 1
                if twins > self._room // 2:
                    continue
            if not (self._distances(int(to), np.asarray(kept, np.uint32)) < distance).any():
                kept.append(int(to))
        return np.asarray(kept, np.uint32)


def _once(ids: U32) -> U32:
    """Drop what came before, keeping the order."""
    return ids[np.sort(np.unique(ids, return_index=True)[1])]


def linker(rows: LinkRows, links: U32, room: int, limit: int) -> NumpyLinker:
    """Make a linker of arrays; see :class:`NumpyLinker`."""
    return NumpyLinker(rows, links, room, limit)
