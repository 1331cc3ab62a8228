"""Better links for a graph that was built over sign bits; see ``ext/include/tv5/link.h``.

usearch links rows whose codes are near. Links chosen anew, by distances between int8 rows, lead a
walk to the same answers over a quarter fewer rows, and are fewer themselves: 14 a row on average
where the codes' graph had 21, so they fit in three quarters of the room.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.kernels import NONE, LinkRows
from tv5core.types import Progress
from tv5core.vectors.rescore import StoredRows

__all__ = ["breadth_first", "refine", "room_for"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SHORTLIST = 4  # candidates compared by distance for each link there is room for
_SOURCES = 8  # reverse links considered, alike
_CHUNK = 4_096  # rows a task
_BLOCK = 8_192  # rows whose lengths are computed at once

Task = Callable[[int, int], U32]


def room_for(connectivity: int) -> int:
    """Return how many links a row of the base level has room for."""
    return max(1, 3 * connectivity // 2)


def refine(
    links: U32,
    codes: U8,
    rows: StoredRows,
    *,
    room: int,
    entry: int,
    threads: int = 0,
    progress: Progress | None = None,
) -> U32:
    """Choose each row's links anew among its links and theirs, by distance.

    Parameters
    ----------
    links : uint32[n, degree]
        Neighbours on the base level, padded with NONE.
    codes : uint8[n, bits / 8]
    rows : StoredRows
        int8.
    room : int
        Links a row.
    entry : int
        Row from which every row must be reached.
    threads : int
        0 for all cores; the result does not depend on it.
    progress : callable, optional
        An exception it raises stops the work.

    Returns
    -------
    uint32[n, room]
        Nearest first, padded with NONE.
    """
    n = len(links)
    ready = _link_rows(rows)

    def choose(start: int, stop: int) -> U32:
        return kernels.choose_links(codes, ready, links, start, stop, _SHORTLIST * room, room)

    workers = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers, thread_name_prefix="tv5-link") as pool:
        chosen = _in_chunks(pool, choose, n, room, progress)
        offsets, sources = _reversed(chosen)

        def join(start: int, stop: int) -> U32:
            both = (chosen, offsets, sources)
            return kernels.join_links(codes, ready, *both, start, stop, _SOURCES * room, room)

        joined = _in_chunks(pool, join, n, room, None)
    _connect(joined, links, entry)
    return joined


def _link_rows(rows: StoredRows) -> LinkRows:
    if rows.values.dtype != np.int8 or rows.scales is None:
        raise TypeError(f"expected int8 rows with scales, got {rows.values.dtype}")
    sums = np.empty(len(rows), np.float32)
    for at in range(0, len(rows), _BLOCK):
        some = rows.values[at : at + _BLOCK].astype(np.int32)
        sums[at : at + _BLOCK] = (some * some).sum(axis=1)
    # Scaled to unit length: links by direction. With inner product, where lengths differ, distances
    # would leave the longest rows, which are the answers, with few links to them.
    scales = np.divide(1, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0)
    # As the kernels round products, so that the distance of equal rows is zero.
    return LinkRows(np.asarray(rows.values, np.int8), scales, sums * (scales * scales))


def _in_chunks(
    pool: ThreadPoolExecutor, task: Task, n: int, room: int, progress: Progress | None
) -> U32:
    """Run a task over all rows; the first error stops it."""
    out = np.empty((n, room), np.uint32)

    def one(start: int) -> int:
        stop = min(start + _CHUNK, n)
        out[start:stop] = task(start, stop)
        return stop

    try:
        for stop in pool.map(one, range(0, n, _CHUNK)):
            if progress is not None:
                progress(stop, n, "choosing links")
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    return out


def _reversed(links: U32) -> tuple[I64, U32]:
    """Return for each row who links to it: offsets into sources, and those."""
    n = len(links)
    there = links != NONE
    target = links[there]
    order = np.argsort(target, kind="stable")
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(target, minlength=n), out=offsets[1:])
    return offsets, np.nonzero(there)[0].astype(np.uint32)[order]


def _connect(links: U32, wider: U32, entry: int) -> None:
    """Link to the few rows that nothing leads to any more, each from a row near it that has room.

    Nothing is given up for it, so each pass leaves fewer; what stays of an island once one of its
    rows is linked to is reached by its own links.
    """
    while True:
        order = breadth_first(links, entry)
        reached = np.zeros(len(links), bool)
        reached[order] = True
        lost = np.flatnonzero(~reached)
        if not len(lost):
            return
        count = sum(
            [_link(links, _around(links, wider, reached, row), row) for row in lost.tolist()]
        )
        # All that is left are islands, far from anything that has room: link to one from anywhere.
        if not count and not _link(links, order, int(lost[0])):
            return


def _around(links: U32, wider: U32, reached: Mask, row: int) -> I64:
    """Return rows near a row that can be reached, its neighbours before theirs."""

    def there(lists: U32) -> I64:
        some: I64 = lists[lists != NONE].astype(np.int64)
        found: I64 = some[reached[some]]
        return found

    near = there(np.concatenate([links[row], wider[row]]))
    return np.concatenate([near, there(links[near])])


def _link(links: U32, sources: I64, row: int) -> bool:
    """Link to a row from the first of some rows that has room; tell whether one had."""
    free = np.flatnonzero(links[sources, -1] == NONE)
    if not len(free):
        return False
    source = sources[free[0]]
    links[source, np.argmax(links[source] == NONE)] = row
    return True


def breadth_first(links: U32, entry: int) -> I64:
    """Order the rows that can be reached from the entry by breadth-first distance.

    Neighbours then lie near each other in memory: 5 to 8 % of a walk at a million rows.
    """
    return np.concatenate(list(_frontiers(links, entry)))


def _frontiers(links: U32, entry: int) -> Iterator[I64]:
    seen = np.zeros(len(links), bool)
    frontier = np.array([entry], np.int64)
    while len(frontier):
        seen[frontier] = True
        yield frontier
        linked = links[frontier].ravel()
        linked = linked[linked != NONE].astype(np.int64)
        fresh = linked[~seen[linked]]
        _, first = np.unique(fresh, return_index=True)
        frontier = fresh[np.sort(first)]
