"""Stored rows for the exact look at the best candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import InvalidInputError
from tv5core.vectors.checks import Rescoring

__all__ = ["StoredRows"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class StoredRows:
    """Rows kept in full or as int8 with one scale a row.

    Attributes
    ----------
    values : int8, float16 or float32 [n, dim]
    scales : float32[n] or None
        Only for int8; ``value * scale`` restores a row.
    """

    values: kernels.Rows
    scales: F32 | None

    @classmethod
    def encode(cls, vectors: F32, rescoring: Rescoring) -> StoredRows:
        """Convert float32[n, dim] to the given row type.

        Raises
        ------
        InvalidInputError
            A value is beyond float16 where that was asked for.
        """
        if rescoring == "int8":
            return cls(*kernels.quantize_i8(vectors))
        if rescoring == "float32":
            return cls(vectors, None)
        with np.errstate(over="ignore"):
            half = vectors.astype(np.float16)
        if not np.isfinite(half).all():
            raise InvalidInputError("expected values within float16 (65504), got larger ones")
        return cls(half, None)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> StoredRows:
        return StoredRows(self.values[rows], None if self.scales is None else self.scales[rows])

    def decode(self, rows: npt.NDArray[np.integer] | slice) -> F32:
        """Restore rows as float32, as exactly as they are stored."""
        values = self.values[rows].astype(np.float32)
        return values if self.scales is None else values * self.scales[rows][:, None]

    def rescore(self, queries: F32, candidates: U32, k: int) -> tuple[U32, F32]:
        """Score candidates exactly: uint32[queries, m] -> rows, scores [queries, k]."""
        return kernels.rescore(self.values, self.scales, queries, candidates, k)

    def scan(self, queries: F32, k: int, allow: U8 | None = None) -> tuple[U32, F32]:
        """Score every (allowed) row exactly and keep the k best of each query."""
        return kernels.scan_rows(self.values, self.scales, queries, k, allow)
