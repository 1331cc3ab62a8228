"""Array types, constants and named tuples that all backends take and return."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "F32",
    "FINER",
    "I32",
    "I64",
    "LANES",
    "LINK_SLACK",
    "NONE",
    "POSTING_BLOCK",
    "U8",
    "U16",
    "U32",
    "U64",
    "LinkRows",
    "PackedLinks",
    "PostingBlocks",
    "Prepared",
    "RowFilter",
    "Rows",
    "ScoredLists",
    "ScoredWords",
    "ValueLists",
]

LANES = 32
"""Running sums of a float product; element ``i`` is added to lane ``i % 32``."""
NONE = 0xFFFFFFFF
"""No row: pads neighbour lists and results."""
LINK_SLACK = 4
"""Bytes behind packed links, so that each is read as four bytes."""
FINER = 254
"""Steps of a residual in one step of a stored row's values."""
POSTING_BLOCK = 128
"""Postings of a full block; the last block of a list may hold fewer."""

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int8] | npt.NDArray[np.float16] | npt.NDArray[np.float32]


class Prepared(NamedTuple):
    """Queries prepared for the asymmetric estimator, one row per query."""

    values: npt.NDArray[np.int8]
    """int8[n, bits]: the centred, rotated query; ``value * scale`` restores it."""
    scale: F32
    """float32[n]."""
    total: I32
    """int32[n]: sum of ``values`` of a query."""
    base: F32
    """float32[n]: inner product of the query with the centre."""


class RowFilter(NamedTuple):
    """Which rows a walk may return, and how it goes round the others."""

    allow: U8
    """uint8[>= n / 8]: bitmap in little bit order."""
    allowed: int
    """Number of rows that may be returned."""
    bridges: int
    """Other rows that may wait to be expanded, which are not returned; may be 0."""
    budget: int
    """Codes that a walk may read; one that would need more gives up and returns no row."""


class LinkRows(NamedTuple):
    """Rows whose distances decide which links a graph gets."""

    values: npt.NDArray[np.int8]
    """int8[m, d]: by position."""
    scales: F32
    """float32[m]"""
    squares: F32
    """float32[m]: squared lengths, ``scales`` applied."""
    positions: U32
    """uint32[n]: the position of each row of the graph among the values."""


class PackedLinks(NamedTuple):
    """The links of all rows without padding; each row's record says where its list is.

    The place of a list, behind the code (:meth:`CodeLayout.places`), is the number of links before
    it, 48 bits, and its length, 16 bits.
    """

    data: U8
    """uint8[...]: little-endian numbers of ``width`` bytes, then at least ``LINK_SLACK`` more."""
    width: int
    """Bytes of a number, 1 to 4."""
    degree: int
    """Links that a row has at most."""


class PostingBlocks(NamedTuple):
    """Posting lists in blocks: documents in ascending order, and how often the term is in each.

    A value is ``2 * document + (frequency > 1)``. A block stores its first value, then the
    differences of the others' documents in the same form, ``width`` bytes each, little-endian, then
    one byte for the frequency of each posting that is above 1.
    """

    first: U32
    """uint32[b]: the first value of each block."""
    offsets: U32
    """uint32[b + 1]: where its bytes begin in ``data``; the last is the end."""
    widths: U8
    """uint8[b]: bytes of a difference, 0 to 4; 0 where the block has one posting."""
    data: U8
    """uint8[...]"""


class ScoredLists(NamedTuple):
    """The posting lists of a query, those of one word and group together."""

    starts: U32
    """uint32[m]: first block of each list."""
    counts: U32
    """uint32[m]: postings of each list."""
    fields: U8
    """uint8[m]: the field whose lengths and norms apply."""
    weights: F32
    """float32[m]"""


class ScoredWords(NamedTuple):
    """One entry for each word of a query and group of fields, in the order of adding scores."""

    ends: U32
    """uint32[w]: the lists of entry i are those from ``ends[i - 1]`` (0 for the first) on."""
    groups: U8
    """uint8[w]: which of the group's scores and masks the entry adds to."""
    bits: U8
    """uint8[w]: 0 to 63, the bit of the word in masks."""
    scales: F32
    """float32[w]: inverse document frequency and weight of the word."""
    saturations: F32
    """float32[w]: BM25's k1."""


class ValueLists(NamedTuple):
    """Values of documents: those of document ``d`` are ``values[offsets[d]:offsets[d + 1]]``."""

    offsets: U32 | None
    """uint32[n + 1]; None where each document has one value, ``values[d]``."""
    values: npt.NDArray[np.unsignedinteger[Any]]
    """uint8[m], uint16[m] or uint32[m]"""
    roles: U8 | None = None
    """uint8[m]: bits that say in which role a document has a value; or None."""
    groups: U32 | None = None
    """uint32[v]: what each value counts as, NONE for nothing; None where it counts as itself."""
