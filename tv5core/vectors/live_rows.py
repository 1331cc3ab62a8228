"""LiveRows: the growing arrays behind the live segment.

A store of live rows has one writer. :meth:`LiveRows.put` and :meth:`LiveRows.delete` change it and
:meth:`LiveRows.segment` gives readers a view that no later change touches. Anything with these
methods, such as a graph that grows, can stand in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.live_graph import LiveGraph
from tv5core.vectors.live_segment import LiveSegment
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.stored_rows import StoredRows
from tv5core.vectors.validation import Rescoring, Stored

__all__ = ["LiveRows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_FIRST_CAPACITY = 1_024
_MAX_DELETED = 4_096  # deleted rows that are kept beside as many as are alive


class LiveRows:
    """Rows by key in arrays that grow by doubling.

    Appending writes only past the rows of every view given out before, and growing copies to new
    arrays, so a view never changes.
    """

    def __init__(
        self, quantizer: Quantizer, rescoring: Rescoring, *, walkable: bool = False
    ) -> None:
        self._quantizer = quantizer
        # What int8 loses is measured when rows are sealed; until then, nothing is lost.
        self._kind: Stored = "int16" if rescoring == "auto" else rescoring
        self.graph = LiveGraph(quantizer.bits) if walkable else None
        self._id = SegmentId()
        self._count = 0
        self._none = self._stored_as(np.empty((0, quantizer.dim), np.float32))
        self._arrays: list[npt.NDArray[Any]] = [
            np.empty(0, np.int64),
            np.empty((0, quantizer.layout.size), np.uint8),
            *self._none.arrays(),
        ]
        self._row_of: dict[int, int] = {}
        self._alive: Bitmap | None = None

    @classmethod
    def of(cls, segment: LiveSegment, rescoring: Rescoring) -> LiveRows:
        """Continue from a published state: its arrays are copied once they are appended to."""
        rows = cls(segment.quantizer, rescoring)
        rows.graph = segment.graph
        rows._arrays = [segment.keys, segment.codes, *segment.rows.arrays()]
        rows._id, rows._count, rows._alive = segment.id, len(segment), segment.alive
        alive = bitmap.rows(segment.alive, len(segment))
        rows._row_of = dict(zip(segment.keys[alive].tolist(), alive.tolist(), strict=True))
        return rows

    def __len__(self) -> int:
        """Return the number of rows, deleted ones included."""
        return self._count

    @property
    def alive_count(self) -> int:
        """Rows that are not deleted."""
        return len(self._row_of)

    def keys(self) -> I64:
        """Return the keys of the rows that are not deleted."""
        return np.fromiter(self._row_of, np.int64, len(self._row_of))

    def __contains__(self, key: int) -> bool:
        return key in self._row_of

    def put(self, vectors: F32, keys: I64) -> None:
        """Add rows, in place of those with the same keys."""
        start, stop = self._count, self._count + len(keys)
        self._append(vectors, keys)  # may fail, and has then changed nothing
        self.delete(keys)
        self._row_of.update(zip(keys.tolist(), range(start, stop), strict=True))
        if self._alive is not None:
            self._alive = bitmap.extended(self._alive, start, stop)
        self._count = stop
        self.compact()

    def delete(self, keys: I64) -> None:
        """Delete the rows with these keys, if any."""
        rows = [self._row_of.pop(key) for key in keys.tolist() if key in self._row_of]
        if rows:
            alive = bitmap.full(self._count) if self._alive is None else self._alive
            self._alive = bitmap.cleared(alive, np.asarray(rows))

    def vectors(self, keys: list[int]) -> F32:
        """Restore the rows of some keys, as exactly as they are stored."""
        rows = np.asarray([self._row_of[key] for key in keys], np.int64)
        return self._stored(self._count).decode(rows)

    def segment(self) -> LiveSegment:
        """Return the present state."""
        n = self._count
        keys, codes = self._arrays[0][:n], self._arrays[1][:n]
        alive_count = len(self._row_of)
        stored, quantizer = self._stored(n), self._quantizer
        return LiveSegment(
            self._id, keys, codes, stored, quantizer, self._alive, alive_count, self.graph
        )

    def link(self) -> None:
        """Have the rows linked behind, once readers see them: they must not change any more."""
        if self.graph is not None:
            self.graph.cover(self._arrays[1][: self._count])

    def stop_linking(self) -> None:
        """Link no more rows."""
        if self.graph is not None:
            self.graph.stop()

    def compact(self) -> None:
        """Drop deleted rows once they outnumber the others.

        So replacing the same rows repeatedly takes bounded memory, even without sealing.
        """
        alive = len(self._row_of)
        if self._count - alive <= max(alive, _MAX_DELETED):
            return
        rows = np.fromiter(self._row_of.values(), np.int64, alive)
        self._arrays = [array[rows] for array in self._arrays]
        self._row_of = dict(zip(self._row_of, range(alive), strict=True))
        self._id, self._count, self._alive = SegmentId(), alive, None
        if self.graph is not None:  # its rows have other numbers now
            self.graph.stop()
            self.graph = LiveGraph(self._quantizer.bits)

    def _stored(self, count: int) -> StoredRows:
        return self._none.with_arrays([array[:count] for array in self._arrays[2:]])

    def _stored_as(self, vectors: F32) -> StoredRows:
        return StoredRows.encode(vectors, self._kind, self._quantizer)

    def _encode(self, vectors: F32, keys: I64) -> list[npt.NDArray[Any]]:
        return [keys, self._quantizer.encode(vectors), *self._stored_as(vectors).arrays()]

    def _append(self, vectors: F32, keys: I64) -> None:
        """Write rows past the last one; they count once ``_count`` says so."""
        encoded = self._encode(vectors, keys)
        start, stop = self._count, self._count + len(keys)
        if stop > len(self._arrays[0]):
            self._arrays = [self._grown(array, stop) for array in self._arrays]
        for array, some in zip(self._arrays, encoded, strict=True):
            array[start:stop] = some

    def _grown(self, array: npt.NDArray[Any], need: int) -> npt.NDArray[Any]:
        capacity = max(need, 2 * len(array), _FIRST_CAPACITY)
        grown = np.empty((capacity, *array.shape[1:]), array.dtype)
        grown[: self._count] = array[: self._count]
        return grown
