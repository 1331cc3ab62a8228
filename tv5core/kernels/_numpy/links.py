"""Selecting links in NumPy; see ``ext/include/tv5/link.h`` for the algorithm."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import F32, I64, NONE, U32, LinkRows

__all__ = ["NumpyLinker", "linker"]


class NumpyLinker:
    """Selects links by distance, in place.

    Parameters
    ----------
    rows : LinkRows
        Rows between which distances are measured.
    links : uint32[n, degree]
        The graph so far, changed in place; a value of n or more ends a list.
    pruned_degree : int
        Links that pruning leaves a row, at most.
    max_degree : int
        Links that a list may have before it is pruned, ``pruned_degree`` to ``degree``.
    """

    def __init__(self, rows: LinkRows, links: U32, pruned_degree: int, max_degree: int) -> None:
        self._rows, self._links = rows, links
        self._pruned_degree, self._max_degree = pruned_degree, max_degree

    def select_neighbors(self, candidates: U32, start: int) -> None:
        """Select links; see :class:`tv5core.kernels.Linker`."""
        for row, some in enumerate(candidates, start):
            valid = some[some < len(self._links)]
            self._prune(row, np.concatenate([valid, self._list(row)]))

    def add_reverse_links(
        self, targets: U32, offsets: I64, sources: U32, start: int, stop: int
    ) -> None:
        """Link rows to others; see :class:`tv5core.kernels.Linker`."""
        for i in range(start, stop):
            row = int(targets[i])
            own = self._list(row)
            both = _unique(np.concatenate([own, sources[offsets[i] : offsets[i + 1]]]))
            added = both[~np.isin(both, own) & (both != row)]
            end = len(own) + len(added)
            if end <= self._max_degree:
                self._links[row, len(own) : end] = added
                self._links[row, end : end + (len(added) > 0)] = NONE
            else:
                self._prune(row, both)

    def _list(self, row: int) -> U32:
        """Return the links of a row up to the value that ends the list."""
        links: U32 = self._links[row]
        ends = np.flatnonzero(links >= len(self._links))
        return links[: int(ends[0])] if len(ends) else links

    def _prune(self, row: int, candidates: U32) -> None:
        """Replace the links of a row by those of candidates that the rule keeps."""
        found = _unique(candidates[candidates != row])
        distances = self._distances(row, found)
        order = np.lexsort((found, distances))
        kept = self._diverse(found[order], distances[order])
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

    def _diverse(self, ids: U32, distances: F32) -> U32:
        """Keep what is closer to the row than to anything kept before it.

        Of rows at distance 0, duplicates of the row, at most half a list is kept.
        """
        kept: list[int] = []
        duplicates = 0
        for to, distance in zip(ids, distances, strict=True):
            if len(kept) == self._pruned_degree:
                break
            if not distance > 0:
                duplicates += 1
                if duplicates > self._pruned_degree // 2:
                    continue
            if not (self._distances(int(to), np.asarray(kept, np.uint32)) < distance).any():
                kept.append(int(to))
        return np.asarray(kept, np.uint32)


def _unique(ids: U32) -> U32:
    """Drop repeated values, keeping the order of first occurrence."""
    return ids[np.sort(np.unique(ids, return_index=True)[1])]


def linker(rows: LinkRows, links: U32, pruned_degree: int, max_degree: int) -> NumpyLinker:
    """Make a linker; see :class:`NumpyLinker`."""
    return NumpyLinker(rows, links, pruned_degree, max_degree)
