"""Encoding of posting lists into blocks, and of positions; the kernels decode them.

``tv5core.kernels.PostingBlocks`` says how a block looks. Whole bytes instead of bits: of 66,120
real titles the lists take 89 bytes a title, 71 if they were bit-packed, of 440 in all; and bytes
need neither shifts nor a table to decode, on any processor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.errors import InvalidInputError
from tv5core.kernels import POSTING_BLOCK
from tv5core.lexical.tokens import ranges

__all__ = ["Encoded", "decode_positions", "encode", "encode_positions", "offsets"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_MAX_BYTES = 1 << 32


class Encoded(NamedTuple):
    """Blocks of posting lists."""

    blocks: I64
    """int64[lists]: how many blocks each list has."""
    first: npt.NDArray[np.uint32]
    sizes: I64
    """int64[b]: bytes of each block."""
    widths: U8
    data: U8


def encode(counts: I64, documents: I64, frequencies: I64) -> Encoded:
    """Encode lists of postings, which follow one another.

    Parameters
    ----------
    counts : int64[lists]
        Postings of each list, at least 1.
    documents : int64[n]
        In ascending order within a list.
    frequencies : int64[n]
        From 1 to 255.
    """
    place = np.arange(len(documents)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = place % POSTING_BLOCK == 0
    block = np.cumsum(begins) - 1
    flagged = frequencies > 1
    values = 2 * documents + flagged
    steps = np.where(begins, 0, values - 2 * np.roll(documents, 1))
    at = np.flatnonzero(begins)
    widths = _bytes_needed(np.maximum.reduceat(steps, at)) if len(at) else np.zeros(0, np.int64)
    sizes = np.diff(at, append=len(documents))
    deltas = widths * (sizes - 1)
    exceptions = np.bincount(block[flagged], minlength=len(at))
    data = np.zeros(int((deltas + exceptions).sum()), np.uint8)
    start = np.cumsum(deltas + exceptions) - (deltas + exceptions)
    rest = ~begins
    _scatter(
        data,
        start[block[rest]] + (place[rest] % POSTING_BLOCK - 1) * widths[block[rest]],
        steps[rest],
        widths[block[rest]],
    )
    data[ranges(start + deltas, exceptions)] = frequencies[flagged]
    return Encoded(
        -(-counts // POSTING_BLOCK),
        values[begins].astype(np.uint32),
        deltas + exceptions,
        widths.astype(np.uint8),
        data,
    )


def encode_positions(counts: I64, positions: I64) -> tuple[I64, U8]:
    """Store the positions of lists: one byte each where all of a list fit, else two.

    Parameters
    ----------
    counts : int64[lists]
        Positions of each list, at least 1.
    positions : int64[n]
        Below 65,536.

    Returns
    -------
    sizes : int64[lists]
        Bytes of each list.
    data : uint8[sizes.sum()]
    """
    if not len(counts):
        return np.zeros(0, np.int64), np.zeros(0, np.uint8)
    starts = np.cumsum(counts) - counts
    widths = 1 + (np.maximum.reduceat(positions, starts) > 255)
    sizes = widths * counts
    data = np.zeros(int(sizes.sum()), np.uint8)
    width = np.repeat(widths, counts)
    _scatter(data, np.cumsum(width) - width, positions, width)
    return sizes, data


def decode_positions(data: U8, starts: I64, sizes: I64, counts: I64) -> I64:
    """Read the positions of lists of known counts."""
    width = np.repeat(sizes // np.maximum(counts, 1), counts)
    at = np.repeat(starts, counts)
    place = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    at += place * width
    found = data[at].astype(np.int64)
    wide = width == 2
    found[wide] |= data[at[wide] + 1].astype(np.int64) << 8
    return found


def offsets(sizes: I64) -> npt.NDArray[np.uint32]:
    """Return where blocks of these sizes begin, and their end: uint32[b + 1]."""
    ends = np.cumsum(sizes)
    if len(ends) and ends[-1] >= _MAX_BYTES:
        raise InvalidInputError(f"expected less than 4 GiB of postings, got {int(ends[-1])} bytes")
    return np.concatenate([[0], ends]).astype(np.uint32)


def _bytes_needed(values: I64) -> I64:
    """Return 1 to 4 for what fits into so many bytes, 0 for 0."""
    found: I64 = np.searchsorted([1, 1 << 8, 1 << 16, 1 << 24], values, "right").astype(np.int64)
    return found


def _scatter(data: U8, at: I64, values: I64, widths: I64) -> None:
    """Write values of so many bytes each, the low byte first."""
    for byte in range(int(widths.max(initial=0))):
        wide = widths > byte
        data[at[wide] + byte] = (values[wide] >> (8 * byte)) & 255
