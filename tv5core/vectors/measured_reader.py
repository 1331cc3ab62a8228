"""MeasuredReader: what a vector index says of its recall, and the settings that reach one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array, check_callable, check_real
from tv5core.errors import InvalidInputError
from tv5core.vectors.calibration import Trial, cheapest_settings, warn_of_missing
from tv5core.vectors.filters import Filter
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.reader import IndexReader
from tv5core.vectors.row_recall import RowRecall
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import Snapshot, coded
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.truth import Truth, TruthKeeper

__all__ = ["MeasuredReader", "VectorsGiven"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
VectorsGiven = Callable[[I64], npt.ArrayLike]
"""Gives the vectors that an index was made of, by key: int64[m] -> [m, dim], NaN for one that is
gone."""


class MeasuredReader(IndexReader):
    """The reading side that measures recall: against the vectors given, not the stored rows."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._truths = TruthKeeper()

    @property
    def row_recall(self) -> RowRecall:
        """What sealed rows, as they are stored, keep of the order of the vectors given."""
        for segment in self.snapshot.segments:
            if isinstance(segment, SealedSegment):
                return segment.graph.recall
        return RowRecall()

    @property
    def stored_as(self) -> str:
        """How sealed rows are stored: what ``rescoring="auto"`` chose; empty before a sealing."""
        kinds = [one.rows.kind for one in coded(self.snapshot.segments) if one.sealed]
        return kinds[0] if kinds else ""

    def recall(
        self, queries: npt.ArrayLike, k: int = 10, *, given: VectorsGiven | None = None
    ) -> float:
        """Measure recall@k of :meth:`search` against the vectors given.

        Exact search over the rows as they are stored is the truth, and what that loses, as sealing
        measured it (:attr:`row_recall`), counts as missed.

        Parameters
        ----------
        queries : array_like [dim] or [n, dim]
        k : int
        given : callable, optional
            Gives the vectors that the index was made of, by key: int64[m] -> [m, dim], NaN for one
            that is gone; of an array whose row numbers are the keys, ``vectors.__getitem__``. Then
            they are the truth themselves.
        """
        self._check_open()
        vectors = self._validate(np.atleast_2d(as_array("queries", queries)))
        snapshot, k = self.snapshot, self._columns(k)
        k = min(k, max(1, snapshot.alive_count))
        found, _ = snapshot.search(vectors, k, SearchOptions(self._settings, threads=0))
        return self._truth(snapshot, vectors, k, None, given).recall(found)

    def settings_for(
        self,
        queries: npt.ArrayLike,
        target_recall: float = 0.95,
        k: int = 10,
        *,
        allow: npt.ArrayLike | Filter | None = None,
        given: VectorsGiven | None = None,
    ) -> SearchSettings:
        """Choose settings as :meth:`calibrate` does, without keeping them or a warning."""
        self._check_open()
        vectors = self._validate(queries)
        target = check_real("target_recall", target_recall, 0, 1)
        if not target or not len(vectors):
            raise InvalidInputError(
                f"expected queries and a target_recall above 0, got {len(vectors)} and {target}"
            )
        snapshot, chosen = self.snapshot, None if allow is None else Filter.of(allow)
        default = self._metric.default_settings()
        if not snapshot.alive_count:
            return default  # there is nothing to measure
        most = sum(which.row_count for _, which in snapshot.parts(chosen))
        if not most:
            raise InvalidInputError("expected rows that may be found, got allow of none")
        k = min(self._columns(k), most)
        truth = self._truth(snapshot, vectors, k, chosen, given)
        return cheapest_settings(Trial(snapshot, vectors, k, truth, chosen), target, default)

    def _truth(
        self,
        snapshot: Snapshot,
        queries: F32,
        k: int,
        chosen: Filter | None,
        given: VectorsGiven | None,
    ) -> Truth:
        if given is None:
            return self._truths.truth(snapshot, queries, k, chosen)
        check_callable("given", given)
        return Truth.of(snapshot, queries, k, chosen, partial(self._as_given, given))

    def _as_given(self, given: VectorsGiven, keys: I64) -> F32:
        """Return the vectors given of some keys as rows are compared; NaN where they are gone."""
        rows = as_array("vectors given", given(keys))
        if rows.ndim != 2 or len(rows) != len(keys) or rows.dtype.kind not in "fiu":
            raise InvalidInputError(
                f"expected a vector for each of {len(keys)} keys, got {rows.dtype} of {rows.shape}"
            )
        there = np.isfinite(rows).all(axis=1)
        vectors = np.full((len(rows), self._dim), np.nan, np.float32)
        vectors[there] = self._validate(rows[there])
        return vectors

    def calibrate(
        self,
        queries: npt.ArrayLike,
        target_recall: float = 0.95,
        k: int = 10,
        *,
        allow: npt.ArrayLike | Filter | None = None,
        given: VectorsGiven | None = None,
    ) -> SearchSettings:
        """Choose and store the cheapest settings that reach a recall on these queries.

        Recall is that of the vectors given, as :meth:`recall` measures it, of sealed and live rows.

        Parameters
        ----------
        queries : array_like [n, dim]
            Like those to come; a few hundred. Recall differs much between kinds of queries.
        target_recall : float
            Above 0, at most 1; a RuntimeWarning tells when it is out of reach.
        k : int
        allow : array_like or Filter, optional
            Measure searches with this filter.
        given : callable, optional
            As :meth:`recall` takes it.

        Returns
        -------
        SearchSettings
            Also kept in :attr:`settings` and, for an index in a folder, on disk.

        Raises
        ------
        InvalidInputError
            No queries, a target out of range, or ``allow`` of no row.
        ReadOnlyError
        """
        self._check_writable()
        settings = self.settings_for(queries, target_recall, k, allow=allow, given=given)
        self._store(settings)
        warn_of_missing(settings)
        return settings

    def _store(self, settings: SearchSettings) -> None:
        """Keep settings, in one assignment."""
        self._settings = settings
