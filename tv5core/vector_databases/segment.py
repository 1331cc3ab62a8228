"""RemoteSegment: rows whose vectors are in a collection; only their keys are here.

A filter is a bitmap of rows, as for any segment. Of few rows, their keys are pushed down to the
server, which then answers exactly what is asked. Of many, more are asked for than are wanted and
what is not allowed is left out here; where that finds too few, all keys are pushed down in parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.kernels import NONE
from tv5core.observing import stage
from tv5core.vector_databases.collection import Quality
from tv5core.vector_databases.guard import GuardedCollection
from tv5core.vectors import SearchOptions, SegmentId
from tv5core.vectors.keyed_rows import Allowed

__all__ = ["RemoteSegment"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

PUSHED_KEYS = 4_096
"""Keys in one request, at most: 40 KB of JSON or protobuf."""
_MARGIN, _MORE = 1.5, 8
"""What is asked for beyond what a filter of no bias leaves, and beside it."""
_WIDER, _TRIES = 4, 3


@dataclass(frozen=True)
class RemoteSegment:
    """Rows elsewhere, by ascending key; see ``Segment``.

    Attributes
    ----------
    collection : GuardedCollection
    id : SegmentId
    keys : int64[n]
    alive : Bitmap or None
        Rows that the collection has as they are stored here; None for all.
    alive_count : int
    """

    collection: GuardedCollection
    id: SegmentId
    keys: I64
    alive: Bitmap | None
    alive_count: int

    @classmethod
    def of(cls, collection: GuardedCollection, keys: I64) -> RemoteSegment:
        """Return the segment of some keys, ascending."""
        return cls(collection, SegmentId(), keys, None, len(keys))

    def without(self, rows: I64) -> RemoteSegment:
        """Return it with more rows deleted."""
        alive = bitmap.full(len(self)) if self.alive is None else self.alive
        alive = bitmap.cleared(alive, rows)
        return replace(self, alive=alive, alive_count=bitmap.count(alive))

    def having(self, keys: I64) -> RemoteSegment:
        """Return it with some keys, ascending, added or there again."""
        mask = self._alive_mask()
        rows = self._rows_of(keys)
        mask[rows[rows >= 0]] = True
        new = keys[rows < 0]
        joined, id = np.concatenate([self.keys, new]), self.id  # noqa: A001 - as of all segments
        mask = np.concatenate([mask, np.ones(len(new), bool)])
        if len(new) and len(self.keys) and new[0] < self.keys[-1]:
            order, id = np.argsort(joined, kind="stable"), SegmentId()  # noqa: A001
            joined, mask = joined[order], mask[order]
        count = int(np.count_nonzero(mask))
        alive = None if count == len(joined) else bitmap.from_mask(mask)
        return replace(self, id=id, keys=joined, alive=alive, alive_count=count)

    def _alive_mask(self) -> npt.NDArray[np.bool_]:
        if self.alive is None:
            return np.ones(len(self), bool)
        return np.unpackbits(self.alive, count=len(self), bitorder="little").astype(bool)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def sealed(self) -> bool:
        """False: no file here holds it."""
        return False

    @property
    def scratch_bytes(self) -> int:
        """None."""
        return 0

    def buffers(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Return the keys."""
        return {"keys": [self.keys]}

    def rows_with_keys(self, keys: I64) -> Bitmap:
        """Return the bitmap of the rows that have one of some keys."""
        return kernels.rows_with_keys(self.keys, keys)

    def find(self, keys: I64) -> I64:
        """Return the row that has each key, -1 for none."""
        return self._rows_of(keys)

    def _rows_of(self, keys: I64) -> I64:
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[rows] == keys, rows, -1).astype(np.int64)

    # -- searching ------------------------------------------------------------------------

    def scores(self, query: F32, rows: U32) -> F32:
        """Score some rows by the vectors there; NaN for one that is there no more."""
        found = np.full(len(rows), np.nan, np.float32)
        for start in range(0, len(rows), PUSHED_KEYS):
            keys = self.keys[rows[start : start + PUSHED_KEYS]]
            some, scores = self.collection.search(
                query[0], len(keys), Quality(exact=True), keys.tolist()
            )
            by_key = np.argsort(some)
            at = np.minimum(np.searchsorted(some, keys, sorter=by_key), max(len(some) - 1, 0))
            if len(some):
                known = some[by_key[at]] == keys
                part = found[start : start + len(keys)]
                part[known] = scores[by_key[at]][known]
        return found

    def search(
        self, queries: F32, k: int, options: SearchOptions, allowed: Allowed | None = None
    ) -> tuple[U32, F32]:
        """Ask the server for the best rows of each query, and leave out what is not allowed."""
        which = allowed or Allowed.of(self)
        settings = options.settings
        quality = Quality(
            max(settings.expansion_search, k), settings.oversampling, exact=options.exact
        )
        rows = np.full((len(queries), k), NONE, np.uint32)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        with stage("elsewhere"):
            for place, query in enumerate(queries):
                found, best = self._nearest(query, min(k, which.row_count), quality, which)
                rows[place, : len(found)], scores[place, : len(found)] = found, best
        return rows, scores

    def plan(self, k: int, options: SearchOptions, allowed: Allowed) -> str:  # noqa: ARG002
        """Say what is asked of the server."""
        how = "exact, " if options.exact else ""
        if allowed.bitmap is None:
            return f"{self.collection.address}: {how}nothing to leave out"
        if allowed.row_count <= PUSHED_KEYS:
            return f"{self.collection.address}: {how}filter pushed down"
        return f"{self.collection.address}: {how}filter completed here"

    def _nearest(self, query: F32, k: int, quality: Quality, which: Allowed) -> tuple[U32, F32]:
        if not k:
            return np.empty(0, np.uint32), np.empty(0, np.float32)
        if which.bitmap is not None and which.row_count <= PUSHED_KEYS:
            return self._among(query, k, quality, which)
        wanted = math.ceil(_MARGIN * k * len(self) / which.row_count) + _MORE
        most = self.collection.most_found
        for _ in range(_TRIES):
            asked = min(k if which.bitmap is None else wanted, most)
            keys, scores = self.collection.search(query, asked, quality)
            rows, best = self._kept(keys, scores, which)
            if len(rows) >= k or len(keys) < asked:
                return rows[:k], best[:k]
            if which.bitmap is None:
                which = Allowed(bitmap.full(len(self)), which.row_count)
            if asked == most:
                break
            wanted *= _WIDER
        return self._among(query, k, quality, which)

    def _kept(self, keys: I64, scores: F32, which: Allowed) -> tuple[U32, F32]:
        """Leave out rows that are not allowed, or not known here."""
        rows = self._rows_of(keys)
        there = rows >= 0
        if which.bitmap is not None:
            there[there] = bitmap.test(which.bitmap, rows[there])
        return rows[there].astype(np.uint32), scores[there]

    def _among(self, query: F32, k: int, quality: Quality, which: Allowed) -> tuple[U32, F32]:
        """Push the keys of all allowed rows down, in parts."""
        allowed = bitmap.rows(which.bitmap, len(self))
        found: list[tuple[U32, F32]] = []
        for start in range(0, len(allowed), PUSHED_KEYS):
            keys = self.keys[allowed[start : start + PUSHED_KEYS]]
            asked = min(k, len(keys), self.collection.most_found)
            found.append(
                self._kept(*self.collection.search(query, asked, quality, keys.tolist()), which)
            )
        rows = np.concatenate([some for some, _ in found])
        scores = np.concatenate([some for _, some in found])
        order = np.argsort(-scores, kind="stable")[:k]
        return rows[order], scores[order]
