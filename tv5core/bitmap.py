"""Bitmaps of rows, one bit a row in little bit order, as the kernels read them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "Bitmap",
    "cleared",
    "count",
    "extended",
    "from_mask",
    "from_rows",
    "full",
    "intersect",
    "resized",
    "rows",
    "test",
]

Bitmap = npt.NDArray[np.uint8]


def full(n: int) -> Bitmap:
    """Return a bitmap of ``n`` set bits; those past ``n`` are clear."""
    bitmap = np.full(-(-n // 8), 0xFF, np.uint8)
    if n % 8:
        bitmap[-1] = (1 << n % 8) - 1
    return bitmap


def from_mask(mask: npt.NDArray[np.bool_]) -> Bitmap:
    """Pack a boolean mask."""
    return np.packbits(mask, bitorder="little")


def from_rows(rows: npt.NDArray[np.integer], n: int) -> Bitmap:
    """Set the bits of ``rows`` among ``n``."""
    bitmap = np.zeros(-(-n // 8), np.uint8)
    np.bitwise_or.at(bitmap, rows >> 3, _bits(rows))
    return bitmap


def cleared(bitmap: Bitmap, rows: npt.NDArray[np.integer]) -> Bitmap:
    """Return a copy without the bits of ``rows``: readers may hold the original."""
    copy = bitmap.copy()
    np.bitwise_and.at(copy, rows >> 3, ~_bits(rows))
    return copy


def extended(bitmap: Bitmap, start: int, stop: int) -> Bitmap:
    """Return a copy in which the rows from ``start`` to ``stop`` are set, longer if need be."""
    mask = np.ones(stop, bool)
    mask[:start] = np.unpackbits(bitmap, count=start, bitorder="little")
    return from_mask(mask)


def resized(bitmap: Bitmap, n: int) -> Bitmap:
    """Return a bitmap of ``n`` rows: those past the end of a shorter one are clear."""
    if 8 * len(bitmap) < n:
        return np.pad(bitmap, (0, -(-n // 8) - len(bitmap)))
    cut = bitmap[: -(-n // 8)].copy()
    if n % 8:
        cut[-1] &= (1 << n % 8) - 1
    return cut


def test(bitmap: Bitmap, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Tell which of ``rows`` are set."""
    found: npt.NDArray[np.bool_] = (bitmap[rows >> 3] & _bits(rows)) != 0
    return found


def rows(bitmap: Bitmap | None, n: int) -> npt.NDArray[np.int64]:
    """Return the set rows among ``n``; None stands for all."""
    if bitmap is None:
        return np.arange(n, dtype=np.int64)
    return np.flatnonzero(np.unpackbits(bitmap, count=n, bitorder="little")).astype(np.int64)


def intersect(a: Bitmap | None, b: Bitmap | None) -> Bitmap | None:
    """Return the bits set in both; None stands for all."""
    if a is None or b is None:
        return a if b is None else b
    return a & b


def count(bitmap: Bitmap) -> int:
    """Count set bits."""
    if not bitmap.flags.c_contiguous:
        bitmap = bitmap.copy()
    whole = len(bitmap) & ~7  # eight bytes at once take a fifth of the time
    words = np.bitwise_count(bitmap[:whole].view(np.uint64)).sum(dtype=np.int64)
    return int(words + np.bitwise_count(bitmap[whole:]).sum(dtype=np.int64))


def _bits(rows: npt.NDArray[np.integer]) -> Bitmap:
    return np.left_shift(np.uint8(1), (rows & 7).astype(np.uint8))
