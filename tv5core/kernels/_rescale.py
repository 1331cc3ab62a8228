"""The mean factor by which the error of a graph's estimates grows, for every backend alike."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import U8

__all__ = ["mean_rescale"]

_SAMPLE = 32
"""Codes read. ``f_rescale`` differs little between rows of one length, and each code read from a
mapped file may cost a page fault."""


def mean_rescale(codes: U8, bits: int) -> float:
    """Return the mean ``f_rescale`` of evenly spaced codes.

    The standard deviation of an estimate's error is proportional to ``f_rescale``.

    Parameters
    ----------
    codes : uint8[n, >= bits / 8 + 8]
        Sign bits, ``f_add`` and ``f_rescale`` of each row.
    bits : int
    """
    sample = np.linspace(0, len(codes) - 1, min(_SAMPLE, len(codes))).astype(np.int64)
    factors = np.ascontiguousarray(codes[sample, bits // 8 + 4 : bits // 8 + 8])
    return float(factors.view(np.float32).mean(dtype=np.float64))
