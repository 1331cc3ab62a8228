"""The rows of an index that change: what is sealed, what was added since, and what is gone.

A :class:`LiveRows` has one writer at a time (its owner's lock) and any number of readers: they
take :attr:`LiveRows.snapshot`, one reference to a state that no later change touches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import Head, HeadView
from tv5core.vectors.planner import Part, Snapshot
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.validation import Rescoring

__all__ = ["LiveRows", "live_blocks", "live_rows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_CENTER_FROM = 256  # rows from which the mean of a first batch is worth centring on
_BLOCK_ROWS = 8_192
_DEAD_ROWS = 4_096  # removed rows a head may hold beside as many as are live


class LiveRows:
    """Sealed rows, the head, and which of both are live.

    Vectors given to it are checked and, for cosine, of unit length.
    """

    def __init__(self, dim: int, rescoring: Rescoring, sealed: SealedGraph | None = None) -> None:
        self._dim, self._rescoring = dim, rescoring
        self._touched: set[int] | None = None
        self._adopt(sealed)

    def _adopt(self, sealed: SealedGraph | None) -> None:
        """Start over from sealed rows, or from nothing."""
        self.sealed = sealed
        self._sealed_alive: Bitmap | None = None
        self._head: Head | None = None
        self._head_rows: dict[int, int] = {}
        self._head_alive: Bitmap | None = None
        self._quantizer = sealed.quantizer if sealed is not None else None
        self._publish()

    def _publish(self) -> None:
        """Show readers the present state, in one assignment."""
        self.snapshot = Snapshot.of(
            self._quantizer, self.sealed, self._sealed_alive, self.head, self._head_alive
        )

    @property
    def head(self) -> HeadView | None:
        """Rows added since the last sealing, removed ones included."""
        return None if self._head is None else self._head.view()

    def __contains__(self, key: int) -> bool:
        return key in self._head_rows or bool(self._sealed_rows(np.asarray([key]))[0] >= 0)

    def missing(self, keys: I64) -> list[int]:
        """Return the keys that no live row has."""
        rows = self._sealed_rows(keys).tolist()
        pairs = zip(keys.tolist(), rows, strict=True)
        return [key for key, row in pairs if row < 0 and key not in self._head_rows]

    def put(self, vectors: F32, keys: I64) -> None:
        """Add rows, in place of those with the same keys."""
        head = self._head = self._head or Head(self._rotation(vectors), self._rescoring)
        # Append before dropping the old rows: a failure to append then changes nothing.
        start, stop = len(head), len(head) + len(keys)
        head.append(vectors, keys)
        self._drop(keys)
        self._head_rows.update(zip(keys.tolist(), range(start, stop), strict=True))
        if self._head_alive is not None:
            self._head_alive = bitmap.extended(self._head_alive, start, stop)
        self._compact()
        self._publish()

    def _compact(self) -> None:
        """Drop removed rows of the head once they outnumber the live ones.

        So replacing the same rows for ever takes bounded memory, also where nobody seals.
        """
        head, live = self._head, len(self._head_rows)
        if head is None or len(head) - live <= max(live, _DEAD_ROWS):
            return
        keys, rows = list(self._head_rows), list(self._head_rows.values())
        self._head = head.taken(np.asarray(rows, np.int64))
        self._head_rows = dict(zip(keys, range(live), strict=True))
        self._head_alive = None

    def _rotation(self, vectors: F32) -> Quantizer:
        if self._quantizer is None:
            many = len(vectors) >= _CENTER_FROM
            mean = vectors.mean(axis=0, dtype=np.float64) if many else np.zeros(self._dim)
            self._quantizer = Quantizer.create(mean.astype(np.float32))
        return self._quantizer

    def remove(self, keys: I64) -> None:
        """Let no later search find these keys."""
        self._drop(keys)
        self._compact()
        self._publish()

    def _drop(self, keys: I64) -> None:
        """Clear the live bits of keys, wherever they are."""
        if self._touched is not None:
            self._touched.update(keys.tolist())
        rows = self._sealed_rows(keys)
        rows = rows[rows >= 0]
        if len(rows) and self.sealed is not None:
            alive = self._sealed_alive
            alive = bitmap.full(len(self.sealed)) if alive is None else alive
            self._sealed_alive = bitmap.cleared(alive, rows)
        held = [self._head_rows.pop(key) for key in keys.tolist() if key in self._head_rows]
        if held and self._head is not None:
            alive = self._head_alive
            alive = bitmap.full(len(self._head)) if alive is None else alive
            self._head_alive = bitmap.cleared(alive, np.asarray(held))

    def _sealed_rows(self, keys: I64) -> I64:
        """Return live sealed rows of keys, -1 for none."""
        if self.sealed is None:
            return np.full(len(keys), -1, np.int64)
        rows = self.sealed.find(keys)
        if self._sealed_alive is not None:
            rows[~bitmap.test(self._sealed_alive, np.maximum(rows, 0))] = -1
        return rows

    # -- sealing: watch what changes meanwhile, then repeat it on the new rows --------------

    def watch(self) -> Snapshot:
        """Return the state to seal, and note what changes from here on."""
        self._touched = set()
        return self.snapshot

    def unwatch(self) -> None:
        """Stop noting changes."""
        self._touched = None

    def swap(self, sealed: SealedGraph | None) -> None:
        """Serve new sealed rows, with what changed since :meth:`watch`."""
        touched = np.fromiter(self._touched or (), np.int64)
        self._touched = None
        kept = [key for key in touched.tolist() if key in self._head_rows]
        rows = np.asarray([self._head_rows[key] for key in kept], np.int64)
        head = self.head
        vectors = None if head is None else head.rows.decode(rows)
        self._adopt(sealed)
        self.remove(touched)
        if kept and vectors is not None:
            self.put(vectors, np.asarray(kept, np.int64))


def live_rows(part: Part) -> I64:
    """Return the live rows of a part."""
    return bitmap.rows(part.allow, len(part.keys))


def live_blocks(snapshot: Snapshot) -> Iterator[tuple[I64, F32]]:
    """Give keys and vectors of all live rows, as exactly as they are stored."""
    for part in snapshot.parts:
        live = live_rows(part)
        for at in range(0, len(live), _BLOCK_ROWS):
            some = live[at : at + _BLOCK_ROWS]
            yield np.asarray(part.keys[some]), part.rows.decode(some)
