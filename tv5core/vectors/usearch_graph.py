"""A graph built by usearch: HNSW over int8 rows, of which the base level is sealed.

usearch gives its links only in what it saves, which is read here and checked: sizes, keys and links
out of range are errors, not reads out of bounds. What it saves is, little-endian:

- uint32 rows and bytes of a vector; the vectors;
- a head of 64 bytes that begins with ``usearch`` and the version;
- five uint64: nodes, connectivity, that of the base level, highest level, first node;
- int16 levels; and the nodes, each uint64 key, int16 level, and for the base level and each above
  it uint32 count and room for as many links, uint32 each.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors.entry_points import Source

__all__ = ["base_links", "usearch_links"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_HEAD = struct.Struct("<II")
_DENSE_BYTES, _MAGIC, _VERSION = 64, b"usearch", 2
_GRAPH = struct.Struct("<QQQQQ")
_NODE = np.dtype([("key", "<u8"), ("level", "<i2"), ("count", "<u4")])
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
    try:
        return _base_links(raw)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise CorruptFileError(f"expected an index saved by usearch, got {error}") from error


def _base_links(raw: bytes) -> U32:
    rows, width = _HEAD.unpack_from(raw)
    at = _HEAD.size + rows * width
    (version,) = struct.unpack_from("<H", raw, at + len(_MAGIC))
    if raw[at : at + len(_MAGIC)] != _MAGIC or version != _VERSION:
        raise ValueError(f"{raw[at : at + len(_MAGIC)]!r} of version {version}")
    size, upper, room, _, _ = _GRAPH.unpack_from(raw, at + _DENSE_BYTES)
    at += _DENSE_BYTES + _GRAPH.size
    if size != rows or not 0 < room <= 65_536 or not 0 <= upper <= 65_536:
        raise ValueError(f"{size} nodes of {room} links for {rows} rows")
    levels = np.frombuffer(raw, "<i2", size, at).astype(np.int64)
    lengths = _NODE.itemsize + 4 * room + levels * (4 + 4 * upper)
    starts = at + 2 * size + np.cumsum(lengths) - lengths
    if (levels < 0).any() or at + 2 * size + int(lengths.sum()) != len(raw):
        raise ValueError(f"{len(raw)} bytes for {size} nodes")
    return _linked(np.frombuffer(raw, np.uint8), starts, room)


def _linked(raw: npt.NDArray[np.uint8], starts: I64, room: int) -> U32:
    heads = raw[starts[:, None] + np.arange(_NODE.itemsize)].view(_NODE)[:, 0]
    keys, counts = heads["key"], heads["count"]
    n = len(keys)
    if not np.array_equal(np.sort(keys), np.arange(n)) or (counts > room).any():
        raise ValueError("other keys than 0 to the number of nodes, or more links than fit")
    links = np.full((n, room), NONE, np.uint32)
    for at in range(0, n, _BLOCK_ROWS):
        first = starts[at : at + _BLOCK_ROWS, None] + _NODE.itemsize
        slots = raw[first + np.arange(4 * room)].view("<u4")
        there = np.arange(room) < counts[at : at + _BLOCK_ROWS, None]
        if (slots[there] >= n).any():
            raise ValueError(f"links past {n} nodes")
        some = np.where(there, keys[np.where(there, slots, 0)], NONE)
        links[keys[at : at + _BLOCK_ROWS].astype(np.int64)] = some
    return links
