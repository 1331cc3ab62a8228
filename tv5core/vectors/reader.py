"""IndexReader: the reading side of a vector index: searches, settings for them, facts."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array, as_int64, check_int, check_real, check_type
from tv5core.errors import ClosedError, DimensionError, InvalidInputError, ReadOnlyError
from tv5core.vectors.audit import IndexAudit
from tv5core.vectors.explaining import SegmentPlan, explain_search
from tv5core.vectors.filters import Filter
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.matches import MAX_PADDED, Matches
from tv5core.vectors.memory import memory_usage
from tv5core.vectors.metric import Metric
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.segment import Snapshot, alive_rows
from tv5core.vectors.segment_set import SegmentSet
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import check_dim, check_rescoring
from tv5core.vectors.verification import BackgroundCheck

__all__ = ["IndexReader"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_LONGEST_S = 1e6  # that a thread can be told to wait

_OPEN: weakref.WeakSet[IndexReader] = weakref.WeakSet()


class IndexReader:
    """What a vector index answers; :class:`VectorIndex` adds what changes it.

    Any number of threads may read at once, also while another changes the index.
    """

    def __init__(
        self,
        dim: int,
        metric: Metric,
        rescoring: str,
        settings: SearchSettings | None = None,
        graph: SealedGraph | None = None,
        given_dim: int = 0,
    ) -> None:
        self._metric, self._rescoring = metric, check_rescoring(rescoring)
        self._dim = check_dim(dim)
        self._given_dim = _wider(self._dim, given_dim)
        self._settings = settings or metric.default_settings()
        self._segments = SegmentSet(dim, self._rescoring, graph, walkable=self._metric.unit_length)
        self._closed = self._read_only = False
        self._check: BackgroundCheck | None = None  # of rows that are read already
        self._renew_locks()
        _OPEN.add(self)

    def _renew_locks(self) -> None:
        """Make locks that nobody holds; in the child of a fork nobody else is there to."""
        self._lock = threading.RLock()  # one change at a time
        self._sealing = threading.Lock()  # one sealing at a time
        if self._check is not None:
            self._check.renew()

    # -- facts ----------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def given_dim(self) -> int:
        """Width of vectors that may be given as well, of which the first :attr:`dim` count."""
        return self._given_dim or self._dim

    @property
    def metric(self) -> str:
        """``cosine`` or ``ip``."""
        return self._metric.name

    @property
    def rescoring(self) -> str:
        """Type of the stored rows."""
        return self._rescoring

    @property
    def settings(self) -> SearchSettings:
        """What :meth:`search` uses where a call does not say otherwise."""
        return self._settings

    @property
    def snapshot(self) -> Snapshot:
        """The present state, which no later change touches."""
        snapshot = self._segments.snapshot
        self._check_open()  # after the read: a closed index has no rows, which is no answer
        return snapshot

    @property
    def sealed_count(self) -> int:
        """Sealed rows, removed ones included."""
        return sum(len(segment) for segment in self.snapshot.segments if segment.sealed)

    @property
    def live_count(self) -> int:
        """Rows added since the last sealing, removed ones included."""
        segments = self.snapshot.segments
        return sum(len(segment) for segment in segments if not segment.sealed)

    @property
    def removed_count(self) -> int:
        """Rows that are still stored but not found any more."""
        segments = self.snapshot.segments
        return sum(len(segment) - segment.alive_count for segment in segments)

    @property
    def removed_sealed_count(self) -> int:
        """Sealed rows that are not found any more: walks still pass through them."""
        sealed = [one for one in self.snapshot.segments if one.sealed]
        return sum(len(segment) - segment.alive_count for segment in sealed)

    def __len__(self) -> int:
        return self.snapshot.alive_count

    def __contains__(self, key: object) -> bool:
        integer = isinstance(key, (int, np.integer)) and not isinstance(key, bool)
        with self._lock:
            self._check_open()
            return integer and 0 <= int(key) < 2**63 and int(key) in self._segments  # type: ignore[call-overload]

    def __repr__(self) -> str:
        if self._closed:
            return f"<{type(self).__name__}, closed>"
        live, cut = self.live_count, f" of {self.given_dim}" if self._given_dim else ""
        return (
            f"<{type(self).__name__}: {len(self):,} vectors of {self.dim}{cut} dimensions, "
            f"{self.metric}, rows {self.rescoring}{f', {live:,} not sealed' if live else ''}>"
        )

    def keys(self) -> I64:
        """Return the keys of all rows that are not removed, in no particular order."""
        segments = self.snapshot.segments
        some = [np.asarray(segment.keys)[alive_rows(segment)] for segment in segments]
        return np.concatenate(some) if some else np.empty(0, np.int64)

    def audit(self) -> IndexAudit:
        """Return the present state, to be compared with the vectors it was made from."""
        return IndexAudit(self.snapshot, self._metric, self._rescoring)

    def memory(self) -> dict[str, dict[str, int]]:
        """Return bytes by what they are for.

        Returns
        -------
        dict
            ``graph`` (links), ``codes``, ``keys`` and ``rescoring`` (stored rows) of sealed rows,
            ``live`` (all of the live rows) and ``scratch`` (of walking threads), each with
            ``total`` and ``resident``: of mapped arrays, the bytes now in this process's memory.
        """
        return memory_usage(self.snapshot.segments)

    def wait_verified(self, timeout_s: float | None = None) -> bool:
        """Wait until every byte has been checked; see ``verify`` of :meth:`VectorIndex.open`.

        Parameters
        ----------
        timeout_s : float, optional
            Wait so long at most; 0 only looks.

        Returns
        -------
        bool
            Whether all was checked, and is sound.

        Raises
        ------
        CorruptFileError
            A block is not what was written.
        ClosedError, InvalidInputError
        """
        most = None if timeout_s is None else check_real("timeout_s", timeout_s, 0, _LONGEST_S)
        self._check_open()
        check = self._check
        return check is None or check.wait(most)

    # -- searching ------------------------------------------------------------------------

    def filter(self, allow: npt.ArrayLike | Filter) -> Filter:
        """Prepare a filter for any number of searches.

        Parameters
        ----------
        allow : array_like
            Keys (unknown ones are ignored), or a boolean mask: key ``i`` is allowed where
            ``allow[i]``; keys past its end are not. It is copied. A ``BitMap`` or ``BitMap64`` of
            pyroaring holds keys. For a packed bitmap, see :meth:`Filter.from_bitmap`.
        """
        self._check_open()
        return Filter.of(allow)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int = 10,
        *,
        expansion_search: int | None = None,
        oversampling: float | None = None,
        error_margin: float | None = None,
        min_k: int | None = None,
        allow: npt.ArrayLike | Filter | None = None,
        exact: bool = False,
        threads: int = 1,
    ) -> Matches:
        """Find the k nearest rows of each query.

        Parameters
        ----------
        queries : array_like [dim] or [n, dim]
        k : int
            At least 1; so many columns the answer has, see :class:`Matches`.
        expansion_search : int, optional
            Size of the walk's pool (``ef`` of HNSW). Recall and time both grow with it.
        oversampling : float, optional
            Candidates rescored exactly for each answer, at most. More find what the one-bit
            estimate ranks too low; each costs a read of a stored row.
        error_margin : float, optional
            Neither expand nor rescore rows whose estimates lie more standard deviations of the
            estimate's error behind that of the last answer. A wide pool with a margin of 2 to 3
            finds as much as a narrow pool without one, in two thirds of the time, because easy
            queries end early. No margin where it is left out beside another of these settings.
        min_k : int, optional
            Look as far as a search for so many answers where ``k`` is smaller: answers for a small
            ``k`` improve, at the cost of the larger search. ``k`` where it is left out beside
            another of these settings.
        allow : array_like or Filter, optional
            Keys or boolean mask as in :meth:`filter`.
        exact : bool
            Score every (allowed) stored row instead of walking.
        threads : int
            Threads to split the queries over; 0 for all cores.

        Returns
        -------
        Matches
            Scores are inner products with the stored rows, of unit vectors for cosine.

        Raises
        ------
        DimensionError, NonFiniteVectorError, ZeroVectorError, InvalidInputError, ClosedError
        """
        k = self._columns(k)
        settings = self._settings.override(
            k,
            expansion_search=expansion_search,
            oversampling=oversampling,
            error_margin=error_margin,
            min_k=min_k,
        )
        chosen = None if allow is None else Filter.of(allow)
        return self._search(queries, k, SearchOptions(settings, exact, chosen, threads))

    def search_with(
        self,
        queries: npt.ArrayLike,
        k: int,
        options: SearchOptions,
        snapshot: Snapshot | None = None,
    ) -> Matches:
        """Search as :meth:`search` does, with options that are made already.

        ``snapshot`` is an earlier state of this index; None is the present one.
        """
        if type(options) is not SearchOptions:  # else the common case
            check_type("options", options, SearchOptions)
        if snapshot is not None and type(snapshot) is not Snapshot:
            check_type("snapshot", snapshot, Snapshot)
        return self._search(queries, self._columns(k), options, snapshot)

    def _search(
        self,
        queries: npt.ArrayLike,
        k: int,
        options: SearchOptions,
        snapshot: Snapshot | None = None,
    ) -> Matches:
        self._check_open()
        given = as_array("queries", queries)
        one = given.ndim == 1
        if self._given_dim:
            given = self._first_dimensions(given)
        vectors = self._metric.validate(given[None] if one else given, self._dim)
        keys, scores = (snapshot or self.snapshot).search(vectors, k, options)
        return Matches(keys[0], scores[0]) if one else Matches(keys, scores)

    def scores(
        self, query: npt.ArrayLike, keys: npt.ArrayLike, snapshot: Snapshot | None = None
    ) -> npt.NDArray[np.float32]:
        """Return exact scores of rows by their keys: float32[n], NaN where there is no such row.

        Parameters
        ----------
        query : array_like [dim]
        keys : array_like of int [n]
        snapshot : Snapshot, optional
            An earlier state of this index.

        Raises
        ------
        InvalidInputError, DimensionError, NonFiniteVectorError, ZeroVectorError, ClosedError
        """
        self._check_open()
        check_type("snapshot", snapshot, (Snapshot, type(None)))
        vector = self._one(query)
        named = as_array("integer keys", keys)
        if named.ndim != 1 or (named.size and named.dtype.kind not in "iu"):
            raise InvalidInputError(
                f"expected integer keys, got {named.dtype} of shape {named.shape}"
            )
        return (snapshot or self.snapshot).scores(vector, as_int64(named))

    def _one(self, query: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return one query as float32[1, dim]."""
        given = as_array("one query", query)
        if given.ndim != 1:
            raise InvalidInputError(f"expected one query, got shape {given.shape}")
        return self._metric.validate(given[None], self._dim)

    def explain(
        self,
        query: npt.ArrayLike,
        k: int,
        options: SearchOptions,
        snapshot: Snapshot | None = None,
    ) -> list[SegmentPlan]:
        """Say how :meth:`search_with` goes about one query in each segment, and what it reads."""
        self._check_open()
        check_type("options", options, SearchOptions)
        check_type("snapshot", snapshot, (Snapshot, type(None)))
        vector, columns = self._one(query), self._columns(k)
        return explain_search(snapshot or self.snapshot, vector, columns, options)

    def _validate(self, vectors: npt.ArrayLike) -> F32:
        if self._given_dim:
            vectors = self._first_dimensions(as_array("vectors", vectors))
        return self._metric.validate(vectors, self._dim)

    def _first_dimensions(self, given: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Cut vectors of the width given down to the dimensions that are kept."""
        whole = bool(given.ndim) and given.shape[-1] == self._given_dim
        return given[..., : self._dim] if whole else given

    def _columns(self, k: int) -> int:
        """Return the number of columns that an answer for ``k`` has."""
        if type(k) is not int or not 1 <= k <= MAX_PADDED:  # else the common case
            k = min(check_int("k", k, 1), max(len(self), MAX_PADDED))
        return k

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open index, got one after close()")
        check = self._check
        if check is not None and check.damage is not None:
            check.raise_damage()

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ReadOnlyError("expected a writable index, got one opened with read_only=True")


def _wider(dim: int, given: int) -> int:
    """Return the width of vectors that are cut down to ``dim``, 0 where none are."""
    if given and given < dim:
        raise DimensionError(f"expected dim of {given} or less, as vectors have, got {dim}")
    return given if given > dim else 0


def _after_fork_in_child() -> None:
    for index in list(_OPEN):
        index._renew_locks()  # noqa: SLF001 - a change of another thread is undone by SegmentSet


os.register_at_fork(after_in_child=_after_fork_in_child)
