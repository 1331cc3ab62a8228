"""The mean factor by which the error of a graph's estimates grows, for every backend alike."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import U8
from tv5core.kernels.code_layout import CodeLayout

__all__ = ["mean_rescale"]

_SAMPLE = 32
"""Codes read. ``f_rescale`` differs little between rows of one length, and each code read from a
mapped file may cost a page fault."""


def mean_rescale(codes: U8, bits: int) -> float:
    """Return the mean ``f_rescale`` of evenly spaced codes.

    The standard deviation of an estimate's error is proportional to ``f_rescale``.

    Parameters
    ----------
    codes : uint8[n, >= size]
        As :class:`CodeLayout` says.
    bits : int
    """
    sample = np.linspace(0, len(codes) - 1, min(_SAMPLE, len(codes))).astype(np.int64)
    rescale = CodeLayout(bits).factors(codes[sample])[:, 1]
    mean = float(np.ascontiguousarray(rescale).mean(dtype=np.float64))
    return 0.0 if mean < 0 else mean  # only of damaged codes: a margin is never negative
