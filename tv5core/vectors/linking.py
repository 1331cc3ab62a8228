"""Grow a graph: rows find their neighbours by walking the graph built so far.

Rows come in batches (as in ParlayANN; Manohar and others, PPoPP 2024): all rows of a batch walk the
graph as it is before any of them is added, so threads share the work and the result does not depend
on their number. Candidates come from estimates of codes; which of them become links is decided by
distances between int8 rows. In a second pass all rows search the whole graph, so the first rows
find neighbours that were not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.cores import usable_cores
from tv5core.kernels import NONE, LinkRows
from tv5core.types import Progress
from tv5core.vectors.entry_points import EntryPoints, Source, probes_while_building
from tv5core.vectors.packed_links import PackedLists
from tv5core.vectors.stored_rows import StoredRows

__all__ = [
    "Workers",
    "breadth_first",
    "connect",
    "grow",
    "link_rows",
    "reversed_links",
    "room_for",
]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_CHUNK = 1_024  # rows a task
_BLOCK = 8_192  # rows whose lengths are computed at once
_LEAST_BATCH = 1_024
_BATCHES = 32  # at least, of all rows in the first pass
_PASSES = 2
_HOPS = 3  # how far from an unreached row a link to it may come from


def room_for(connectivity: int) -> int:
    """Return how many links a row has room for."""
    return max(1, 3 * connectivity // 2)


class Workers:
    """Threads that share work; the first error stops it."""

    def __init__(self, threads: int) -> None:
        count = threads or usable_cores()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="tv5-link")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(
        self,
        task: Callable[[int], object],
        each: range,
        after: Callable[[int], None] | None = None,
    ) -> list[object]:
        """Call a task with each number; return what it returned, in order.

        ``after`` is called with each number in order, in this thread, once its task is done.
        """
        results = []
        for number, result in zip(each, self._pool.map(task, each), strict=True):
            results.append(result)
            if after is not None:
                after(number)
        return results


@dataclass
class _Growing:
    """A graph under construction, by row in build order."""

    codes: U8
    entries: EntryPoints
    source: Source
    room: int
    width: int
    run: Workers
    links: U32 = field(init=False)
    rows: LinkRows = field(init=False)
    linker: kernels.Linker = field(init=False)
    walker: kernels.Graph = field(init=False)

    def __post_init__(self) -> None:
        # Twice the room: most lists are then selected from once in many links, not at each.
        self.links = np.full((len(self.codes), 2 * self.room), NONE, np.uint32)
        self.rows = link_rows(
            self.source.rows,
            self.entries.order.astype(np.uint32),
            by_direction=self.source.by_direction,
        )
        self.linker = kernels.linker(self.rows, self.links, self.room, 2 * self.room)
        # Both see the links as they grow.
        self.walker = kernels.graph(
            self.codes,
            self.links,
            self.entries.centroids,
            self.entries.offsets,
            probes_while_building(len(self.entries.centroids)),
            self.source.quantizer.bits,
        )

    def add(self, start: int, stop: int, after: Callable[[int], None]) -> None:
        """Find neighbours of rows and link both ways.

        ``after`` is called with the number of further rows that are done.
        """
        candidates = np.empty((stop - start, self.width), np.uint32)

        def find(at: int) -> None:
            end = min(at + _CHUNK, stop)
            ready = self.source.prepared(self.entries.order[at:end])
            found, _, _ = self.walker.walk(ready, self.width, self.width)
            candidates[at - start : end - start] = found

        def choose(at: int) -> None:
            self.linker.select_neighbors(candidates[at - start : at - start + _CHUNK], at)

        # One after the other: a walk must not see links that the same batch is choosing.
        self.run(find, range(start, stop, _CHUNK), lambda at: after(min(at + _CHUNK, stop) - at))
        self.run(choose, range(start, stop, _CHUNK))
        added = np.arange(start, stop, dtype=np.uint32)
        targets, offsets, sources = reversed_links(self.links[start:stop], added)

        def join(at: int) -> None:
            self.linker.add_reverse_links(
                targets, offsets, sources, at, min(at + _CHUNK, len(targets))
            )

        self.run(join, range(0, len(targets), _CHUNK))

    def trimmed(self) -> U32:
        """Select again where there are more links than room: uint32[n, room]."""
        linker = kernels.linker(self.rows, self.links, self.room, self.room)
        targets = np.flatnonzero(self.links[:, self.room] != NONE).astype(np.uint32)
        offsets, nothing = np.zeros(len(targets) + 1, np.int64), np.empty(0, np.uint32)

        def trim(at: int) -> None:
            linker.add_reverse_links(targets, offsets, nothing, at, min(at + _CHUNK, len(targets)))

        self.run(trim, range(0, len(targets), _CHUNK))
        return np.ascontiguousarray(self.links[:, : self.room])


def grow(
    codes: U8,
    source: Source,
    entries: EntryPoints,
    *,
    room: int,
    width: int,
    run: Workers,
    progress: Progress | None = None,
) -> U32:
    """Build a graph.

    Parameters
    ----------
    codes : uint8[n, stride]
        In build order.
    source : Source
    entries : EntryPoints
    room : int
        Links a row.
    width : int
        Candidates a row, and the pool of the walk that finds them.
    run : Workers
    progress : callable, optional
        An exception it raises stops the work.

    Returns
    -------
    uint32[n, room]
        By row in build order, padded with NONE. Every row can be reached from the entry points.
    """
    growing = _Growing(codes, entries, source, room, width, run)
    n, done = len(codes), 0
    total = _PASSES * n

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, total, "building graph")

    for start, stop in _batches(entries.count, n):
        growing.add(start, stop, advance)
    links = growing.trimmed()
    connect(links, entries.count)
    return links


def _batches(entries: int, n: int) -> Iterator[tuple[int, int]]:
    """Yield rows to add together: the entry points, growing batches of the others, all again."""
    yield 0, entries
    start = entries
    while start < n:
        stop = min(n, start + max(_LEAST_BATCH, min(start // 4, n // _BATCHES)))
        yield start, stop
        start = stop
    step = max(_LEAST_BATCH, n // 8)
    for _ in range(1, _PASSES):
        for start in range(0, n, step):
            yield start, min(n, start + step)


def link_rows(rows: StoredRows, places: U32, *, by_direction: bool) -> LinkRows:
    """Return int8 rows by which links are chosen, scaled to unit length for links by direction.

    ``places`` says where each row of the graph is among them.
    """
    scales = rows.scales
    if rows.values.dtype != np.int8 or scales is None:
        raise TypeError(f"expected int8 rows with scales, got {rows.values.dtype}")
    sums = np.empty(len(rows), np.float32)
    for at in range(0, len(rows), _BLOCK):
        some = rows.values[at : at + _BLOCK].astype(np.int32)
        sums[at : at + _BLOCK] = (some * some).sum(axis=1)
    if by_direction:
        # Scaled to unit length. With inner product, where lengths differ, distances would leave
        # the longest rows, which are the answers, with few links to them.
        scales = np.divide(1, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0)
    scales = np.ascontiguousarray(scales)
    # As the kernels round products, so that the distance of equal rows is zero.
    return LinkRows(np.asarray(rows.values, np.int8), scales, sums * (scales * scales), places)


def reversed_links(links: U32, rows: U32) -> tuple[U32, I64, U32]:
    """Invert the links of some rows: targets, offsets into sources, sources."""
    there = links != NONE
    target = links[there]
    order = np.argsort(target, kind="stable")
    targets, first = np.unique(target[order], return_index=True)
    sources = rows[np.nonzero(there)[0]][order]
    return targets, np.append(first, len(sources)).astype(np.int64), sources


def connect(links: U32, entries: int) -> None:
    """Link to the few rows that are not reached, each from a row near it that has room.

    No link is dropped, so each round leaves fewer rows. Once one row of an island is linked to, its
    own links reach the others. Where no near row has room, any row that has is used.
    """
    hops = 1
    while True:
        order = breadth_first(links, np.arange(entries))
        reached = np.zeros(len(links), bool)
        reached[order] = True
        lost = np.flatnonzero(~reached).tolist()
        linked = sum([_link(links, _around(links, reached, row, hops), row) for row in lost])
        if not lost:
            return
        if linked < len(lost) and hops < _HOPS:
            hops += 1
        elif not linked:
            free = order[links[order, -1] == NONE]
            for row, source in zip(lost, free.tolist(), strict=False):
                _link(links, np.array([source]), row)
            if not len(free):
                return


def _around(links: U32, reached: Mask, row: int, hops: int) -> I64:
    """Return reached rows near a row, nearest hops first."""
    near = np.array([row])
    found = [near[:0]]
    for _ in range(hops):
        linked = links[near].ravel()
        near = linked[linked != NONE].astype(np.int64)
        found.append(near[reached[near]])
    return np.concatenate(found)


def _link(links: U32, sources: I64, row: int) -> bool:
    """Link to a row from the first of some rows that has room; return whether one had."""
    free = np.flatnonzero(links[sources, -1] == NONE)
    if not len(free):
        return False
    source = sources[free[0]]
    links[source, np.argmax(links[source] == NONE)] = row
    return True


def breadth_first(links: U32 | PackedLists, first: I64) -> I64:
    """Order the rows that can be reached from some by breadth-first distance.

    Neighbours are then near each other in memory, which saves 5 to 8 % of a walk at a million rows.
    """
    return np.concatenate([first[:0], *_frontiers(links, first)])


def _frontiers(links: U32 | PackedLists, first: I64) -> Iterator[I64]:
    seen = np.zeros(len(links), bool)
    frontier = first
    while len(frontier):
        seen[frontier] = True
        yield frontier
        lists = np.asarray(links[frontier])
        linked = lists[lists < len(links)].astype(np.int64)
        fresh = linked[~seen[linked]]
        _, places = np.unique(fresh, return_index=True)
        frontier = fresh[np.sort(places)]
