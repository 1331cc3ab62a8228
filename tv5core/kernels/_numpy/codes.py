"""RaBitQ codes in NumPy: encode rows, prepare queries, estimate inner products.

A row's code is its sign bits followed by two float32 factors, ``f_add`` and ``f_rescale``, and
padding. The estimator is that of RaBitQ (Gao and Long, SIGMOD 2024) with int8 queries; see
``ext/asymmetric/asymmetric.inc``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.kernels._numpy.rows import quantize_i8, rotate, sum_in_lanes
from tv5core.kernels._types import F32, I32, U8, Prepared

__all__ = [
    "ERROR_STD",
    "asymmetric",
    "encode",
    "error_margins",
    "estimates",
    "estimates_by_signs",
    "hamming",
    "prepare",
]

ERROR_STD = np.float32(0.60281027)
"""sqrt(1 - 2 / pi): the standard deviation of an estimate's error is this times ``f_rescale`` and
the query's length (see ``ext/asymmetric/asymmetric.inc``)."""


def hamming(sign_bits: U8, query: U8) -> I32:
    """Count the bits in which rows differ from a query: uint8[n, B], uint8[B] -> int32[n]."""
    differing: I32 = np.bitwise_count(sign_bits ^ query).sum(axis=1, dtype=np.int32)
    return differing


def encode(rotated: F32) -> tuple[U8, F32, F32]:
    """Return the sign bits of rotated rows and the sums from which their factors are computed.

    Parameters
    ----------
    rotated : float32[n, D]

    Returns
    -------
    sign_bits : uint8[n, D / 8]
        Bit ``i`` (little bit order) is set where ``x[i] > 0``.
    absolute : float32[n]
        Sum of ``|x|``.
    square : float32[n]
        Sum of ``x^2``.
    """
    sign_bits = np.packbits(rotated > 0, axis=1, bitorder="little")
    return sign_bits, sum_in_lanes(np.abs(rotated)), sum_in_lanes(rotated * rotated)


def prepare(queries: F32, center: F32, signs: F32) -> Prepared:
    """Centre, rotate and quantize queries: float32[n, d] -> Prepared.

    ``center`` and ``signs`` are those of :func:`rotate`.
    """
    values, scale = quantize_i8(rotate(queries, center, signs))
    total = values.sum(axis=1, dtype=np.int32)
    return Prepared(values, scale, total, sum_in_lanes(queries * center))


def asymmetric(query: npt.NDArray[np.int8], sign_bits: U8) -> I32:
    """Sum the query's values where a row's bit is set: int8[D], uint8[n, D / 8] -> int32[n]."""
    bits = np.unpackbits(sign_bits, axis=1, bitorder="little")
    sums: I32 = bits.astype(np.int32) @ query.astype(np.int32)
    return sums


def estimates(codes: U8, prepared: Prepared, i: int) -> F32:
    """Estimate the inner products of rows with query ``i``, without the query's base."""
    sign_bits, factors = _parts(codes, prepared)
    sums = asymmetric(prepared.values[i], sign_bits)
    centred = (2 * sums - prepared.total[i]).astype(np.float32) * prepared.scale[i]
    estimated: F32 = factors[:, 0] + factors[:, 1] * centred
    return estimated


def estimates_by_signs(codes: U8, prepared: Prepared, i: int) -> F32:
    """Estimate as :func:`estimates` does, from the query's signs and its mean magnitude only."""
    values = prepared.values[i]
    bits = len(values)
    sign_bits, factors = _parts(codes, prepared)
    differing = hamming(sign_bits, np.packbits(values >= 0, bitorder="little"))
    total = np.abs(values.astype(np.int32)).sum(dtype=np.int32)
    magnitude = np.float32(total) / np.float32(bits) * prepared.scale[i]
    centred = (bits - 2 * differing).astype(np.float32) * magnitude
    estimated: F32 = factors[:, 0] + factors[:, 1] * centred
    return estimated


def error_margins(prepared: Prepared, error_margin: float) -> F32:
    """Return, per query, so many standard deviations of the error where ``f_rescale`` is 1."""
    squares = (prepared.values.astype(np.int32) ** 2).sum(axis=1, dtype=np.int32)
    lengths = np.sqrt(squares.astype(np.float32)) * prepared.scale
    margins: F32 = np.float32(error_margin) * (ERROR_STD * lengths)
    return margins


def _parts(codes: U8, prepared: Prepared) -> tuple[U8, F32]:
    """Split codes into sign bits and factors: uint8[n, D / 8], float32[n, 2]."""
    width = prepared.values.shape[1] // 8
    factors = np.ascontiguousarray(codes[:, width : width + 8]).view(np.float32)
    return codes[:, :width], factors
