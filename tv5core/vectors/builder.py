"""Build the graph: choose entries, grow links, number rows so that near ones lie near in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors.entry_points import Source, choose_entries
from tv5core.vectors.linking import Workers, breadth_first, grow, room_for
from tv5core.vectors.quantizer import record_stride

__all__ = ["Links", "build_links"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

_LINE = 64  # bytes of a cache line
_CHUNK = 65_536
_BY_DIRECTION = np.array([0, 1], np.float32).view(np.uint8)
"""Factors by which estimates tell directions from the centre only: of unit vectors, ``f_rescale``
is ``1 / sum_i |x'_i|``, nearly the same for all that are rotated."""


@dataclass(frozen=True)
class Links:
    """A graph in the sealed order: entries first, list by list, then breadth-first from them.

    Attributes
    ----------
    order : int64[n]
        ``order[new row]`` is the row's place in the records the graph was built from.
    base : uint32[n, 3 * connectivity / 2]
        Neighbours, padded with NONE.
    centroids : uint8[lists, stride]
        Code records of the entries' lists.
    offsets : uint32[lists + 1]
        List ``l`` is rows ``offsets[l]`` to ``offsets[l + 1] - 1``.
    """

    order: I64
    base: U32
    centroids: U8
    offsets: U32


def build_links(
    records: U8,
    source: Source,
    *,
    by_direction: bool = False,
    connectivity: int,
    expansion_add: int,
    threads: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Links:
    """Build a graph over codes, its links chosen by the rows' distances.

    Parameters
    ----------
    records : uint8[n, record_size]
    source : Source
        The rows the records were made of, in their order.
    by_direction : bool
        Look for neighbours among directions from the centre, not among inner products: where
        lengths differ, the longest rows would be everyone's neighbours.
    connectivity : int
        Two thirds of the links a row has room for.
    expansion_add : int
        Width of the search for neighbours while adding.
    threads : int
        0 for all cores; the result does not depend on it.
    seed : int
        Of the draw of entries and the order rows are added in.
    progress : callable, optional
        An exception it raises stops the build.
    """
    with Workers(threads) as run:
        entries = choose_entries(source, run, seed, progress)
        ready = _ordered(records, entries.order, source.quantizer.bits // 8, by_direction)
        links = grow(
            ready,
            source,
            entries,
            room=room_for(connectivity),
            width=expansion_add,
            run=run,
            progress=progress,
        )
    order = breadth_first(links, np.arange(entries.count))
    left = np.ones(len(links), bool)
    left[order] = False
    order = np.concatenate([order, np.flatnonzero(left)])
    rank = np.full(len(order) + 1, NONE, np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    # NONE, clipped to the last place of the ranks, stays NONE.
    base = rank[np.minimum(links[order], len(order))]
    return Links(entries.order[order], base, entries.centroids, entries.offsets)


def _ordered(records: U8, order: I64, width: int, by_direction: bool) -> U8:
    """Copy records into build order, on cache lines as a sealed file has them."""
    stride = record_stride(records.shape[1])
    memory = np.zeros(len(order) * stride + _LINE, np.uint8)
    aligned = memory[-memory.ctypes.data % _LINE :][: len(order) * stride]
    ready = aligned.reshape(len(order), stride)
    for at in range(0, len(order), _CHUNK):
        some = records[order[at : at + _CHUNK]]
        if by_direction:
            some[:, width:] = _BY_DIRECTION
        ready[at : at + _CHUNK, : some.shape[1]] = some
    return ready
