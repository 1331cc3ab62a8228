"""How many vectors hnswlib compares: its walk, done again over its saved links.

The library does not report it. Its search is deterministic, so a walk of our own over the same
links by the same rules (HNSW; Malkov and Yashunin, TPAMI 2020, algorithms 2 and 5) looks at the
same rows; that the answers are the same is checked. The file's layout is that of hnswlib 0.8's
``saveIndex``.
"""

from __future__ import annotations

import heapq
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Links", "Walked", "read_links", "walk"]

F32 = npt.NDArray[np.float32]
U32 = npt.NDArray[np.uint32]

_HEAD = struct.Struct("<6QiI3QdQ")


@dataclass(frozen=True)
class Links:
    """A saved graph.

    Attributes
    ----------
    vectors : float32[n, dim]
        In the order of hnswlib's own numbers.
    labels : uint64[n]
        What ``add_items`` called them.
    base : list of uint32[...]
        Neighbours of each on the base level.
    upper : list of list of uint32[...]
        Neighbours on the levels above, from the lowest.
    entry : int
    """

    vectors: F32
    labels: npt.NDArray[np.uint64]
    base: list[U32]
    upper: list[list[U32]]
    entry: int


class Walked(NamedTuple):
    """One search."""

    labels: list[int]
    compared: int
    """Vectors compared with the query, on all levels."""
    expanded: int
    """Rows whose links were read on the base level."""


def read_links(path: Path, dim: int) -> Links:
    """Read a file that hnswlib saved.

    Raises
    ------
    ValueError
        It is not of this layout.
    """
    with path.open("rb") as file:
        head = _HEAD.unpack(file.read(_HEAD.size))
    _, _, count, size, label_at, vector_at, _, entry, most_upper, most, *_ = head
    if vector_at != 4 + 4 * most or label_at != vector_at + 4 * dim or size != label_at + 8:
        raise ValueError(f"expected {path} as hnswlib 0.8 writes it for {dim} dimensions")
    data = np.memmap(path, np.uint8, "r", _HEAD.size, (count, size))
    lists = np.ascontiguousarray(data[:, :vector_at]).view(np.uint32)
    return Links(
        np.ascontiguousarray(data[:, vector_at:label_at]).view(np.float32),
        np.ascontiguousarray(data[:, label_at:]).view(np.uint64)[:, 0],
        [row[1 : 1 + (row[0] & 0xFFFF)] for row in lists],
        _upper(path, _HEAD.size + count * size, count, most_upper),
        entry,
    )


def _upper(path: Path, start: int, count: int, most: int) -> list[list[U32]]:
    with path.open("rb") as file:
        file.seek(start)
        words = np.frombuffer(file.read(), np.uint32)
    levels, at = [], 0
    for _ in range(count):
        length = int(words[at]) // 4
        rows = words[at + 1 : at + 1 + length].reshape(-1, most + 1)
        levels.append([row[1 : 1 + (row[0] & 0xFFFF)] for row in rows])
        at += 1 + length
    return levels


def walk(links: Links, query: F32, k: int, width: int) -> Walked:
    """Search as hnswlib does with ``ef = width``, counting."""
    entry, compared = _descend(links, query)
    near = 1 - float(links.vectors[entry] @ query)
    seen = np.zeros(len(links.base), bool)
    seen[entry] = True
    ahead, best = [(near, entry)], [(-near, entry)]
    expanded, width = 0, max(width, k)
    while ahead:
        distance, row = heapq.heappop(ahead)
        if distance > -best[0][0] and len(best) == width:
            break
        new = links.base[row][~seen[links.base[row]]]
        seen[new] = True
        expanded, compared = expanded + 1, compared + len(new)
        for found, other in zip(_distances(links, query, new), new.tolist(), strict=True):
            if len(best) < width or found < -best[0][0]:
                heapq.heappush(ahead, (found, other))
                heapq.heappush(best, (-found, other))
                if len(best) > width:
                    heapq.heappop(best)
    nearest = sorted((-far, row) for far, row in best)[:k]
    return Walked([int(links.labels[row]) for _, row in nearest], compared, expanded)


def _descend(links: Links, query: F32) -> tuple[int, int]:
    """Follow the nearest neighbour down to the base level."""
    here, compared = links.entry, 1
    near = 1 - float(links.vectors[here] @ query)
    for level in reversed(range(len(links.upper[here]))):
        while True:
            some = links.upper[here][level]
            distances = _distances(links, query, some)
            compared += len(some)
            if not distances or min(distances) >= near:
                break
            near = min(distances)
            here = int(some[distances.index(near)])
    return here, compared


def _distances(links: Links, query: F32, rows: U32) -> list[float]:
    distances: list[float] = (1 - links.vectors[rows] @ query).tolist()
    return distances
