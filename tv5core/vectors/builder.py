"""Build the graph with usearch and turn its saved image into arrays of our own.

usearch builds an HNSW graph over the sign bits (Hamming distance), on all threads, without the
GIL. Its image is read here once, in memory, right after it was made, and never again: what is
stored and served is the sealed graph of :mod:`tv5core.vectors.graph`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from usearch.index import Index

from tv5core.errors import CorruptFileError
from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors.linking import breadth_first, refine, room_for
from tv5core.vectors.rescore import StoredRows

__all__ = ["Links", "build_links"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


_CHUNK = 16_384  # rows between two calls of the progress function
_DENSE_HEAD = 64  # bytes of usearch's head over the plain graph: magic, kinds, counts
_GRAPH_HEAD = 40  # size, connectivity, base connectivity, top level, entry slot: uint64 each


@dataclass(frozen=True)
class Links:
    """A graph in the sealed order: rows of higher levels first, then breadth-first.

    Attributes
    ----------
    order : int64[n]
        ``order[new row]`` is the row's place in the codes the graph was built from.
    base : uint32[n, 3 * connectivity / 2]
        Neighbours on the base level, padded with NONE.
    upper : uint32[m, connectivity]
        Neighbours on level 1, then 2, and so on, each for the rows that exist there.
    level_sizes : tuple of int
        Rows on each upper level.
    """

    order: I64
    base: U32
    upper: U32
    level_sizes: tuple[int, ...]


def build_links(
    codes: U8,
    rows: StoredRows,
    *,
    connectivity: int,
    expansion_add: int,
    threads: int = 0,
    progress: Progress | None = None,
) -> Links:
    """Build a graph over codes by Hamming distance, then choose its links by the rows' distances.

    Parameters
    ----------
    codes : uint8[n, bits / 8]
    rows : StoredRows
        int8, in the codes' order.
    connectivity : int
        Neighbours a row on upper levels; half as many again on the base level.
    expansion_add : int
        Width of the search for neighbours while adding.
    threads : int
        0 for all cores. With one thread the graph is the same each time.
    progress : callable, optional
        An exception it raises stops the build.
    """
    # The bytes are as large as usearch's graph: neither is kept longer than it is needed.
    raw = _built(codes, connectivity, expansion_add, threads, progress)
    image = _Image.parse(raw, len(codes), connectivity)
    del raw
    base, upper = _placed(image)
    refined = refine(
        base,
        codes,
        rows,
        room=room_for(connectivity),
        entry=int(image.keys[image.entry]),
        threads=threads,
        progress=progress,
    )
    return _numbered(image, refined, upper)


def _built(
    codes: U8, connectivity: int, expansion_add: int, threads: int, progress: Progress | None
) -> U8:
    """Build the graph and return its image."""
    n, width = codes.shape
    index = Index(
        ndim=width * 8,
        metric="hamming",
        dtype="b1",
        connectivity=connectivity,
        expansion_add=expansion_add,
    )
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        index.add(np.arange(start, stop), codes[start:stop], threads=threads)
        if progress is not None:
            progress(stop, n, "building graph")
    image = index.save()
    if image is None:
        raise CorruptFileError("expected usearch to return its image, got None")
    return np.frombuffer(image, np.uint8)


@dataclass(frozen=True)
class _Image:
    """usearch's graph by slot, its own numbering."""

    keys: I64
    levels: npt.NDArray[np.int16]
    base: U32
    upper: list[U32]  # by level from 1, for the slots on that level in ascending order
    entry: int

    @classmethod
    def parse(cls, raw: U8, n: int, connectivity: int) -> _Image:
        """Read the serialised form of usearch 2.x: vectors, heads, levels, then nodes.

        A node is its key (uint64), its level (int16), and for each of its levels a count and
        room for that many slots (uint32), twice as many on the base level.
        """
        rows, columns = (int(v) for v in raw[:8].view(np.uint32))
        dense = 8 + rows * columns
        if raw[dense : dense + 7].tobytes() != b"usearch" or rows != n:
            raise CorruptFileError(f"expected a usearch image of {n} rows, got {rows} rows")
        head = dense + _DENSE_HEAD
        size, upper_room, base_room, _, entry = (
            int(v) for v in raw[head : head + _GRAPH_HEAD].view(np.uint64)
        )
        if (size, upper_room, base_room) != (n, connectivity, 2 * connectivity):
            raise CorruptFileError(
                f"expected a graph of {n} rows with {connectivity} and {2 * connectivity} links, "
                f"got {size} rows with {upper_room} and {base_room}"
            )
        start = head + _GRAPH_HEAD
        levels = raw[start : start + 2 * n].view(np.int16)
        base_bytes, upper_bytes = 4 + 4 * base_room, 4 + 4 * upper_room
        sizes = 10 + base_bytes + upper_bytes * levels.astype(np.int64)
        nodes = start + 2 * n + np.concatenate(([0], np.cumsum(sizes)[:-1]))
        keys = _gather(raw, nodes, 8).view(np.int64).ravel()
        upper = []
        for level in range(1, int(levels.max(initial=0)) + 1):
            at = nodes[levels >= level] + 10 + base_bytes + (level - 1) * upper_bytes
            upper.append(_lists(raw, at, upper_room))
        return cls(keys, levels, _lists(raw, nodes + 10, base_room), upper, entry)


def _gather(raw: U8, starts: I64, length: int) -> U8:
    """Copy ``length`` bytes from each start: uint8[len(starts), length]."""
    windows = np.lib.stride_tricks.sliding_window_view(raw, length)
    return np.ascontiguousarray(windows[starts])


def _lists(raw: U8, starts: I64, room: int) -> U32:
    """Read neighbour lists (count, then slots) and pad them with NONE."""
    cells = _gather(raw, starts, 4 + 4 * room).view(np.uint32)
    lists = cells[:, 1:].copy()
    lists[np.arange(room)[None, :] >= cells[:, :1]] = NONE
    return lists


def _placed(image: _Image) -> tuple[U32, list[U32]]:
    """Return base links by place and naming places, and upper links naming places."""
    place = np.append(image.keys, NONE).astype(np.uint32)
    base = np.empty_like(image.base)
    base[image.keys] = _renamed(image.base, place)
    return base, [_renamed(lists, place) for lists in image.upper]


def _numbered(image: _Image, base: U32, upper: list[U32]) -> Links:
    """Give places numbers: those of higher levels first, then breadth-first."""
    entry = int(image.keys[image.entry])
    levels = np.empty_like(image.levels)
    levels[image.keys] = image.levels
    order = breadth_first(base, entry)
    left = np.ones(len(base), bool)
    left[order] = False
    order = np.concatenate([order, np.flatnonzero(left)])
    # The entry is on the top level and first in breadth-first order, so it stays first.
    order = order[np.argsort(-levels[order], kind="stable")]
    rank = np.full(len(order) + 1, NONE, np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    sizes, parts = [], [np.empty((0, image.base.shape[1] // 2), np.uint32)]
    for level, lists in enumerate(upper, start=1):
        placed = np.empty_like(lists)
        placed[rank[image.keys[image.levels >= level]]] = _renamed(lists, rank)
        parts.append(placed)
        sizes.append(len(placed))
    return Links(order, _renamed(base[order], rank), np.concatenate(parts), tuple(sizes))


def _renamed(lists: U32, names: U32) -> U32:
    """Rename links; NONE, clipped to the last place of ``names``, stays NONE."""
    return names[np.minimum(lists, len(names) - 1)]
