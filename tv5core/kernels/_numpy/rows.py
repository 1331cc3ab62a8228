"""Operations row by row in NumPy: rotate, normalize, quantize, inner products, keys."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tv5core.kernels._types import F32, FINER, I32, I64, LANES, NONE, U8, U32, Rows

__all__ = [
    "dot",
    "find_keys",
    "gather",
    "normalize",
    "quantize_i8",
    "quantize_i16",
    "quantize_rows",
    "rotate",
    "rows_with_keys",
    "squared_norms",
    "sum_in_lanes",
]


def rotate(x: F32, center: F32, signs: F32) -> F32:
    """Centre, pad and rotate rows: float32[n, d], float32[d], float32[r, D] -> float32[n, D].

    Each row of ``signs`` is one round: random signs on all coordinates, then an orthonormal
    Hadamard transform of the first or, in odd rounds, the last ``p`` coordinates, where ``p`` is
    the largest power of two <= D.
    """
    n, d = x.shape
    width = signs.shape[1]
    out = np.zeros((n, width), np.float32)
    np.subtract(x, center, out=out[:, :d])
    block = 1 << (width.bit_length() - 1)
    norm = np.float32(1.0 / math.sqrt(block))
    for round_, sign in enumerate(signs):
        out *= sign
        part = out[:, :block] if round_ % 2 == 0 else out[:, width - block :]
        _hadamard(part)
        part *= norm
    return out


def _hadamard(x: F32) -> None:
    """Transform every row in place, unnormalised; the width is a power of two."""
    width = x.shape[1]
    half = 1
    while half < width:
        # A slice of a wider array is not contiguous, so index pairs instead of reshaping.
        pairs = np.arange(width).reshape(-1, 2, half)
        low, high = pairs[:, 0].ravel(), pairs[:, 1].ravel()
        a, b = x[:, low], x[:, high]
        x[:, low], x[:, high] = a + b, a - b
        half *= 2


def sum_in_lanes(products: F32) -> F32:
    """Sum rows in the kernels' fixed order: float32[n, d] -> float32[n]."""
    n, d = products.shape
    steps = -(-d // LANES)
    padded = np.zeros((n, steps * LANES), np.float32)
    padded[:, :d] = products
    lanes = np.zeros((n, LANES), np.float32)
    for step in range(steps):
        lanes += padded[:, step * LANES : (step + 1) * LANES]
    half = LANES // 2
    while half:
        lanes = lanes[:, :half] + lanes[:, half : 2 * half]
        half //= 2
    return lanes[:, 0]


def squared_norms(x: F32) -> F32:
    """Return the squared length of each row: float32[n, d] -> float32[n]."""
    with np.errstate(over="ignore"):
        return sum_in_lanes(x * x)


def normalize(x: F32) -> tuple[F32, F32]:
    """Scale rows to unit length: float32[n, d] -> float32[n, d], float32[n].

    The second result is :func:`squared_norms` of ``x``. A row whose squared norm is zero, infinite
    or NaN becomes what the division makes of it.
    """
    squares = squared_norms(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: F32 = x * np.divide(np.float32(1), np.sqrt(squares))[:, None]
    return scaled, squares


def gather(keys: I64, rows: U32) -> I64:
    """Look up keys by row: int64[m], uint32[n, k] -> int64[n, k], -1 where a row is NONE."""
    present = rows != NONE
    found = np.full(rows.shape, -1, np.int64)
    found[present] = keys[rows[present]]
    return found


def find_keys(keys: I64, by_key: U32, wanted: I64) -> I64:
    """Return the row of each wanted key, -1 where it is not here.

    Parameters
    ----------
    keys : int64[n]
        Distinct.
    by_key : uint32[n]
        Rows in the order of their keys.
    wanted : int64[m]

    Returns
    -------
    int64[m]
    """
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    place = np.searchsorted(keys, wanted, sorter=by_key)
    rows = by_key[np.minimum(place, len(keys) - 1)].astype(np.int64)
    return np.where(keys[rows] == wanted, rows, -1)


def rows_with_keys(keys: I64, wanted: I64) -> U8:
    """Return the bitmap of the rows that have a wanted key: int64[n], int64[m] -> uint8[n / 8].

    Keys below 0 are nobody's.
    """
    return np.packbits(np.isin(keys, wanted[wanted >= 0]), bitorder="little")


def _quantize(x: F32, limit: int) -> tuple[F32, F32]:
    peak = np.abs(x).max(axis=1, initial=np.float32(0))
    with np.errstate(divide="ignore"):
        inverse = np.where(peak > 0, np.float32(limit) / peak, np.float32(0)).astype(np.float32)
    # A subnormal peak has an infinite inverse; such a row counts as zero.
    inverse[~np.isfinite(inverse)] = 0
    scale = np.where(inverse > 0, peak / np.float32(limit), np.float32(0)).astype(np.float32)
    # A row with NaN or infinity has no inverse either: times 0 it would be NaN, which has no
    # integer value.
    factor = inverse[:, None]
    values = np.multiply(x, factor, where=factor > 0, out=np.zeros_like(x))
    # The rounded inverse may carry the peak past the limit by one unit in the last place.
    return np.clip(np.rint(values), -limit, limit), scale


def quantize_i8(x: F32) -> tuple[npt.NDArray[np.int8], F32]:
    """Round rows to int8 with one scale per row: float32[n, d] -> int8[n, d], float32[n]."""
    values, scale = _quantize(x, 127)
    return values.astype(np.int8), scale


def quantize_i16(x: F32) -> tuple[npt.NDArray[np.int16], F32]:
    """Round rows to int16: float32[n, d] -> int16[n, d], float32[n].

    The range is the largest for which a sum of ``d`` products with int8 fits in int32.
    """
    limit = min(32767, (2**31 - 1) // (127 * x.shape[1]))
    values, scale = _quantize(x, limit)
    return values.astype(np.int16), scale


def quantize_rows(
    x: F32, finer: bool = False
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8] | None, F32]:
    """Round rows to what is stored of them.

    ``scale * values`` restores a row to 8 bits, ``scale * (values + residuals / FINER)`` to 16.

    Parameters
    ----------
    x : float32[n, d]
    finer : bool
        Whether to return residuals.

    Returns
    -------
    values : int8[n, d]
    residuals : int8[n, d] or None
    scale : float32[n]
        0 for rows that count as zero, as :func:`quantize_i8` has them.
    """
    _, scale = _quantize(x, 127)
    with np.errstate(divide="ignore", over="ignore"):
        finest = np.where(scale > 0, np.float32(FINER) / scale, np.float32(0)).astype(np.float32)
    lost = ~np.isfinite(finest)
    finest[lost], scale[lost] = 0, 0
    factor, there = (finest / np.float32(FINER))[:, None], (finest > 0)[:, None]
    values = np.multiply(x, factor, where=there, out=np.zeros_like(x))
    values = np.clip(np.rint(values), -127, 127)
    if not finer:
        return values.astype(np.int8), None, scale
    left = np.subtract(x, scale[:, None] * values, where=there, out=np.zeros_like(x))
    residuals = np.clip(np.rint(left * finest[:, None]), -127, 127)
    return values.astype(np.int8), residuals.astype(np.int8), scale


def dot(rows: Rows, query: npt.NDArray[np.int16] | F32) -> I32 | F32:
    """Return the inner product of each row with one query.

    int8 rows take an int16 query and give exact int32; float16 and float32 rows take a float32
    query and give float32, summed in the kernels' order.
    """
    if rows.dtype == np.int8:
        sums: I32 = rows.astype(np.int32) @ query.astype(np.int32)
        return sums
    return sum_in_lanes(rows.astype(np.float32) * query)
