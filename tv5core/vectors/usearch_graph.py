"""A graph built by usearch: HNSW over int8 rows, of which the base level is sealed.

usearch gives its links only in what it saves, which is read here and checked (see
``usearch_layout``): sizes, keys and links out of range are errors, not reads out of bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors.entry_points import Source
from tv5core.vectors.usearch_layout import Saved, parse

__all__ = ["base_links", "usearch_links"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_BLOCK_ROWS = 8_192


def usearch_links(
    source: Source, order: I64, room: int, width: int, threads: int, progress: Progress | None
) -> U32:
    """Build HNSW by cosine over rows and return the links of its base level.

    Parameters
    ----------
    source : Source
    order : int64[n]
        Rows in the order they are added in.
    room : int
        Links a row of the base level, twice those of the levels above; 4 at least.
    width : int
        ``expansion_add``.
    threads : int
        0 for all cores; the graph depends on it.
    progress : callable, optional
        An exception it raises stops the build.

    Returns
    -------
    uint32[n, room]
        By position in ``order``, padded with NONE.
    """
    from usearch.index import Index

    values = np.asarray(source.rows.values, np.int8)
    index: Any = Index(
        ndim=values.shape[1],
        metric="cos",
        dtype="i8",
        connectivity=max(2, room // 2),
        expansion_add=width,
        enable_key_lookups=False,
    )
    for at in range(0, len(order), _BLOCK_ROWS):
        some = np.arange(at, min(at + _BLOCK_ROWS, len(order)), dtype=np.uint64)
        index.add(some, np.ascontiguousarray(values[order[some.astype(np.int64)]]), threads=threads)
        if progress is not None:
            progress(at + len(some), len(order), "building graph")
    links = base_links(bytes(index.save()))
    if len(links) != len(order):
        raise CorruptFileError(f"expected {len(order)} nodes of usearch, got {len(links)}")
    fitted = np.full((len(links), room), NONE, np.uint32)
    fitted[:, : links.shape[1]] = links[:, :room]
    return fitted


def base_links(raw: bytes) -> U32:
    """Read the links of the base level out of an index that usearch saved.

    Returns
    -------
    uint32[n, connectivity of the base level]
        Keys by key, padded with NONE. Keys must be 0 to n - 1.

    Raises
    ------
    CorruptFileError
        It is not that, or of another version.
    """
    saved = parse(np.frombuffer(raw, np.uint8))
    keys = saved.keys()
    if not np.array_equal(np.sort(keys), np.arange(len(saved))):
        raise CorruptFileError(f"expected keys 0 to {len(saved) - 1} in what usearch saved")
    return _by_key(saved, keys)


def _by_key(saved: Saved, keys: npt.NDArray[np.uint64]) -> U32:
    slots = saved.links()
    links = np.empty_like(slots)
    names = np.append(keys, NONE).astype(np.uint32)
    # NONE, clipped to the last place, stays NONE.
    links[keys.astype(np.int64)] = names[np.minimum(slots, len(keys))]
    return links
