"""Rows added since the last seal: an append-only tail, scanned instead of walked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.rescore import StoredRows, frame_of
from tv5core.vectors.validation import Rescoring

__all__ = ["Head", "HeadView"]

_FIRST_ROOM = 1024


@dataclass(frozen=True)
class HeadView:
    """What a reader sees of the head: arrays that no later append touches."""

    keys: npt.NDArray[np.int64]
    records: npt.NDArray[np.uint8]
    rows: StoredRows

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def nbytes(self) -> int:
        """Bytes held by the rows in use."""
        scales = 0 if self.rows.scales is None else self.rows.scales.nbytes
        return self.keys.nbytes + self.records.nbytes + self.rows.values.nbytes + scales


class Head:
    """Grow arrays by doubling; one writer appends while readers hold views.

    Appending writes only past the rows of every view given out before, and growing copies to new
    arrays, so a view never changes.
    """

    def __init__(self, quantizer: Quantizer, rescoring: Rescoring) -> None:
        self._quantizer, self._rescoring = quantizer, rescoring
        self._frame = frame_of(quantizer, rescoring)
        self._count = 0
        self._arrays: list[npt.NDArray[Any]] = self._columns(
            np.empty((0, quantizer.dim), np.float32), np.empty(0, np.int64)
        )

    def _columns(
        self, vectors: npt.NDArray[np.float32], keys: npt.NDArray[np.int64]
    ) -> list[npt.NDArray[Any]]:
        rows = StoredRows.encode(vectors, self._rescoring, self._frame)
        scales = [] if rows.scales is None else [rows.scales]
        return [keys, self._quantizer.encode(vectors), rows.values, *scales]

    def __len__(self) -> int:
        return self._count

    def append(self, vectors: npt.NDArray[np.float32], keys: npt.NDArray[np.int64]) -> None:
        """Add rows at the end."""
        fresh = self._columns(vectors, keys)
        start, stop = self._count, self._count + len(keys)
        if stop > len(self._arrays[0]):
            self._arrays = [self._grown(a, stop) for a in self._arrays]
        for array, part in zip(self._arrays, fresh, strict=True):
            array[start:stop] = part
        self._count = stop

    def _grown(self, array: npt.NDArray[Any], need: int) -> npt.NDArray[Any]:
        room = max(need, 2 * len(array), _FIRST_ROOM)
        grown = np.empty((room, *array.shape[1:]), array.dtype)
        grown[: self._count] = array[: self._count]
        return grown

    def taken(self, rows: npt.NDArray[np.int64]) -> Head:
        """Return a head of some of the rows, in their order; this one stays as it is."""
        head = Head(self._quantizer, self._rescoring)
        head._arrays = [array[rows] for array in self._arrays]
        head._count = len(rows)
        return head

    def view(self) -> HeadView:
        """Return the rows so far."""
        keys, records, values, *scales = (a[: self._count] for a in self._arrays)
        rows = StoredRows(values, scales[0] if scales else None, self._frame)
        return HeadView(keys, records, rows)
