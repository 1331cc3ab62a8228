"""Segment: rows that are searched as one; and Snapshot: the segments an index has at one moment.

A search asks every segment for its k best rows, each by the plan that suits it, and merges them.
Row numbers and bitmaps are always those of one segment; keys join segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.observing import stage
from tv5core.vectors.encoding import Block
from tv5core.vectors.filters import Filter
from tv5core.vectors.keyed_rows import Allowed, KeyedRows
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.parallel import split_queries
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.stored_rows import StoredRows

__all__ = [
    "Allowed",
    "CodedSegment",
    "PlannedSegment",
    "Segment",
    "SegmentHits",
    "Snapshot",
    "alive_blocks",
    "alive_rows",
    "coded",
    "scan_bounded",
    "scan_codes",
    "scan_rows",
    "scored",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_BLOCK_ROWS = 8_192


SegmentHits = tuple[U32, F32]
"""Best rows of one segment for each query, best first: uint32[queries, k] row numbers, NONE where
fewer than k exist; float32[queries, k] exact inner products with the stored rows, -inf there."""


class Segment(KeyedRows, Protocol):
    """Rows with numbers and deletions of their own; immutable, so readers need no lock.

    This is all that a search asks of its vectors, wherever they are.
    """

    @property
    def sealed(self) -> bool:
        """Whether the rows are in files that never change."""

    @property
    def scratch_bytes(self) -> int:
        """Bytes that searching threads keep."""

    def buffers(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Return the arrays held, by what they are for."""

    def find(self, keys: I64) -> I64:
        """Return a row that has each key, -1 for none: int64[n]; of several, the last."""

    def scores(self, query: F32, rows: U32) -> F32:
        """Score some rows exactly, in their order: float32[n]."""

    def search(
        self, queries: F32, k: int, options: SearchOptions, allowed: Allowed | None = None
    ) -> SegmentHits:
        """Find the k best rows that are not deleted.

        Parameters
        ----------
        queries : float32[n, dim]
            Validated by the metric.
        k : int
        options : SearchOptions
            Its settings and ``exact``; a filter has become ``allowed``.
        allowed : Allowed, optional
            Rows that may be returned; None for all that are not deleted.
        """


@runtime_checkable
class PlannedSegment(Segment, Protocol):
    """A segment that chooses its plans by itself."""

    def plan(self, k: int, options: SearchOptions, allowed: Allowed) -> str:
        """Say how it is searched."""


@runtime_checkable
class CodedSegment(Segment, Protocol):
    """A segment whose codes and rows are in this process."""

    @property
    def quantizer(self) -> Quantizer:
        """Centre and rotation of the codes."""

    @property
    def codes(self) -> U8:
        """uint8[n, >= size]: codes as :class:`CodeLayout` says."""

    @property
    def rows(self) -> StoredRows:
        """Rows for exact scores."""

    def scan_margin(
        self, settings: SearchSettings, k: int, allowed: Allowed, margin: float | None = None
    ) -> float | None:
        """Return the error margin of a scan of codes; None where it rescores a number of rows."""


def scan_rows(segment: CodedSegment, queries: F32, k: int, allowed: Allowed) -> SegmentHits:
    """Score every allowed stored row."""
    return segment.rows.scan(queries, k, allowed.bitmap)


def scan_codes(
    segment: CodedSegment, queries: F32, k: int, candidates: int, allowed: Allowed
) -> SegmentHits:
    """Estimate every row by its code and rescore the best candidates."""
    prepared = segment.quantizer.prepare(queries)
    found, _ = kernels.scan_codes(segment.codes, prepared, candidates, allowed.bitmap)
    with stage("rescore"):
        return segment.rows.rescore(queries, found, k)


def scan_bounded(
    segment: CodedSegment, queries: F32, k: int, error_margin: float, allowed: Allowed
) -> SegmentHits:
    """Estimate every allowed row by its code and rescore those that may be among the answers."""
    prepared = segment.quantizer.prepare(queries)
    return segment.rows.scan_bounded(
        segment.codes, prepared, queries, k, error_margin, allowed.bitmap
    )


def scored(segment: CodedSegment, query: F32, rows: U32) -> F32:
    """Return the exact score of each row, in their order."""
    found, best = segment.rows.rescore(query, rows[None], len(rows))
    by_row = np.argsort(found[0])
    scores: F32 = best[0][by_row[np.searchsorted(found[0], rows, sorter=by_row)]]
    return scores


def coded(segments: Sequence[Segment]) -> list[CodedSegment]:
    """Return the segments whose codes and rows are in this process."""
    return [segment for segment in segments if isinstance(segment, CodedSegment)]


