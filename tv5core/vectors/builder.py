"""Build a graph: choose entry points, grow links, then place neighbours next to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors.entry_points import Source, choose_entry_points
from tv5core.vectors.linking import Workers, breadth_first, connect, grow, room_for
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.usearch_graph import usearch_links

__all__ = ["GRAPHS", "NATIVE", "BuiltGraph", "build_graph"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

_CHUNK = 65_536
NATIVE, USEARCH = "native", "usearch"
GRAPHS = (NATIVE, USEARCH)
"""Who grows a graph."""
_BY_DIRECTION = np.array([0, 1], np.float32).view(np.uint8)
"""Factors with which estimates depend on the direction from the centre only: of unit vectors,
``f_rescale`` is ``1 / sum_i |x'_i|``, nearly the same for all that are rotated."""


@dataclass(frozen=True)
class BuiltGraph:
    """A graph in the sealed order: entry points list by list, then breadth-first from them.

    Attributes
    ----------
    order : int64[n]
        ``order[new row]`` is the row's place in the codes the graph was built from.
    links : uint32[n, 3 * connectivity / 2]
        Neighbours, padded with NONE.
    centroids : uint8[lists, stride]
        Codes of the lists' centroids.
    offsets : uint32[lists + 1]
        List ``l`` is rows ``offsets[l]`` to ``offsets[l + 1] - 1``.
    """

    order: I64
    links: U32
    centroids: U8
    offsets: U32


def build_graph(
    codes: U8,
    source: Source,
    *,
    by_direction: bool = False,
    connectivity: int,
    expansion_add: int,
    threads: int = 0,
    seed: int = 0,
    graph: str = NATIVE,
    progress: Progress | None = None,
) -> BuiltGraph:
    """Build a graph over codes, its links chosen by the rows' distances.

    Parameters
    ----------
    codes : uint8[n, layout.size]
    source : Source
        The rows the codes were made of, in their order.
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
    graph : {"native", "usearch"}
        Who grows the links.
    progress : callable, optional
        An exception it raises stops the build.
    """
    room = room_for(connectivity)
    with Workers(threads) as run:
        entries = choose_entry_points(source, run, seed, progress)
        if graph == USEARCH:
            links = usearch_links(source, entries.order, room, expansion_add, threads, progress)
            connect(links, entries.count)
        else:
            ready = _ordered(codes, entries.order, source.quantizer, by_direction)
            links = grow(
                ready, source, entries, room=room, width=expansion_add, run=run, progress=progress
            )
    order = breadth_first(links, np.arange(entries.count))
    left = np.ones(len(links), bool)
    left[order] = False
    order = np.concatenate([order, np.flatnonzero(left)])
    rank = np.full(len(order) + 1, NONE, np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    # NONE, clipped to the last place of the ranks, stays NONE.
    renumbered = rank[np.minimum(links[order], len(order))]
    return BuiltGraph(entries.order[order], renumbered, entries.centroids, entries.offsets)


def _ordered(codes: U8, order: I64, quantizer: Quantizer, by_direction: bool) -> U8:
    """Copy codes into build order, on cache lines as a sealed file has them."""
    layout = quantizer.layout
    ready = layout.aligned(len(order))
    for start in range(0, len(order), _CHUNK):
        some = codes[order[start : start + _CHUNK]]
        if by_direction:
            some[:, layout.sign_bytes :] = _BY_DIRECTION
        ready[start : start + _CHUNK, : layout.size] = some
    return ready
