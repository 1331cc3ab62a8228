"""StoredRows: rows kept for exact scores of the best candidates.

int8 rows keep what differs: with ``c`` the centre and ``P`` the rotation of the codes, a row is
stored as ``scale * v``, the rounded ``P (x - c)``, and ``add = <x - c, c>`` in full precision::

    <q, x>  =  <q, c> + add + <q - c, x - c>  ~  <q, c> + add + scale * <P (q - c), v>

So the rounding error grows with ``|q - c|``, not with ``|q|``: vectors that share a mean, as those
of most transformers do, keep their order. The first term is added once a query. Rotating spreads
each row's length evenly over its axes, which one scale a row needs. Where the rotation pads
(``dim`` is no multiple of 64) rows are centred only: rotated ones would be wider, and the rounding
in the padding would be lost when they are restored.

int16 rows are int8 rows and their residuals, a second int8 that divides each step into 254. They
are read for the few rows whose score without them is not clear.

Rows of files up to version 2 are not centred: ``v`` is the rounded ``P x`` or ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import InvalidInputError
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.validation import Stored

__all__ = ["Frame", "StoredRows"]

F32 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Frame:
    """What was done to rows before they were rounded.

    Attributes
    ----------
    quantizer : Quantizer
        Centre and rotation of the codes.
    rotated : bool
    centred : bool
    """

    quantizer: Quantizer
    rotated: bool
    centred: bool

    @classmethod
    def of(cls, quantizer: Quantizer) -> Frame:
        """Return the frame of new int8 rows."""
        return cls(quantizer, rotated=quantizer.bits == quantizer.dim, centred=True)

    @property
    def shift(self) -> F32 | None:
        """Rotated centre to add to a rotated, centred query; None where rows are not rotated."""
        if not self.rotated:
            return None
        return np.zeros_like(self.quantizer.shift) if self.centred else self.quantizer.shift

    @property
    def center(self) -> F32 | None:
        """Centre that rows leave out; None where they leave none out."""
        return self.quantizer.center if self.centred else None

    def into(self, vectors: F32) -> F32:
        """Turn rows or queries into the frame, with the same sums as a walk: float32[n, dim]."""
        center, signs = self.quantizer.center, self.quantizer.signs
        if self.rotated:
            turned: F32 = kernels.rotate(vectors, center, signs)
            turned += np.float32(0) if self.centred else self.quantizer.shift
            return turned
        return vectors - center if self.centred else vectors

    def out_of(self, framed: F32) -> F32:
        """Turn rows back."""
        plain = self.quantizer.turn_back(framed) if self.rotated else framed
        if self.centred:
            plain = plain + self.quantizer.center
        return plain


@dataclass(frozen=True)
class StoredRows:
    """Rows kept in full, as int8, or as int8 with residuals.

    Attributes
    ----------
    values : int8, float16 or float32 [n, dim]
    factors : float32[n, 2] or float32[n] or None
        Only for int8: the scale of each row and, where rows are centred, what is added to scores.
    frame : Frame or None
        None where rows are stored as they are.
    residuals : int8[n, dim] or None
        ``scale * (value + residual / 254)`` restores a row in its frame.
    """

    values: kernels.Rows
    factors: F32 | None
    frame: Frame | None = None
    residuals: I8 | None = None

    @classmethod
    def encode(cls, vectors: F32, kind: Stored, quantizer: Quantizer) -> StoredRows:
        """Convert float32[n, dim] to stored rows.

        Raises
        ------
        InvalidInputError
            A value is beyond float16 where that was asked for.
        """
        if kind == "float32":
            return cls(vectors, None)
        if kind == "float16":
            return cls(_halves(vectors), None)
        frame, center = Frame.of(quantizer), quantizer.center
        values, residuals, scales = kernels.quantize_rows(frame.into(vectors), kind == "int16")
        added = kernels.dot(vectors - center, center)
        factors = np.stack([scales, added], axis=1).astype(np.float32, copy=False)
        return cls(values, np.ascontiguousarray(factors), frame, residuals)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | npt.NDArray[np.integer]) -> StoredRows:
        return self.with_arrays([array[rows] for array in self.arrays()])

    @property
    def kind(self) -> Stored:
        """``int8``, ``int16``, ``float16`` or ``float32``."""
        if self.residuals is not None:
            return "int16"
        kinds: dict[str, Stored] = {"int8": "int8", "float16": "float16"}
        return kinds.get(self.values.dtype.name, "float32")

    @property
    def scales(self) -> F32 | None:
        """float32[n], where rows are int8."""
        factors = self.factors
        return factors if factors is None or factors.ndim == 1 else factors[:, 0]

    @property
    def coarse(self) -> StoredRows:
        """The same rows without their residuals."""
        return self if self.residuals is None else replace(self, residuals=None)

    def converted(self, kind: Stored, quantizer: Quantizer) -> StoredRows | None:
        """Return these rows as another kind of int, without rounding them again.

        None where that cannot be: they leave out another centre, or are or were floats.
        """
        frame = self.frame
        if frame is None or not frame.centred or not frame.quantizer.equals(quantizer):
            return None
        if kind == self.kind or kind == "int8":
            return self if kind == self.kind else self.coarse
        nothing = np.zeros(self.values.shape, np.int8)
        return replace(self, residuals=nothing) if kind == "int16" else None

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays that hold the rows, a row of each for each row."""
        every = (self.values, self.factors, self.residuals)
        return [array for array in every if array is not None]

    def with_arrays(self, arrays: Sequence[npt.NDArray[Any]]) -> StoredRows:
        """Return other rows of the same kind, of what :meth:`arrays` returns."""
        left = list(arrays)
        values = left.pop(0)
        factors = None if self.factors is None else left.pop(0)
        return StoredRows(values, factors, self.frame, left[0] if left else None)

    # -- restoring ------------------------------------------------------------------------

    def framed(self, rows: npt.NDArray[np.integer] | slice) -> F32:
        """Restore rows as float32 without leaving the frame."""
        values, scales = self.values[rows].astype(np.float32), self.scales
        if self.residuals is not None:
            values += self.residuals[rows] / np.float32(kernels.FINER)
        return values if scales is None else values * scales[rows][:, None]

    def decode(self, rows: npt.NDArray[np.integer] | slice) -> F32:
        """Restore rows as float32, as exactly as they are stored."""
        framed = self.framed(rows)
        if self.frame is None:
            return framed
        plain = self.frame.out_of(framed)
        if self.frame.centred and self.factors is not None:
            plain += self._lost(plain, self.factors[rows][:, 1], self.frame.quantizer.center)
        return plain

    @staticmethod
    def _lost(plain: F32, added: F32, center: F32) -> F32:
        """Return what rounding lost along the centre, which scores do not lose."""
        length = float(center @ center)
        if not length:
            return np.zeros_like(plain)
        left = (added - kernels.dot(plain - center, center)) / np.float32(length)
        lost: F32 = (left[:, None] * center).astype(np.float32, copy=False)
        return lost

    # -- scoring --------------------------------------------------------------------------

    def rescore(
        self,
        queries: F32,
        candidates: U32,
        k: int,
        upper_bounds: F32 | None = None,
        compared: I32 | None = None,
    ) -> tuple[U32, F32]:
        """Score candidates exactly: uint32[queries, m] -> rows, scores [queries, k].

        Bounds are of scores without what rows leave out; ``compared`` gets the rows scored.
        """
        ready, rest = self.turned(queries), self.residuals
        found = kernels.rescore(
            self.values, self.factors, ready, candidates, k, upper_bounds, rest, compared
        )
        return self._whole(queries, *found)

    def scan(self, queries: F32, k: int, allow: U8 | None = None) -> tuple[U32, F32]:
        """Score every (allowed) row exactly and keep the k best of each query."""
        ready, rest = self.turned(queries), self.residuals
        found = kernels.scan_rows(self.values, self.factors, ready, k, allow, residuals=rest)
        return self._whole(queries, *found)

    def scan_bounded(
        self,
        codes: U8,
        prepared: kernels.Prepared,
        queries: F32,
        k: int,
        error_margin: float,
        allow: U8 | None = None,
        compared: I32 | None = None,
    ) -> tuple[U32, F32]:
        """Score every (allowed) row exactly whose code says that it may be among the k best."""
        prepared = self.without_rest(prepared, queries)
        found = kernels.scan_bounded(
            codes,
            prepared,
            self.values,
            self.factors,
            self.turned(queries),
            k,
            error_margin,
            allow,
            residuals=self.residuals,
            compared=compared,
        )
        return self._whole(queries, *found)

    def without_rest(self, prepared: kernels.Prepared, queries: F32) -> kernels.Prepared:
        """Return prepared queries whose estimates lack what rows leave out, as scores do."""
        left_out = self._left_out(queries)
        return prepared if left_out is None else prepared._replace(base=prepared.base - left_out)

    def turned(self, queries: F32) -> F32:
        """Turn queries into the frame: float32[n, dim]."""
        return queries if self.frame is None else self.frame.into(queries)

    def _left_out(self, queries: F32) -> F32 | None:
        """Return the part of each query's scores that rows leave out."""
        if self.frame is None or self.frame.center is None:
            return None
        part: F32 = kernels.dot(queries, self.frame.center)
        return part

    def _whole(self, queries: F32, rows: U32, scores: F32) -> tuple[U32, F32]:
        """Add what rows leave out to scores."""
        left_out = self._left_out(queries)
        if left_out is not None:
            scores += left_out[:, None]
        return rows, scores


def _halves(vectors: F32) -> npt.NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = vectors.astype(np.float16)
    if not np.isfinite(half).all():
        raise InvalidInputError("expected values within float16 (65504), got larger ones")
    return half