def alive_rows(segment: Segment) -> I64:
    """Return the numbers of the rows that are not deleted."""
    return bitmap.rows(segment.alive, len(segment))


def alive_blocks(segments: Sequence[CodedSegment]) -> Iterator[Block]:
    """Yield all rows that are not deleted, as exactly as they are stored."""
    for segment in segments:
        alive = alive_rows(segment)
        for start in range(0, len(alive), _BLOCK_ROWS):
            some = alive[start : start + _BLOCK_ROWS]
            stored = segment.rows[some]
            yield Block(np.asarray(segment.keys[some]), stored.decode(slice(None)), stored)


@dataclass(frozen=True)
class Snapshot:
    """One consistent state of an index; it never changes, so readers need no lock."""

    segments: tuple[Segment, ...] = ()

    @property
    def alive_count(self) -> int:
        """Rows that can be found."""
        return sum(segment.alive_count for segment in self.segments)

    def parts(self, chosen: Filter | None) -> list[tuple[Segment, Allowed]]:
        """Return the segments that have rows, and which rows of each may be found."""
        some = [segment for segment in self.segments if segment.alive_count]
        return [(one, Allowed.of(one) if chosen is None else chosen.allowed(one)) for one in some]

    def search(self, queries: F32, k: int, options: SearchOptions) -> tuple[I64, F32]:
        """Find the k best rows of all segments for each query.

        Returns
        -------
        keys : int64[queries, k]
            -1 where fewer than k exist.
        scores : float32[queries, k]
            Exact inner products with the stored rows, descending.
        """
        segments = [segment for segment in self.segments if segment.alive_count]
        chosen = options.filter
        if len(segments) == 1 and chosen is None and options.threads == 1:  # the common case
            (segment,) = segments
            if k <= segment.alive_count:
                rows, found = segment.search(queries, k, options)
                return kernels.gather(segment.keys, rows), found
        most = min(k, sum(segment.alive_count for segment in segments))
        allowed = [Allowed.of(one) if chosen is None else chosen.allowed(one) for one in segments]
        if options.threads == 1:
            keys, scores = _search(segments, allowed, most, options, queries)
        else:
            search = partial(_search, segments, allowed, most, options)
            keys, scores = split_queries(search, queries, options.threads)
        return (keys, scores) if most == k else (_pad(keys, k, -1), _pad(scores, k, -np.inf))

    def scores(self, query: F32, keys: I64) -> F32:
        """Score rows exactly by their keys, reading no others.

        Parameters
        ----------
        query : float32[1, dim]
        keys : int64[n]

        Returns
        -------
        float32[n]
            NaN where no row that is not deleted has the key.
        """
        scores = np.full(len(keys), np.nan, np.float32)
        for segment in self.segments:
            rows = segment.find(keys)
            there = rows >= 0
            if segment.alive is not None:
                there[there] = bitmap.test(segment.alive, rows[there])
            if there.any():
                scores[there] = segment.scores(query, rows[there].astype(np.uint32))
        return scores


def _search(
    segments: list[Segment],
    allowed: Sequence[Allowed],
    k: int,
    options: SearchOptions,
    queries: F32,
) -> tuple[I64, F32]:
    if len(segments) == 1:
        return _search_segment(segments[0], queries, k, options, allowed[0])
    found = [
        _search_segment(segment, queries, k, options, some)
        for segment, some in zip(segments, allowed, strict=True)
    ]
    return _merge(found, len(queries), k)


def _search_segment(
    segment: Segment, queries: F32, k: int, options: SearchOptions, allowed: Allowed
) -> tuple[I64, F32]:
    most = min(k, segment.alive_count)
    rows, scores = segment.search(queries, most, options, allowed)
    return kernels.gather(segment.keys, rows), scores


def _pad(found: npt.NDArray[Any], k: int, value: float) -> npt.NDArray[Any]:
    """Widen answers to ``k`` columns."""
    padded = np.full((len(found), k), value, found.dtype)
    padded[:, : found.shape[1]] = found
    return padded


def _merge(found: list[tuple[I64, F32]], queries: int, k: int) -> tuple[I64, F32]:
    if not found:
        return np.empty((queries, 0), np.int64), np.empty((queries, 0), np.float32)
    keys = np.concatenate([some for some, _ in found], axis=1)
    scores = np.concatenate([some for _, some in found], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    query = np.arange(queries)[:, None]  # several times faster than np.take_along_axis
    return keys[query, order], scores[query, order]
