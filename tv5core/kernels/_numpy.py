"""The kernels in NumPy: the oracle of every native path, and the fallback without a compiler.

Native paths return the same bits, floats included. Three rules make that possible:

* float sums have a fixed order: 32 running lanes (element ``i`` goes to lane ``i % 32``),
  then the lanes are folded in halves (:func:`_fold`); products are rounded before they are
  added, so no path may fuse them;
* the fast Hadamard transform adds in butterfly order, which vectorises without reordering;
* candidates are ordered by descending score, then ascending row, so that ties have one answer.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.kernels._numpy_links import linker
from tv5core.kernels._shared import (
    F32,
    I32,
    I64,
    LANES,
    NONE,
    U8,
    U32,
    Prepared,
    Rows,
    mean_rescale,
)

__all__ = [
    "NAME",
    "asymmetric",
    "dot",
    "encode",
    "gather",
    "graph",
    "hamming",
    "linker",
    "normalize",
    "prepare",
    "quantize_i8",
    "quantize_i16",
    "rescore",
    "rotate",
    "scan_codes",
    "scan_rows",
    "squared_norms",
]

NAME = "numpy"
_ERROR = np.float32(0.60281027)
"""sqrt(1 - 2 / pi): the standard deviation of an estimate's error is this times ``f_rescale`` and
the query's length (see ``ext/asymmetric/asymmetric.inc``)."""
_ENTRIES = 64
"""Rows that a walk sets out from, at most."""


def hamming(codes: U8, query: U8) -> I32:
    """Count differing bits between one code and many: uint8[n, B], uint8[B] -> int32[n]."""
    bits: I32 = np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int32)
    return bits


def rotate(x: F32, center: F32, signs: F32) -> F32:
    """Centre, pad and rotate rows: float32[n, d], float32[d], float32[r, D] -> float32[n, D].

    One round a row of ``signs``: random signs on all coordinates, then an orthonormal Hadamard
    transform of the first or, in odd rounds, the last ``p`` coordinates, ``p`` the largest power
    of two <= D.
    """
    n, d = x.shape
    width = signs.shape[1]
    out = np.zeros((n, width), np.float32)
    np.subtract(x, center, out=out[:, :d])
    block = 1 << (width.bit_length() - 1)
    norm = np.float32(1.0 / math.sqrt(block))
    for round_, sign in enumerate(signs):
        out *= sign
        part = out[:, :block] if round_ % 2 == 0 else out[:, width - block :]
        _hadamard(part)
        part *= norm
    return out


def _hadamard(x: F32) -> None:
    """Transform every row in place, unnormalised; the width is a power of two."""
    width = x.shape[1]
    half = 1
    while half < width:
        # A slice of a wider array is not contiguous, so index pairs instead of reshaping.
        pairs = np.arange(width).reshape(-1, 2, half)
        low, high = pairs[:, 0].ravel(), pairs[:, 1].ravel()
        a, b = x[:, low], x[:, high]
        x[:, low], x[:, high] = a + b, a - b
        half *= 2


