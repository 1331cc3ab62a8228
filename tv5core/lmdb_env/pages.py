"""LMDB's pages as they are in the file: meta pages, trees, and the nodes of a page.

The layout is that of LMDB 0.9 on 64-bit little-endian machines (``mdb.c``: ``MDB_page``,
``MDB_node``, ``MDB_db``, ``MDB_meta``). Nothing here trusts what it reads: what does not hold
raises :class:`DamagedPageError`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "BIG_DATA",
    "BRANCH",
    "DUP_DATA",
    "FIXED_LEAF",
    "HEAD_BYTES",
    "LEAF",
    "NO_PAGE",
    "OVERFLOW",
    "SUB_DATA",
    "SUB_PAGE",
    "DamagedPageError",
    "Meta",
    "Nodes",
    "Tree",
    "expect",
    "fixed_values",
    "head_of",
    "meta_of",
    "nodes_of",
    "overflow_pages",
    "tree_of",
]

HEAD_BYTES = 16
BRANCH, LEAF, OVERFLOW, META, DIRTY, FIXED_LEAF, SUB_PAGE = 1, 2, 4, 8, 0x10, 0x20, 0x40
BIG_DATA, SUB_DATA, DUP_DATA = 1, 2, 4
NO_PAGE = (1 << 64) - 1

MAGIC = 0xBEEFC0DE
DATA_VERSION = 1

_HEAD = struct.Struct("<QHHHH")
_TREE = struct.Struct("<IHHQQQQQ")
_META = struct.Struct("<IIQQ48s48sQQ")
_NODE_BYTES = 8
_PAGE_SIZES = frozenset(1 << n for n in range(9, 17))

U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]


class DamagedPageError(Exception):
    """A page is not what LMDB writes; the message says what was expected."""


def expect(truth: object, message: str) -> None:
    """Raise DamagedPageError unless something holds."""
    if not truth:
        raise DamagedPageError(message)


class Head(NamedTuple):
    """A page's first bytes; of an overflow page, ``lower`` and ``upper`` are its length."""

    number: int
    pad: int
    flags: int
    lower: int
    upper: int


class Tree(NamedTuple):
    """A tree of a (sub-)database, as its record has it."""

    pad: int
    flags: int
    depth: int
    branch_pages: int
    leaf_pages: int
    overflow_pages: int
    entries: int
    root: int


class Meta(NamedTuple):
    """A meta page: the root of everything as of a transaction."""

    map_bytes: int
    free: Tree
    main: Tree
    last_page: int
    transaction: int

    @property
    def page_bytes(self) -> int:
        """Size of a page; LMDB keeps it where a tree keeps the size of its values."""
        return self.free.pad


class Nodes(NamedTuple):
    """The nodes of a branch or leaf page, in order.

    Attributes
    ----------
    keys : list of bytes
    flags : list of int
        Of a leaf's nodes.
    data : list of (int, int)
        Where a leaf's data begins within the page, and its length as the node has it.
    children : list of int
        Page numbers in a branch.
    """

    keys: list[bytes]
    flags: list[int]
    data: list[tuple[int, int]]
    children: list[int]


def head_of(page: bytes) -> Head:
    """Return the head of a page or a sub-page."""
    expect(len(page) >= HEAD_BYTES, f"expected a page, got {len(page)} bytes")
    return Head(*_HEAD.unpack_from(page))


def tree_of(record: bytes) -> Tree:
    """Return the tree that a record of 48 bytes describes."""
    expect(len(record) == _TREE.size, f"expected a tree's record, got {len(record)} bytes")
    return Tree(*_TREE.unpack(record))


def meta_of(page: bytes) -> Meta | None:
    """Return a meta page; None where LMDB itself refuses it."""
    head = head_of(page)
    magic, version, _, map_bytes, free, main, last, txn = _META.unpack_from(page, HEAD_BYTES)
    if not head.flags & META or magic != MAGIC or version != DATA_VERSION:
        return None
    meta = Meta(map_bytes, tree_of(free), tree_of(main), last, txn)
    expect(meta.page_bytes in _PAGE_SIZES, f"expected a size of pages, got {meta.page_bytes}")
    return meta


def overflow_pages(size: int, page_bytes: int) -> int:
    """Return how many pages a value outside its node takes."""
    return (HEAD_BYTES - 1 + size) // page_bytes + 1


def nodes_of(page: bytes, head: Head) -> Nodes:
    """Return the nodes of a page, which must fill it from ``upper`` to its end.

    Raises
    ------
    DamagedPageError
        Bounds, offsets or sizes contradict each other.
    """
    size = len(page)
    expect(
        HEAD_BYTES <= head.lower <= head.upper <= size and not (head.lower | head.upper) & 1,
        f"expected bounds within {size} bytes, got {head.lower} and {head.upper}",
    )
    words: U16 = np.frombuffer(page, "<u2", size // 2)
    offsets = words[HEAD_BYTES // 2 : head.lower // 2].astype(np.int64)
    within = (offsets >= head.upper) & (offsets <= size - _NODE_BYTES) & (offsets % 2 == 0)
    expect(within.all(), "expected nodes within the page, got others")
    at = offsets // 2
    low, high, flags, key_sizes = (words[at + n].astype(np.int64) for n in range(4))
    branch = bool(head.flags & BRANCH)
    lengths = low | high << 16
    kept = np.where(flags & BIG_DATA, 8, lengths) if not branch else np.zeros_like(lengths)
    _check_tiling(offsets, _NODE_BYTES + key_sizes + kept, head.upper, size)
    starts = (offsets + _NODE_BYTES).tolist()
    ends = (offsets + _NODE_BYTES + key_sizes).tolist()
    keys = [page[start:end] for start, end in zip(starts, ends, strict=True)]
    if branch:
        return Nodes(keys, [], [], (lengths | flags << 32).tolist())
    return Nodes(keys, flags.tolist(), list(zip(ends, lengths.tolist(), strict=True)), [])


def _check_tiling(offsets: I64, sizes: I64, upper: int, end: int) -> None:
    """Check that nodes lie side by side from ``upper`` to the page's end, as LMDB keeps them."""
    order = np.argsort(offsets)
    starts, ends = offsets[order], (offsets + sizes + (sizes & 1))[order]
    bounds = np.concatenate([starts, [end]])
    tiled = bounds[0] == upper and np.array_equal(ends, bounds[1:])
    expect(tiled, f"expected nodes side by side from {upper} to {end}, got others")


def fixed_values(page: bytes, head: Head, width: int, *, whole: bool) -> list[bytes]:
    """Return the values of a page that holds nothing but values of one width.

    Parameters
    ----------
    whole : bool
        False for a sub-page, which may have room left at its end.
    """
    size = len(page)
    count = (head.lower - HEAD_BYTES) // 2
    expect(head.pad == width > 0, f"expected values of {width} bytes, got {head.pad}")
    expect(head.lower >= HEAD_BYTES and not head.lower & 1, f"expected a count, got {head.lower}")
    expect(HEAD_BYTES + count * width <= size, f"expected values within the page, got {count}")
    if whole:
        upper = size - count * (width - 2)
        expect(head.upper == upper, f"expected its end at {upper}, got {head.upper}")
    starts = range(HEAD_BYTES, HEAD_BYTES + count * width, width)
    return [page[start : start + width] for start in starts]
