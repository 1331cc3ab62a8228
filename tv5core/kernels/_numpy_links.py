"""Choosing links in NumPy; see ``ext/include/tv5/link.h`` for what is done and why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.kernels._shared import F32, NONE, U8, U32, LinkRows

__all__ = ["choose_links", "join_links"]

I64 = npt.NDArray[np.int64]


def choose_links(
    codes: U8, rows: LinkRows, links: U32, start: int, stop: int, shortlist: int, room: int
) -> U32:
    """Choose links for a range of rows among their links and those of their links.

    Parameters
    ----------
    codes : uint8[n, D / 8]
        Codes whose Hamming distance makes the shortlist.
    rows : LinkRows
        Rows whose distance decides.
    links : uint32[n, degree]
        The graph so far; a value of n or more ends a list.
    start, stop : int
        Rows to choose for.
    shortlist : int
        Candidates compared by distance.
    room : int
        Links a row.

    Returns
    -------
    uint32[stop - start, room]
        Nearest first, padded with NONE.
    """
    out = np.full((stop - start, room), NONE, np.uint32)
    for row in range(start, stop):
        found = _found(links, row)
        if len(found) > shortlist:
            bits = np.bitwise_count(codes[found] ^ codes[row]).sum(axis=1, dtype=np.int64)
            # A stable order: of equals the first found stay.
            found = found[np.argsort(bits, kind="stable")[:shortlist]]
        kept = _pruned(rows, *_ranked(rows, row, found), room)
        out[row - start, : len(kept)] = kept
    return out


def join_links(
    codes: U8,
    rows: LinkRows,
    links: U32,
    offsets: I64,
    sources: U32,
    start: int,
    stop: int,
    shortlist: int,
    room: int,
) -> U32:
    """Add the reverse of chosen links; choose again where they are more than fit.

    Parameters
    ----------
    codes, rows, start, stop, room
        As :func:`choose_links` takes them.
    links : uint32[n, degree]
        The links chosen.
    offsets : int64[n + 1]
    sources : uint32[offsets[n]]
        ``sources[offsets[r] : offsets[r + 1]]`` link to row ``r``.
    shortlist : int
        Of a row's links and sources, the nearest so many are considered.

    Returns
    -------
    uint32[stop - start, room]
        Nearest first, padded with NONE.
    """
    del codes  # both passes take the same arguments
    out = np.full((stop - start, room), NONE, np.uint32)
    for row in range(start, stop):
        both = np.concatenate([_list(links, row), sources[offsets[row] : offsets[row + 1]]])
        found = _once(both[both != row])
        ids, distances = _ranked(rows, row, found)
        ids, distances = ids[:shortlist], distances[:shortlist]
        kept = ids if len(ids) <= room else _pruned(rows, ids, distances, room)
        out[row - start, : len(kept)] = kept
    return out


def _list(links: U32, row: int) -> U32:
    """Return the links of a row up to the first that ends the list."""
    ends = np.flatnonzero(links[row] >= len(links))
    return links[row, : ends[0]] if len(ends) else links[row]


def _once(ids: U32) -> U32:
    """Drop what came before, keeping the order."""
    return ids[np.sort(np.unique(ids, return_index=True)[1])]


def _found(links: U32, row: int) -> U32:
    own = _list(links, row)
    direct = _once(own[own != row])
    both = np.concatenate([direct, *(_list(links, int(to)) for to in direct)])
    return _once(both[both != row])


def _distances(rows: LinkRows, row: int, to: U32) -> F32:
    """Return squared distances, each product rounded as the native kernels round it."""
    sums = rows.values[to].astype(np.int32) @ rows.values[row].astype(np.int32)
    product = sums.astype(np.float32) * (rows.scales[to] * rows.scales[row])
    distances = (rows.squares[row] + rows.squares[to]) - np.float32(2) * product
    return np.where(distances > 0, distances, np.float32(0))


def _ranked(rows: LinkRows, row: int, found: U32) -> tuple[U32, F32]:
    distances = _distances(rows, row, found)
    order = np.lexsort((found, distances))
    return found[order], distances[order]


def _pruned(rows: LinkRows, ids: U32, distances: F32, room: int) -> U32:
    """Keep what is nearer to the row than to anything kept before; of its equals half a list."""
    kept: list[int] = []
    twins = 0
    for to, distance in zip(ids, distances, strict=True):
        if len(kept) == room:
            break
        if not distance > 0:
            twins += 1
            if twins > room // 2:
                continue
        if not (_distances(rows, int(to), np.asarray(kept, np.uint32)) < distance).any():
            kept.append(int(to))
    return np.asarray(kept, np.uint32)
