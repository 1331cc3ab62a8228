"""Truth: which rows are nearest to queries, by the rows as they are stored or by the vectors given.

Stored rows are rounded, so exact search over them is not the truth itself. Where the vectors given
can be had, the nearest stored rows are compared anew by them. Where they cannot, what sealing
measured on a sample says which share of the truth exact search over stored rows finds.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tv5core.vectors.filters import Filter
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.recall import recall_at_k
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import Snapshot, coded
from tv5core.vectors.settings import SearchSettings

__all__ = ["GivenTruth", "Truth", "TruthKeeper", "VectorsOf", "recall_of_rows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
VectorsOf = Callable[[I64], F32]
"""Gives the vectors of some keys as the index compares them: int64[m] -> float32[m, dim]; NaN where
there is none."""

_FIRST, _WIDER = 32, 4
"""Stored rows compared anew beside four times ``k``, and how many times more where that was not
certainly enough."""
_MOST = 4_096
_EQUAL = 1e-6
"""Of a score: what float32 sums differ by."""
_AT_ONCE = 16_384  # vectors in memory: 50 MB at 768 dimensions


def recall_of_rows(snapshot: Snapshot) -> float | None:
    """Return what exact search over stored rows finds, as sealing measured; None: it did not."""
    kept: float | None = None
    for segment in coded(snapshot.segments):
        if segment.rows.kind == "float32":
            kept = 1.0 if kept is None else kept
        elif isinstance(segment, SealedSegment):
            kept = segment.graph.recall.stored
    return kept


@dataclass(frozen=True)
class Truth:
    """The nearest rows of some queries.

    Attributes
    ----------
    stored : int64[queries, k]
        Keys, by the rows as they are stored.
    share : float or None
        Share of the truth that is in these: of these queries, where the vectors given can be had,
        or as sealing measured it on others; None where it did not.
    given : GivenTruth or None
        By the vectors given, where these can be had.
    """

    stored: I64
    share: float | None
    given: GivenTruth | None = None

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        queries: F32,
        k: int,
        chosen: Filter | None = None,
        vectors_of: VectorsOf | None = None,
    ) -> Truth:
        """Search exactly, on all cores."""
        options = SearchOptions(SearchSettings(), exact=True, filter=chosen, threads=0)
        stored, _ = snapshot.search(queries, k, options)
        if vectors_of is None:
            every = k >= snapshot.alive_count  # nothing is left out, however rows are stored
            return cls(stored, 1.0 if every else recall_of_rows(snapshot))
        nearest = _nearest_given(snapshot, queries, k, options, vectors_of)
        given = GivenTruth(queries, nearest, vectors_of)
        return cls(stored, given.recall(stored), given)

    def found(self, keys: I64) -> float:
        """Return the share of the nearest stored rows that was found."""
        return recall_at_k(keys, self.stored)

    def recall(self, keys: I64) -> float:
        """Return the recall of keys found against the vectors given, as far as is known."""
        if self.given is not None:
            return self.given.recall(keys)
        return self.found(keys) * (1.0 if self.share is None else self.share)


@dataclass(frozen=True)
class GivenTruth:
    """The nearest rows by the vectors given; of rows that are equally near, any is right.

    Attributes
    ----------
    queries : float32[queries, dim]
    nearest : int64[queries, k]
        Keys, -1 for none.
    vectors_of : callable
    """

    queries: F32
    nearest: I64
    vectors_of: VectorsOf

    @cached_property
    def _least(self) -> F32:
        """float32[queries]: the score of the last of the nearest, within rounding."""
        scores = _true_scores(self.queries, self.nearest, self.vectors_of)
        known = np.isfinite(scores)
        last = np.where(known, scores, np.inf).min(axis=1, initial=np.inf)
        largest = np.where(known, np.abs(scores), 0).max(axis=1, initial=0)
        least: F32 = np.where(np.isfinite(last), last - _EQUAL * largest, -np.inf)
        return least

    def recall(self, keys: I64) -> float:
        """Return the recall of keys that were found."""
        scores = _true_scores(self.queries, keys, self.vectors_of)
        right = (keys >= 0) & (scores >= self._least[:, None])
        # One whose vector is gone is right where it is among the nearest.
        lost = (keys >= 0) & np.isnan(scores)
        right |= lost & (keys[:, :, None] == self.nearest[:, None, :]).any(axis=2)
        wanted = (self.nearest >= 0).sum(axis=1)
        shares = np.minimum(right.sum(axis=1) / np.maximum(wanted, 1), 1.0)
        return float(np.where(wanted > 0, shares, 1.0).mean())


def _nearest_given(
    snapshot: Snapshot, queries: F32, k: int, options: SearchOptions, vectors_of: VectorsOf
) -> I64:
    """Find the nearest rows by the vectors given: int64[queries, k].

    Of the nearest stored rows, so many are compared anew that no other can be among the answers:
    its score would have to be wrong by more than twice the largest error met.
    """
    truth = np.full((len(queries), k), -1, np.int64)
    most = min(snapshot.alive_count, max(_MOST, k))
    if not most:
        return truth
    left, width = np.arange(len(queries)), min(4 * k + _FIRST, most)
    while len(left):
        open_ones: list[I64] = []
        step = max(1, _AT_ONCE // width)
        for some in np.array_split(left, -(-len(left) // step)):
            keys, scores = snapshot.search(queries[some], width, options)
            best, certain = _compared(queries[some], keys, scores, k, vectors_of)
            truth[some] = best
            open_ones.append(some[~certain])
        if width >= most:
            break
        left, width = np.concatenate(open_ones), min(_WIDER * width, most)
    return truth


def _compared(
    queries: F32, keys: I64, scores: F32, k: int, vectors_of: VectorsOf
) -> tuple[I64, npt.NDArray[np.bool_]]:
    """Order keys by the vectors given; say of each query whether its k best are certain."""
    true = _true_scores(queries, keys, vectors_of)
    unknown = np.isnan(true)
    wrong = np.abs(np.where(unknown | (keys < 0), scores, true) - scores)
    errors = np.where(keys < 0, 0, wrong).max(axis=1, initial=0)
    true = np.where(unknown, scores, true)
    order = np.argsort(-true, axis=1, kind="stable")[:, :k]
    least = np.take_along_axis(true, order[:, -1:], axis=1)[:, 0]
    certain = scores[:, -1] + 2 * errors <= least
    return np.take_along_axis(keys, order, axis=1), certain


def _true_scores(queries: F32, keys: I64, vectors_of: VectorsOf) -> F32:
    """Score keys by the vectors given: NaN where there is none, -inf where there is no key."""
    known, place = np.unique(keys, return_inverse=True)
    vectors = np.zeros((len(known), queries.shape[1]), np.float32)
    some = known >= 0
    vectors[some] = vectors_of(known[some])
    place = place.reshape(keys.shape)
    with np.errstate(invalid="ignore"):
        true = np.stack([vectors[at] @ query for at, query in zip(place, queries, strict=True)])
    return np.where(keys < 0, np.float32(-np.inf), true)


class TruthKeeper:
    """The last truth that was found: measuring again, or for another target, needs it again."""

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[Snapshot], F32, int, Filter | None, Truth] | None = None

    def truth(
        self, snapshot: Snapshot, queries: F32, k: int, chosen: Filter | None = None
    ) -> Truth:
        """Return the truth by stored rows of a snapshot that does not change."""
        last = self._last
        if last is not None:
            of, before, most, allowed, truth = last
            same = of() is snapshot and most == k and allowed is chosen
            if same and np.array_equal(before, queries):
                return truth
        found = Truth.of(snapshot, queries, k, chosen)
        self._last = (weakref.ref(snapshot), queries.copy(), k, chosen, found)
        return found