def _fold(products: F32) -> F32:
    """Sum rows in the kernels' fixed order: float32[n, d] -> float32[n]."""
    n, d = products.shape
    steps = -(-d // LANES)
    padded = np.zeros((n, steps * LANES), np.float32)
    padded[:, :d] = products
    lanes = np.zeros((n, LANES), np.float32)
    for step in range(steps):
        lanes += padded[:, step * LANES : (step + 1) * LANES]
    half = LANES // 2
    while half:
        lanes = lanes[:, :half] + lanes[:, half : 2 * half]
        half //= 2
    return lanes[:, 0]


def squared_norms(x: F32) -> F32:
    """Sum squares by row: float32[n, d] -> float32[n]."""
    with np.errstate(over="ignore"):
        return _fold(x * x)


def normalize(x: F32) -> tuple[F32, F32]:
    """Scale rows to unit length: float32[n, d] -> float32[n, d], :func:`squared_norms` of the rows given.

    A row whose square is zero, infinite or NaN becomes what the division makes of it.
    """
    square = squared_norms(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: F32 = x * np.divide(np.float32(1), np.sqrt(square))[:, None]
    return scaled, square


def gather(keys: I64, rows: U32) -> I64:
    """Look up keys by row: int64[m], uint32[n, k] -> int64[n, k], -1 where a row is NONE."""
    there = rows != NONE
    found = np.full(rows.shape, -1, np.int64)
    found[there] = keys[rows[there]]
    return found


def encode(rotated: F32) -> tuple[U8, F32, F32]:
    """Take sign bits and the sums behind the factors: float32[n, D] -> codes, sum |x|, sum x^2.

    Bit ``i`` (little bit order) is set where ``x[i] > 0``.
    """
    codes = np.packbits(rotated > 0, axis=1, bitorder="little")
    return codes, _fold(np.abs(rotated)), _fold(rotated * rotated)


def _quantize(x: F32, limit: int) -> tuple[F32, F32]:
    peak = np.abs(x).max(axis=1, initial=np.float32(0))
    with np.errstate(divide="ignore"):
        inverse = np.where(peak > 0, np.float32(limit) / peak, np.float32(0)).astype(np.float32)
    # A subnormal peak has an infinite inverse; such a row is as good as zero.
    inverse[~np.isfinite(inverse)] = 0
    scale = np.where(inverse > 0, peak / np.float32(limit), np.float32(0)).astype(np.float32)
    # Nor has a row with NaN or infinity an inverse: 0 would make NaN of those, which no integer is.
    factor = inverse[:, None]
    values = np.multiply(x, factor, where=factor > 0, out=np.zeros_like(x))
    # The rounded inverse may carry the peak past the limit by one unit in the last place.
    return np.clip(np.rint(values), -limit, limit), scale


def quantize_i8(x: F32) -> tuple[npt.NDArray[np.int8], F32]:
    """Round rows to int8 with one scale a row: float32[n, d] -> int8[n, d], float32[n]."""
    values, scale = _quantize(x, 127)
    return values.astype(np.int8), scale


def quantize_i16(x: F32) -> tuple[npt.NDArray[np.int16], F32]:
    """Round rows to int16 as finely as an int32 sum of products with int8 allows."""
    limit = min(32767, (2**31 - 1) // (127 * x.shape[1]))
    values, scale = _quantize(x, limit)
    return values.astype(np.int16), scale


def prepare(queries: F32, center: F32, signs: F32) -> Prepared:
    """Centre, rotate and quantize queries: float32[n, d] -> Prepared."""
    values, scale = quantize_i8(rotate(queries, center, signs))
    total = values.sum(axis=1, dtype=np.int32)
    return Prepared(values, scale, total, _fold(queries * center))


def asymmetric(query: npt.NDArray[np.int8], codes: U8) -> I32:
    """Sum the query's values where a code's bit is set: int8[D], uint8[n, D / 8] -> int32[n]."""
    bits = np.unpackbits(codes, axis=1, bitorder="little")
    sums: I32 = bits.astype(np.int32) @ query.astype(np.int32)
    return sums


def dot(rows: Rows, query: npt.NDArray[np.int16] | F32) -> I32 | F32:
    """Multiply rows with one query.

    int8 rows take an int16 query and give exact int32; float16 and float32 rows take a
    float32 query and give float32, summed in the kernels' order.
    """
    if rows.dtype == np.int8:
        sums: I32 = rows.astype(np.int32) @ query.astype(np.int32)
        return sums
    return _fold(rows.astype(np.float32) * query)


def _exact(rows: Rows, scales: F32 | None, query: F32) -> F32:
    """Score rows exactly as stored."""
    if scales is None:
        return np.asarray(dot(rows, query), np.float32)
    values, scale = quantize_i16(query[None])
    scores: F32 = dot(rows, values[0]).astype(np.float32) * (scales * scale[0])
    return scores


def _estimates(records: U8, prepared: Prepared, i: int) -> F32:
    """Estimate inner products from code records, without the query's base."""
    width = prepared.values.shape[1] // 8
    sums = asymmetric(prepared.values[i], records[:, :width])
    factors = np.ascontiguousarray(records[:, width : width + 8]).view(np.float32)
    centred = (2 * sums - prepared.total[i]).astype(np.float32) * prepared.scale[i]
    estimates: F32 = factors[:, 0] + factors[:, 1] * centred
    return estimates


def _by_signs(records: U8, prepared: Prepared, i: int) -> F32:
    """Estimate as :func:`_estimates` does, from the signs of the query and its mean magnitude."""
    values = prepared.values[i]
    bits = len(values)
    differing = hamming(
        np.ascontiguousarray(records[:, : bits // 8]), np.packbits(values >= 0, bitorder="little")
    )
    factors = np.ascontiguousarray(records[:, bits // 8 : bits // 8 + 8]).view(np.float32)
    total = np.abs(values.astype(np.int32)).sum(dtype=np.int32)
    unit = np.float32(total) / np.float32(bits) * prepared.scale[i]
    centred = (bits - 2 * differing).astype(np.float32) * unit
    estimates: F32 = factors[:, 0] + factors[:, 1] * centred
    return estimates


def _best(rows: U32, scores: F32, k: int) -> tuple[U32, F32]:
    """Keep the k best by descending score, then ascending row, padded with NONE."""
    scores = scores + np.float32(0)  # -0 and 0 are one value, and -0 is not returned
    order = np.lexsort((rows, -scores))[:k]
    ids, best = np.full(k, NONE, np.uint32), np.full(k, -np.inf, np.float32)
    ids[: len(order)], best[: len(order)] = rows[order], scores[order]
    return ids, best


def _with_base(found: tuple[U32, F32], base: np.float32) -> tuple[U32, F32]:
    """Add the query's base to chosen estimates.

    It is the same for every row, so the order is made without it: adding it first would round
    different estimates to equal scores.
    """
    ids, scores = found
    return ids, np.where(ids == NONE, scores, scores + base)


def _allowed(n: int, allow: U8 | None) -> U32:
    if allow is None:
        return np.arange(n, dtype=np.uint32)
    return np.flatnonzero(np.unpackbits(allow, bitorder="little")[:n]).astype(np.uint32)


def scan_codes(records: U8, prepared: Prepared, k: int, allow: U8 | None = None) -> tuple[U32, F32]:
    """Estimate every (allowed) record and keep the k best of each query.

    Parameters
    ----------
    records : uint8[n, >= D / 8 + 8]
        Code, ``f_add`` and ``f_rescale`` of each row; what follows is padding.
    prepared : Prepared
    k : int
    allow : uint8[>= n / 8] or None
        Bitmap of rows to consider, little bit order.

    Returns
    -------
    rows : uint32[queries, k]
        NONE where fewer than k exist.
    scores : float32[queries, k]
        Descending; -inf where fewer than k exist.
    """
    rows = _allowed(len(records), allow)
    found = [
        _with_base(_best(rows, _estimates(records[rows], prepared, i), k), prepared.base[i])
        for i in range(len(prepared.values))
    ]
    return _stack(found, k)


def scan_rows(
    rows: Rows, scales: F32 | None, queries: F32, k: int, allow: U8 | None = None
) -> tuple[U32, F32]:
    """Score every (allowed) stored row exactly and keep the k best of each query."""
    ids = _allowed(len(rows), allow)
    part = None if scales is None else scales[ids]
    return _stack([_best(ids, _exact(rows[ids], part, q), k) for q in queries], k)


def rescore(
    rows: Rows,
    scales: F32 | None,
    queries: F32,
    candidates: U32,
    k: int,
    upper_bounds: F32 | None = None,
) -> tuple[U32, F32]:
    """Score each query's candidates exactly and keep the k best.

    Parameters
    ----------
    rows : int8, float16 or float32 [n, d]
    scales : float32[n] or None
        One scale a row, for int8.
    queries : float32[queries, d]
    candidates : uint32[queries, m]
        NONE entries are skipped.
    k : int
    upper_bounds : float32[queries, m] or None
        Upper bound of each candidate's score; candidates below the k-th best exact score so far
        are skipped.
    """
    found = []
    for i, (query, some) in enumerate(zip(queries, candidates, strict=True)):
        ids = some[some != NONE]
        part = None if scales is None else scales[ids]
        exact = _exact(rows[ids], part, query)
        if upper_bounds is not None:
            looked_at = _looked_at(ids, exact, upper_bounds[i][some != NONE], k)
            ids, exact = ids[looked_at], exact[looked_at]
        found.append(_best(ids, exact, k))
    return _stack(found, k)


def _looked_at(ids: U32, exact: F32, upper_bounds: F32, k: int) -> list[int]:
    """Return the places of candidates that could still be among the best when their turn came."""
    places: list[int] = []
    for at in range(len(ids)):
        full = len(places) >= k
        if not full or upper_bounds[at] >= _best(ids[places], exact[places], k)[1][-1]:
            places.append(at)
    return places


def _stack(found: list[tuple[U32, F32]], k: int) -> tuple[U32, F32]:
    if not found:
        return np.empty((0, k), np.uint32), np.empty((0, k), np.float32)
    return np.stack([ids for ids, _ in found]), np.stack([scores for _, scores in found])


_Entry = tuple[np.float32, int]


def _in_reach(
    pool: list[_Entry], best: list[_Entry], reach: tuple[int, np.float32] | None
) -> list[_Entry]:
    """Return the entries no further behind the answer of a rank than reach allows."""
    if reach is None or len(best) < reach[0]:
        return pool
    least = -best[reach[0] - 1][0] - reach[1]
    return [entry for entry in pool if -entry[0] >= least]


def _first(
    pool: list[_Entry],
    best: list[_Entry],
    reach: tuple[int, np.float32] | None,
    expanded: set[int],
) -> int | None:
    """Return the best row in reach that is not expanded."""
    near = _in_reach(pool, best, reach)
    return next((row for _, row in near if row not in expanded), None)


class NumpyGraph:
    """A sealed graph, walked in place.

    Parameters
    ----------
    records : uint8[n, >= D / 8 + 8]
        Code records by row, padded.
    links : uint32[n, degree]
        Neighbours, padded with NONE.
    centroids : uint8[lists, as records]
        Code records of the lists' centroids.
    offsets : uint32[lists + 1]
        List ``l`` is rows ``offsets[l]`` to ``offsets[l + 1] - 1``; none is empty. The rows of
        lists are where walks begin.
    probes : int
        Lists that a walk scans.
    bits : int
        Width of the codes.
    """

    def __init__(
        self, records: U8, links: U32, centroids: U8, offsets: U32, probes: int, bits: int
    ) -> None:
        width = bits // 8 + 8
        self._records, self._links = records[:, :width], links
        self._centroids, self._offsets, self._probes = centroids[:, :width], offsets, probes
        self._mean_rescale = np.float32(mean_rescale(records, bits))

    @property
    def scratch_bytes(self) -> int:
        """Bytes kept for walking threads; the walk in NumPy keeps none."""
        return 0

    def walk(
        self,
        prepared: Prepared,
        expansion_search: int,
        candidates: int,
        allow: U8 | None = None,
        k: int | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32, I32]:
        """Walk best-first; see :class:`tv5core.kernels.Graph`."""
        found, visited = [], []
        margins = np.full(len(prepared.values), np.inf, np.float32)
        if error_margin is not None and error_margin < math.inf:
            margins = self._margins(prepared, error_margin) * self._mean_rescale
        for i in range(len(prepared.values)):
            limit = (k or candidates, margins[i]) if margins[i] < math.inf else None
            rows, scores, seen = self._walk_one(
                prepared, i, expansion_search, candidates, allow, limit
            )
            found.append(_with_base(_best(rows, scores, candidates), prepared.base[i]))
            visited.append(seen)
        return *_stack(found, candidates), np.asarray(visited, np.int32)

    def searcher(
        self,
        center: F32,
        signs: F32,
        rows: Rows,
        scales: F32 | None,
        rotated_center: F32 | None = None,
    ) -> NumpySearcher:
        """Join the graph with what else a search needs; see :class:`tv5core.kernels.Graph`."""
        return NumpySearcher(self, center, signs, rows, scales, rotated_center)

    def upper_bounds(
        self, prepared: Prepared, rows: U32, estimates: F32, error_margin: float
    ) -> F32:
        """Add the error margin to estimates; see :class:`tv5core.kernels.Graph`."""
        unit = self._margins(prepared, error_margin)
        there = np.where(rows == NONE, 0, rows)
        rescale = np.ascontiguousarray(self._records[:, -4:]).view(np.float32)[:, 0]
        bounds: F32 = np.where(rows == NONE, estimates, estimates + unit[:, None] * rescale[there])
        return bounds

    def _margins(self, prepared: Prepared, error_margin: float) -> F32:
        """Return so many standard deviations of the error of a row whose factor is 1."""
        squares = (prepared.values.astype(np.int32) ** 2).sum(axis=1, dtype=np.int32)
        lengths = np.sqrt(squares.astype(np.float32)) * prepared.scale
        unit: F32 = np.float32(error_margin) * (_ERROR * lengths)
        return unit

    def _score(self, prepared: Prepared, i: int, rows: U32) -> F32:
        return _estimates(self._records[rows], prepared, i)

    def _enter(self, prepared: Prepared, i: int) -> tuple[U32, int]:
        """Return the best rows of the lists nearest the query, by its signs, and rows read."""
        every = np.arange(len(self._centroids), dtype=np.uint32)
        scores = _by_signs(self._centroids, prepared, i)
        chosen = _best(every, scores, self._probes)[0]
        some = [np.arange(self._offsets[c], self._offsets[c + 1], dtype=np.uint32) for c in chosen]
        rows = np.concatenate(some)
        best = _best(rows, _by_signs(self._records[rows], prepared, i), min(_ENTRIES, len(rows)))[0]
        return best, len(every) + len(rows)

    def _walk_one(
        self,
        prepared: Prepared,
        i: int,
        size: int,
        k: int,
        allow: U8 | None,
        reach: tuple[int, np.float32] | None,
    ) -> tuple[U32, F32, int]:
        entries, read = self._enter(prepared, i)
        visited = {int(row) for row in entries}
        # Entries are (-score, row): ascending order is descending score, ascending row.
        pool: list[_Entry] = []
        expanded: set[int] = set()
        kept: list[_Entry] = []
        best = pool if allow is None else kept
        for found in zip(-self._score(prepared, i, entries), entries.tolist(), strict=True):
            insort(pool, found)
            del pool[size:]
            self._keep(kept, found, k, allow)
        # As the native walk, which hides the latency of memory: a row taken from the pool is
        # expanded a step later, and what it leads to is scored a step after that.
        following: int | None = None
        fresh: list[int] = []
        while True:
            coming = [] if following is None else self._gather(following, visited)
            following = _first(pool, best, reach, expanded)
            if following is not None:
                expanded.add(following)
            rows = np.asarray(fresh, np.uint32)
            for found in zip(-self._score(prepared, i, rows), fresh, strict=True):
                insort(pool, found)
                del pool[size:]
                self._keep(kept, found, k, allow)
            fresh = coming
            if following is None and not fresh and _first(pool, best, reach, expanded) is None:
                break
        best = _in_reach(best, best, reach)
        ids = np.asarray([e[1] for e in best], np.uint32)
        read += len(visited) - len(entries)
        return ids, np.asarray([-e[0] for e in best], np.float32), read

    def _gather(self, row: int, visited: set[int]) -> list[int]:
        """Return the links of a row that were not visited, and mark them."""
        links = [int(x) for x in self._links[row] if x != NONE]
        fresh = [x for x in dict.fromkeys(links) if x not in visited]
        visited.update(fresh)
        return fresh

    @staticmethod
    def _keep(kept: list[_Entry], entry: _Entry, k: int, allow: U8 | None) -> None:
        if allow is not None and allow[entry[1] >> 3] >> (entry[1] & 7) & 1:
            insort(kept, entry)
            del kept[k:]


@dataclass(frozen=True)
class NumpySearcher:
    """A graph with its rotation and its stored rows; see :class:`tv5core.kernels.Searcher`."""

    graph: NumpyGraph
    center: F32
    signs: F32
    rows: Rows
    scales: F32 | None
    rotated_center: F32 | None

    def search(
        self,
        queries: F32,
        expansion_search: int,
        candidates: int,
        k: int,
        allow: U8 | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32]:
        """Prepare, walk and rescore; see :class:`tv5core.kernels.Searcher`."""
        ready = prepare(queries, self.center, self.signs)
        found, estimates, _ = self.graph.walk(
            ready, expansion_search, candidates, allow, min(k, candidates), error_margin
        )
        exact = queries
        if self.rotated_center is not None:
            exact = rotate(queries, self.center, self.signs) + self.rotated_center
        bounds = (
            None
            if error_margin is None
            else self.graph.upper_bounds(ready, found, estimates, error_margin)
        )
        return rescore(self.rows, self.scales, exact, found, k, bounds)


def graph(
    records: U8, links: U32, centroids: U8, offsets: U32, probes: int, bits: int
) -> NumpyGraph:
    """Make a walkable graph of arrays; see :class:`NumpyGraph`."""
    return NumpyGraph(records, links, centroids, offsets, probes, bits)
