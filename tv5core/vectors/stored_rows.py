"""StoredRows: rows kept for exact scores of the best candidates.

One scale a row suits int8 badly where a few axes carry much of a row's length. So int8 rows are
stored rotated like the codes, which spreads the length evenly: ``q(P x)``, scored with ``P q``.
They are not centred, so they do not depend on the centre. Where the rotation pads (``dim`` is no
multiple of 64) they are stored unrotated: rotated ones would be wider, and the rounding in the
padding would be lost when they are restored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import InvalidInputError
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.validation import Rescoring

__all__ = ["StoredRows", "frame_of"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]


def frame_of(quantizer: Quantizer, rescoring: Rescoring) -> Quantizer | None:
    """Return the rotation that new rows are stored in, None where they are stored as they are."""
    return quantizer if rescoring == "int8" and quantizer.bits == quantizer.dim else None


def _coarse(scales: F32) -> F32:
    """Round scales to 15 bits of fraction.

    Rotating back and forth moves the largest value of a row by some units in the last place; so
    rounded, the scale of a restored row is what it was.
    """
    raw = scales.view(np.uint32)
    return ((raw + np.uint32(0x80)) & np.uint32(0xFFFFFF00)).view(np.float32)


@dataclass(frozen=True)
class StoredRows:
    """Rows kept in full or as int8 with one scale a row.

    Attributes
    ----------
    values : int8, float16 or float32 [n, dim]
    scales : float32[n] or None
        Only for int8; ``value * scale`` restores a row in its frame.
    frame : Quantizer or None
        The rotation the rows are stored in; None where they are stored as they are.
    """

    values: kernels.Rows
    scales: F32 | None
    frame: Quantizer | None = None

    @classmethod
    def encode(
        cls, vectors: F32, rescoring: Rescoring, frame: Quantizer | None = None
    ) -> StoredRows:
        """Convert float32[n, dim] to a row type.

        Raises
        ------
        InvalidInputError
            A value is beyond float16 where that was asked for.
        """
        if frame is not None:
            values, scales = kernels.quantize_i8(frame.turn(vectors))
            return cls(values, _coarse(scales), frame)
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
        scales = None if self.scales is None else self.scales[rows]
        return StoredRows(self.values[rows], scales, self.frame)

    @property
    def shift(self) -> F32 | None:
        """Rotated centre to add to a rotated, centred query; None where rows take the raw query."""
        return None if self.frame is None else self.frame.shift

    def framed(self, rows: npt.NDArray[np.integer] | slice) -> F32:
        """Restore rows as float32 without leaving the frame."""
        values = self.values[rows].astype(np.float32)
        return values if self.scales is None else values * self.scales[rows][:, None]

    def decode(self, rows: npt.NDArray[np.integer] | slice) -> F32:
        """Restore rows as float32, as exactly as they are stored.

        Encoding them again gives the same values and scales.
        """
        framed = self.framed(rows)
        return framed if self.frame is None else self.frame.turn_back(framed)

    def rescore(self, queries: F32, candidates: U32, k: int) -> tuple[U32, F32]:
        """Score candidates exactly: uint32[queries, m] -> rows, scores [queries, k]."""
        return kernels.rescore(self.values, self.scales, self.turned(queries), candidates, k)

    def scan(self, queries: F32, k: int, allow: U8 | None = None) -> tuple[U32, F32]:
        """Score every (allowed) row exactly and keep the k best of each query."""
        return kernels.scan_rows(self.values, self.scales, self.turned(queries), k, allow)

    def turned(self, queries: F32) -> F32:
        """Rotate queries into the frame, with the same sums as a walk: float32[n, dim]."""
        if self.frame is None:
            return queries
        turned: F32 = kernels.rotate(queries, self.frame.center, self.frame.signs)
        turned += self.frame.shift
        return turned
