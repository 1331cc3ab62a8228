"""SegmentSet: the segments of an index, changed by one thread and read as snapshots by any number.

Changes are made under the owner's lock. Readers take :attr:`SegmentSet.snapshot`, one reference to
a state that no later change touches.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import LiveRows
from tv5core.vectors.live_segment import LiveSegment
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.row_recall import RowRecall
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import Segment, Snapshot, coded
from tv5core.vectors.validation import Rescoring

__all__ = ["SealedRows", "SegmentSet"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_CENTER_FROM = 256  # rows from which the mean of a first batch is worth centring on


class SealedRows(Segment, Protocol):
    """A segment that no row is added to."""

    def without(self, rows: I64) -> SealedRows:
        """Return it with more rows deleted."""


class SegmentSet:
    """Sealed rows, live rows, and the deletions of both.

    Vectors passed in are validated by the index's metric.

    Parameters
    ----------
    dim : int
    rescoring : {"int8", "float16", "float32"}
    graph : SealedGraph, optional
    walkable : bool
        Whether many live rows get a graph: by Hamming distance, which is that of directions.
    """

    def __init__(
        self,
        dim: int,
        rescoring: Rescoring,
        graph: SealedGraph | None = None,
        *,
        walkable: bool = False,
    ) -> None:
        self._dim, self._rescoring, self._walkable = dim, rescoring, walkable
        self._changed: set[int] | None = None
        self._sealed: SealedRows | None = None if graph is None else SealedSegment.of(graph)
        self._quantizer = None if graph is None else graph.quantizer
        self._live: LiveRows | None = None
        self._changing = False
        self._publish()

    def _publish(self) -> None:
        """Show readers the present state, in one assignment."""
        segments: list[Segment] = [] if self._sealed is None else [self._sealed]
        if self._live:
            segments.append(self._live.segment())
        self.snapshot = Snapshot(tuple(segments))

    def _settle(self) -> None:
        """Go back to what readers see, where an exception cut a change short.

        Any exception: one out of a signal handler may be raised between any two steps. What is
        published holds all that searches need, so what changes are made with is restored from it.
        """
        if not self._changing:
            return
        segments = self.snapshot.segments
        live = [one for one in segments if isinstance(one, LiveSegment)]
        sealed: list[Any] = [one for one in segments if not isinstance(one, LiveSegment)]
        self._sealed = sealed[0] if sealed else None
        self._live = LiveRows.of(live[0], self._rescoring) if live else None
        self._quantizer = next((one.quantizer for one in coded(self.snapshot.segments)), None)
        self._changing = False

    def __contains__(self, key: int) -> bool:
        return not self.unknown(np.asarray([key]))

    def unknown(self, keys: I64) -> list[int]:
        """Return the keys that no row has."""
        self._settle()
        pairs = zip(keys.tolist(), self._sealed_rows(keys).tolist(), strict=True)
        return [key for key, row in pairs if row < 0 and not (self._live and key in self._live)]

    def put(self, vectors: F32, keys: I64) -> None:
        """Add rows, in place of those with the same keys."""
        self._settle()
        self._changing = True
        if self._live is None:
            self._live = LiveRows(self._rotation(vectors), self._rescoring, walkable=self._walkable)
        self._live.put(vectors, keys)
        self._delete_sealed(keys)
        self._publish()
        self._changing = False
        self._live.link()

    def remove(self, keys: I64) -> None:
        """Let no later search find these keys."""
        self._settle()
        self._changing = True
        if self._live is not None:
            self._live.delete(keys)
            self._live.compact()
        self._delete_sealed(keys)
        self._publish()
        self._changing = False
        if self._live is not None:
            self._live.link()  # anew where the deleted rows were dropped

    def stop_linking(self) -> None:
        """Link no more live rows, and wait for the thread that does."""
        if self._live is not None:
            self._live.stop_linking()
            if self._live.graph is not None:
                self._live.graph.wait()

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
            self._sealed = self._sealed.without(rows)

    def _sealed_rows(self, keys: I64) -> I64:
        """Return the sealed rows of keys, -1 where there is none."""
        if self._sealed is None:
            return np.full(len(keys), -1, np.int64)
        rows = self._sealed.find(keys)
        if self._sealed.alive is not None:
            rows[~bitmap.test(self._sealed.alive, np.maximum(rows, 0))] = -1
        return rows

    # -- sealing: note what changes meanwhile, then repeat it on the new rows ----------------

    def begin_seal(self) -> Snapshot:
        """Return the state to seal, and note what changes from here on."""
        self._changed = set()
        return self.snapshot

    def stored_before(self) -> tuple[F32 | None, RowRecall]:
        """Return the centre of the rows that are sealed, and what those have lost."""
        if not isinstance(self._sealed, SealedSegment):
            return None, RowRecall()
        frame = self._sealed.rows.frame
        return None if frame is None else frame.center, self._sealed.graph.recall

    def end_seal(self) -> None:
        """Stop noting changes."""
        self._changed = None

    def replace_sealed(self, graph: SealedGraph | None) -> None:
        """Serve new sealed rows, with what changed since :meth:`begin_seal`."""
        self._settle()
        changed = np.fromiter(self._changed or (), np.int64)
        live = self._live
        kept = [] if live is None else [key for key in changed.tolist() if key in live]
        new = SegmentSet(self._dim, self._rescoring, graph, walkable=self._walkable)
        # One noted whose change was cut short may be as it was: then the new graph has it.
        new.remove(np.asarray([*self.unknown(changed), *kept], np.int64))
        if kept and live is not None:
            new.put(live.vectors(kept), np.asarray(kept, np.int64))
        self._changing = True
        self.snapshot = new.snapshot
        self._sealed, self._live, self._quantizer = new._sealed, new._live, new._quantizer
        self._changing, self._changed = False, None
        if live is not None:
            live.stop_linking()
