"""The layout of an index that usearch saved, read with every size checked before it is used.

It is, little-endian:

- uint32 rows and bytes of a row; the rows;
- a head of 64 bytes: ``usearch``, uint16 version in three parts, a letter for the metric, uint8
  kinds of values, keys and slots, uint64 rows present, rows deleted and dimensions, uint8 whether
  keys repeat;
- five uint64: nodes, connectivity, that of the base level, highest level, slot of the first node;
- int16 levels; and the nodes, each uint64 key, int16 level, and for the base level and each above
  it uint32 count and room for as many slots, uint32 each.

A deleted node stays, with the highest key there is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.kernels import NONE

__all__ = ["FREE_KEY", "GRAPH", "HEAD", "NODE", "ROWS", "Saved", "parse"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

ROWS = struct.Struct("<II")
HEAD = struct.Struct("<7s3H4B3QB22x")
GRAPH = struct.Struct("<5Q")
NODE = np.dtype([("key", "<u8"), ("level", "<i2"), ("count", "<u4")])
"""The head of a node, with the count of its links on the base level."""
FREE_KEY = 2**64 - 1
_MAGIC, _VERSION = b"usearch", 2
_KEYS_U64, _SLOTS_U32 = 14, 15
_MOST_LINKS = 65_536
_BLOCK_ROWS = 8_192


@dataclass(frozen=True)
class Saved:
    """What is in the file; arrays are views of its bytes.

    Attributes
    ----------
    raw : uint8[size]
    rows : uint8[n, bytes of a row]
    metric : str
        A letter of usearch's: ``c`` cosine, ``i`` inner product, ``e`` squared Euclidean ...
    scalar : int
        Kind of the values, as usearch numbers them.
    dim : int
    connectivity, room : int
        Links of a node above the base level and on it, at most.
    levels : int64[n]
        Highest level of each node.
    starts : int64[n]
        Where each node begins in ``raw``.
    """

    raw: U8
    rows: U8
    metric: str
    scalar: int
    dim: int
    connectivity: int
    room: int
    levels: I64
    starts: I64

    def __len__(self) -> int:
        return len(self.rows)

    def keys(self) -> U64:
        """Return the key of each node: uint64[n], FREE_KEY of a deleted one."""
        found = np.empty(len(self), np.uint64)
        for at in range(0, len(self), _BLOCK_ROWS):
            found[at : at + _BLOCK_ROWS] = self._heads(at)["key"]
        return found

    def links(self, level: int = 0) -> U32:
        """Return the slots that each node links to on a level: uint32[n, room], padded with NONE.

        Raises
        ------
        CorruptFileError
            A node has more links than fit, or one to a slot that is not there.
        """
        found = np.full((len(self), self.connectivity if level else self.room), NONE, np.uint32)
        for at in range(0, len(self), _BLOCK_ROWS):
            self._link(found, at, level)
        return found

    def _link(self, found: U32, at: int, level: int) -> None:
        some = np.arange(at, min(at + _BLOCK_ROWS, len(self)))
        some = some[self.levels[some] >= level]
        if not len(some):
            return
        lists = self.starts[some] + NODE.fields["count"][1]  # type: ignore[index]
        if level:
            lists += 4 + 4 * self.room + (level - 1) * (4 + 4 * self.connectivity)
        width = found.shape[1]
        words = self.raw[lists[:, None] + np.arange(4 + 4 * width)].view("<u4")
        counts, slots = words[:, :1], words[:, 1:]
        if (counts > width).any():
            raise CorruptFileError(f"expected {width} links or fewer, got {int(counts.max())}")
        there = np.arange(width) < counts
        if (slots[there] >= len(self)).any():
            raise CorruptFileError(f"expected links among {len(self)} nodes, got others")
        found[some] = np.where(there, slots, NONE)

    def _heads(self, at: int) -> npt.NDArray[np.void]:
        starts = self.starts[at : at + _BLOCK_ROWS, None]
        heads: npt.NDArray[np.void] = self.raw[starts + np.arange(NODE.itemsize)].view(NODE)[:, 0]
        return heads


def parse(raw: U8) -> Saved:
    """Read an index out of its bytes; nothing is copied and nothing beyond them is read.

    Parameters
    ----------
    raw : uint8[size]

    Raises
    ------
    CorruptFileError
        It is not that, or of another version, or cut short.
    """
    try:
        return _parsed(raw)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise CorruptFileError(f"expected an index saved by usearch, got {error}") from error


def _parsed(raw: U8) -> Saved:
    view = raw.data
    count, width = ROWS.unpack_from(view)
    at = ROWS.size + count * width
    if at + HEAD.size + GRAPH.size > len(raw):
        raise ValueError(f"{len(raw)} bytes for {count} rows of {width}")
    magic, version, _, _, metric, scalar, keys, slots, _, _, dim, _ = HEAD.unpack_from(view, at)
    if magic != _MAGIC or version != _VERSION:
        raise ValueError(f"{magic!r} of version {version}")
    if (keys, slots) != (_KEYS_U64, _SLOTS_U32):
        raise ValueError(f"keys of kind {keys} and slots of kind {slots}")
    rows = raw[ROWS.size : at].reshape(count, width)
    at += HEAD.size
    size, upper, room, _, _ = GRAPH.unpack_from(view, at)
    at += GRAPH.size
    if size != count or not 0 < room <= _MOST_LINKS or not 0 <= upper <= _MOST_LINKS:
        raise ValueError(f"{size} nodes of {room} links for {count} rows")
    levels = np.frombuffer(raw, "<i2", size, at).astype(np.int64)
    lengths = NODE.itemsize + 4 * room + levels * (4 + 4 * upper)
    starts = at + 2 * size + np.cumsum(lengths) - lengths
    if (levels < 0).any() or at + 2 * size + int(lengths.sum()) != len(raw):
        raise ValueError(f"{len(raw)} bytes for {size} nodes")
    return Saved(raw, rows, chr(metric), scalar, dim, upper, room, levels, starts)
