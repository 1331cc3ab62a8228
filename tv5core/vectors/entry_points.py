"""Entry points of walks: a random sample of the rows, grouped into lists around centroids.

A walk that always starts at the same row ends in the wrong region more often the more rows there
are: one walk in twenty at a million. The sampled rows nearest the query, found by scanning the
lists whose centroids are nearest, are within a few links of the answers instead.

The lists are found by spherical k-means (Dhillon and Modha, Machine Learning 42, 2001) over
estimates from codes, the same estimates by which a walk later chooses lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.kernels import Prepared
from tv5core.types import Progress
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.stored_rows import StoredRows

__all__ = [
    "ONE_IN",
    "EntryPoints",
    "Source",
    "choose_entry_points",
    "cut_lists",
    "probes_of",
    "probes_while_building",
]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

ONE_IN = 16
"""One row in so many is an entry point."""
_LEAST = 256  # entry points, where there are as many rows
_ROWS_A_LIST = 48
_LONGEST = 4 * _ROWS_A_LIST  # rows of a list, at most; a longer one is split
_ROUNDS = 6
_MOST_ORDERED = 8_192  # lists, of 6 million rows; their distances take 0.7 GB for a while
_CHUNK = 4_096

Run = Callable[[Callable[[int], Any], range], list[Any]]
"""Calls a function with each number of a range, on any number of threads; returns the results."""


@dataclass(frozen=True)
class Source:
    """Rows to build a graph over, by position: the vectors behind the codes, to int8 precision.

    Attributes
    ----------
    quantizer : Quantizer
    rows : StoredRows
        int8, without residuals.
    by_direction : bool
        Whether links are chosen by directions from the centre instead of distances.
    """

    quantizer: Quantizer
    rows: StoredRows
    by_direction: bool = False

    def centred(self, places: I64) -> F32:
        """Return rows centred and rotated: float32[len(places), bits]."""
        frame = self.rows.frame
        if frame is not None and frame.rotated and frame.centred:
            return self.rows.framed(places)
        plain = np.ascontiguousarray(self.rows.decode(places))
        turned: F32 = kernels.rotate(plain, self.quantizer.center, self.quantizer.signs)
        return turned

    def prepared(self, places: I64) -> Prepared:
        """Quantize rows as queries."""
        values, scale = kernels.quantize_i8(self.centred(places))
        total = values.sum(axis=1, dtype=np.int32)
        return Prepared(values, scale, total, np.zeros(len(values), np.float32))


@dataclass(frozen=True)
class EntryPoints:
    """Rows in the order they are built in, entry points first.

    Attributes
    ----------
    order : int64[n]
        Place of each row; the entry points list by list, then all others, shuffled.
    centroids : uint8[lists, stride]
        Codes, padded as sealed ones are.
    offsets : uint32[lists + 1]
        Where each list's rows begin.
    """

    order: I64
    centroids: U8
    offsets: U32

    @property
    def count(self) -> int:
        """Number of entry points."""
        return int(self.offsets[-1])


def probes_of(lists: int) -> int:
    """Return how many lists a search scans."""
    return min(lists, max(2, lists // 128))


def probes_while_building(lists: int) -> int:
    """Return how many lists are scanned to find the neighbours of a new row.

    More than by a search: a row that is linked in the wrong region is never found. At a million
    rows, 13 of 1,306 lists instead of 40 cost the graph half a point of recall.
    """
    return min(lists, max(8, lists // 32))


def choose_entry_points(
    source: Source, run: Run, seed: int = 0, progress: Progress | None = None
) -> EntryPoints:
    """Draw the entry points and group them.

    Parameters
    ----------
    source : Source
    run : callable
        See :data:`Run`.
    seed : int
    progress : callable, optional
    """
    n = len(source.rows)
    order = np.random.default_rng([seed, n]).permutation(n)
    count = max(min(n, _LEAST), n // ONE_IN)
    sample = order[:count]
    lists = max(1, count // _ROWS_A_LIST)
    centroids = _directions(source.centred(sample[:lists]))
    for done in range(_ROUNDS if lists > 1 else 0):
        if progress is not None:
            progress(done * count, _ROUNDS * count, "grouping entries")
        list_of = _assigned(source, sample, centroids, run)
        centroids = _means(source, sample, list_of, centroids)
    centroids = centroids[_order_by_similarity(kernels.encode(centroids)[0])]
    list_of = _assigned(source, sample, centroids, run)
    order[:count] = sample[np.argsort(list_of, kind="stable")]
    which, offsets = cut_lists(np.bincount(list_of, minlength=lists))
    return EntryPoints(order, _codes(source, centroids[which]), offsets)


def _directions(vectors: F32) -> F32:
    """Scale to unit length; zeros stay."""
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    scaled: F32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


def _codes(source: Source, directions: F32) -> U8:
    """Encode centroids: vectors that are centred and rotated already, and of unit length."""
    quantizer = source.quantizer
    return quantizer.layout.pad(quantizer.encode_directions(directions))


def _order_by_similarity(codes: U8) -> I64:
    """Order lists so that near ones are numbered one after the other: leaves of a dendrogram.

    Rows are numbered from the entry points on, so rows that are similar are near in memory. Where
    there are more lists than a table of all their distances has room for, the order stays.
    """
    if not 2 < len(codes) <= _MOST_ORDERED:
        return np.arange(len(codes))
    from scipy.cluster import hierarchy  # 0.1 s to load, which only building a graph needs

    distances = [kernels.hamming(codes[i + 1 :], codes[i]) for i in range(len(codes) - 1)]
    tree = hierarchy.linkage(np.concatenate(distances, dtype=np.float64), "average")
    leaves: I64 = hierarchy.leaves_list(tree).astype(np.int64)
    return leaves


def _assigned(source: Source, sample: I64, centroids: F32, run: Run) -> I64:
    """Return the list of each row: the one whose centroid is nearest, by its code."""
    codes = _codes(source, centroids)

    def one(start: int) -> U32:
        ready = source.prepared(sample[start : start + _CHUNK])
        return kernels.scan_codes(codes, ready, 1)[0][:, 0]

    parts = run(one, range(0, len(sample), _CHUNK))
    return np.concatenate(parts).astype(np.int64)


def _means(source: Source, sample: I64, list_of: I64, centroids: F32) -> F32:
    """Return the mean direction of each list's rows; empty lists keep their centroids."""
    sums = np.zeros(centroids.shape, np.float64)
    for start in range(0, len(sample), _CHUNK):
        some = list_of[start : start + _CHUNK]
        order = np.argsort(some, kind="stable")
        there, first = np.unique(some[order], return_index=True)
        vectors = _directions(source.centred(sample[start : start + _CHUNK]))
        sums[there] += np.add.reduceat(vectors[order], first, axis=0)
    moved = _directions(sums.astype(np.float32))
    empty = (sums == 0).all(axis=1)
    moved[empty] = centroids[empty]
    return moved


def cut_lists(sizes: I64) -> tuple[I64, U32]:
    """Drop empty lists and split long ones; return the centroid of each and where it begins.

    Equal rows all come into one list; a walk should not have to scan thousands of them.
    """
    pieces = -(-sizes // _LONGEST)
    which = np.repeat(np.arange(len(sizes)), pieces)
    ends = np.cumsum(sizes)
    first = np.cumsum(pieces) - pieces
    nth = np.arange(len(which)) - first[which]
    begin = ends[which] - sizes[which] + nth * _LONGEST
    return which, np.append(begin, ends[-1]).astype(np.uint32)
