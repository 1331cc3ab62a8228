"""SegmentSet: the segments of an index, changed by one thread and read as snapshots by any number.

Changes are made under the owner's lock. Readers take :attr:`SegmentSet.snapshot`, one reference to
a state that no later change touches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import LiveRows
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import Segment, Snapshot
from tv5core.vectors.validation import Rescoring

__all__ = ["SegmentSet"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_CENTER_FROM = 256  # rows from which the mean of a first batch is worth centring on


class SegmentSet:
    """Sealed rows, live rows, and the deletions of both.

    Vectors passed in are validated by the index's metric.
    """

    def __init__(self, dim: int, rescoring: Rescoring, graph: SealedGraph | None = None) -> None:
        self._dim, self._rescoring = dim, rescoring
        self._changed: set[int] | None = None
        self._start(graph)

    def _start(self, graph: SealedGraph | None) -> None:
        """Begin with sealed rows, or with nothing."""
        self._sealed = None if graph is None else SealedSegment.of(graph)
        self._quantizer = None if graph is None else graph.quantizer
        self._live: LiveRows | None = None
        self._publish()

    def _publish(self) -> None:
        """Show readers the present state, in one assignment."""
        segments: list[Segment] = [] if self._sealed is None else [self._sealed]
        if self._live:
            segments.append(self._live.segment())
        self.snapshot = Snapshot(tuple(segments))

    def __contains__(self, key: int) -> bool:
        return not self.unknown(np.asarray([key]))

    def unknown(self, keys: I64) -> list[int]:
        """Return the keys that no row has."""
        pairs = zip(keys.tolist(), self._sealed_rows(keys).tolist(), strict=True)
        return [key for key, row in pairs if row < 0 and not (self._live and key in self._live)]

    def put(self, vectors: F32, keys: I64) -> None:
        """Add rows, in place of those with the same keys."""
        if self._live is None:
            self._live = LiveRows(self._rotation(vectors), self._rescoring)
        self._live.put(vectors, keys)  # first: where it fails, nothing has changed
        self._delete_sealed(keys)
        self._publish()

    def remove(self, keys: I64) -> None:
        """Let no later search find these keys."""
        if self._live is not None:
            self._live.delete(keys)
            self._live.compact()
        self._delete_sealed(keys)
        self._publish()

    def _rotation(self, vectors: F32) -> Quantizer:
        if self._quantizer is None:
            many = len(vectors) >= _CENTER_FROM
            mean = vectors.mean(axis=0, dtype=np.float64) if many else np.zeros(self._dim)
            self._quantizer = Quantizer.create(mean.astype(np.float32))
        return self._quantizer

    def _delete_sealed(self, keys: I64) -> None:
        if self._changed is not None:
            self._changed.update(keys.tolist())
        rows = self._sealed_rows(keys)
        rows = rows[rows >= 0]
        if len(rows) and self._sealed is not None:
            graph, alive = self._sealed.graph, self._sealed.alive
            alive = bitmap.full(len(graph)) if alive is None else alive
            self._sealed = SealedSegment.of(graph, bitmap.cleared(alive, rows))

    def _sealed_rows(self, keys: I64) -> I64:
        """Return the sealed rows of keys, -1 where there is none."""
        if self._sealed is None:
            return np.full(len(keys), -1, np.int64)
        rows = self._sealed.graph.find(keys)
        if self._sealed.alive is not None:
            rows[~bitmap.test(self._sealed.alive, np.maximum(rows, 0))] = -1
        return rows

    # -- sealing: note what changes meanwhile, then repeat it on the new rows ----------------

    def begin_seal(self) -> Snapshot:
        """Return the state to seal, and note what changes from here on."""
        self._changed = set()
        return self.snapshot

    def end_seal(self) -> None:
        """Stop noting changes."""
        self._changed = None

    def replace_sealed(self, graph: SealedGraph | None) -> None:
        """Serve new sealed rows, with what changed since :meth:`begin_seal`."""
        changed = np.fromiter(self._changed or (), np.int64)
        self._changed = None
        live = self._live
        kept = [] if live is None else [key for key in changed.tolist() if key in live]
        vectors = None if live is None else live.vectors(kept)
        self._start(graph)
        self.remove(changed)
        if kept and vectors is not None:
            self.put(vectors, np.asarray(kept, np.int64))
