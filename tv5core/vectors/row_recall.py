"""What storing rows loses: recall of stored rows against the vectors given, on a sample.

Some of the vectors are the queries. Their nearest among all vectors are found while those pass by
to be encoded, then compared with their nearest among the rows as they are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["TARGET", "RowRecall", "Sample", "enough_for"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

TARGET = 0.95
"""Recall that searches are to reach where nothing else is asked for."""
_LOST_BY_STORING = 0.3
"""Share of the misses which that allows that storing rows may take."""

_K = 10
_QUERIES = 128
_KEPT = 32  # nearest rows of each query: more than _K, for those that are equally near
_EQUAL = 1e-6
"""Of a score: what float32 sums differ by."""


class RowRecall(msgspec.Struct, frozen=True):
    """Recall@10 of exact search over stored rows against the vectors they were made of.

    Attributes
    ----------
    stored : float or None
        Of the rows as they are stored, with residuals where there are any; None where it was not
        measured.
    coarse : float or None
        Without residuals, where there are any.
    queries : int
        Rows that it was measured on.
    """

    stored: float | None = None
    coarse: float | None = None
    queries: int = 0

    def is_enough_without_residuals(self, target: float) -> bool:
        """Tell whether searches can reach a recall without residuals."""
        return self.coarse is None or self.coarse >= enough_for(target)

    @property
    def without_residuals(self) -> RowRecall:
        """Return what holds once residuals are dropped."""
        return RowRecall(self.coarse, None, self.queries)

    def after(self, earlier: RowRecall) -> RowRecall:
        """Return what holds of rows that were stored before: what was lost then stays lost."""
        return RowRecall(
            _least(self.stored, earlier.stored),
            None if self.coarse is None else _least(self.coarse, earlier.stored),
            self.queries or earlier.queries,
        )


def enough_for(target: float) -> float:
    """Return the recall of stored rows that is enough for searches to reach one: 0.985 for 0.95."""
    return 1 - _LOST_BY_STORING * (1 - target)


def _least(now: float | None, before: float | None) -> float | None:
    return before if now is None else now if before is None else min(now, before)


@dataclass
class Sample:
    """Some vectors, and which of all are nearest to each.

    Attributes
    ----------
    places : int64[m]
        Where they are among all, ascending.
    queries : float32[m, dim]
    near : int64[m, kept]
        Places of the nearest others so far.
    scores : float32[m, kept]
        Their inner products, -inf where there are fewer.
    """

    places: I64
    queries: F32
    near: I64
    scores: F32

    @classmethod
    def of(cls, count: int, dim: int) -> Self:
        """Choose places among ``count`` vectors, evenly."""
        places = np.unique(np.linspace(0, count - 1, min(count, _QUERIES)).astype(np.int64))
        m = len(places)
        near, scores = np.full((m, _KEPT), -1, np.int64), np.full((m, _KEPT), -np.inf, np.float32)
        return cls(places, np.zeros((m, dim), np.float32), near, scores)

    def take(self, start: int, vectors: F32) -> None:
        """Take the vectors of the sample out of a block that begins at a place."""
        here = (self.places >= start) & (self.places < start + len(vectors))
        self.queries[here] = vectors[self.places[here] - start]

    def compare(self, start: int, vectors: F32) -> None:
        """Compare the sample with a block of vectors, best centred: sums are then more exact."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.queries @ vectors.T
        here = np.flatnonzero((self.places >= start) & (self.places < start + len(vectors)))
        scores[here, self.places[here] - start] = -np.inf  # nobody is their own neighbour
        ids = np.broadcast_to(np.arange(start, start + len(vectors)), scores.shape)
        ids, scores = _best(ids, scores, _KEPT)
        joined = np.hstack([self.near, ids]), np.hstack([self.scores, scores])
        self.near, self.scores = _best(*joined, _KEPT)

    def recall(self, rows: StoredRows) -> RowRecall:
        """Measure recall of the rows that all vectors were stored as."""
        coarse = None if rows.residuals is None else self._recall(rows.coarse)
        return RowRecall(self._recall(rows), coarse, len(self.places))

    def _recall(self, rows: StoredRows) -> float | None:
        k = min(_K, len(rows) - 1)
        if k < 1:
            return None
        found = rows.scan(self.queries, k + 1)[0]
        shares = [self._share(i, found[i], k) for i in range(len(found))]
        known = [share for share in shares if share is not None]
        return float(np.mean(known)) if known else None

    def _share(self, i: int, found: U32, k: int) -> float | None:
        """Return the share of a query's k nearest that were found, or others as near as they.

        None where more are as near as the k-th than were kept: which were found says nothing.
        """
        others = found[(found != NONE) & (found != self.places[i])][:k]
        least = np.sort(self.scores[i])[-k]
        least -= _EQUAL * max(1e-30, abs(float(least)))
        right = self.near[i][self.scores[i] >= least]
        return None if len(right) == _KEPT else float(np.isin(others, right).sum()) / k


def _best(ids: I64, scores: F32, most: int) -> tuple[I64, F32]:
    """Return the best of each row, in no order: as many as there are, at most ``most``."""
    if scores.shape[1] <= most:
        return ids, scores
    some = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    query = np.arange(len(scores))[:, None]
    return ids[query, some], scores[query, some]
