"""Array types, constants and named tuples that all backends take and return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["F32", "I32", "I64", "LANES", "NONE", "U8", "U32", "LinkRows", "Prepared", "Rows"]

LANES = 32
"""Running sums of a float product; element ``i`` is added to lane ``i % 32``."""
NONE = 0xFFFFFFFF
"""No row: pads neighbour lists and results."""

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
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
