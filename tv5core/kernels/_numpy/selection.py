"""Top-k selection in NumPy: scan codes, scan rows, rescore candidates."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._numpy.codes import error_margins, estimates
from tv5core.kernels._numpy.rows import dot, quantize_i16
from tv5core.kernels._types import F32, NONE, U8, U32, Prepared, Rows

__all__ = [
    "add_base",
    "rescore",
    "scan_bounded",
    "scan_codes",
    "scan_rows",
    "stack",
    "top_k",
    "top_scores",
]


_WAITING = 2_048  # rows that wait to be rescored, at most
_BATCH = 64


def top_k(rows: U32, scores: F32, k: int) -> tuple[U32, F32]:
    """Keep the k best by descending score, then ascending row, padded with NONE and -inf."""
    scores = scores + np.float32(0)  # -0 and 0 are one value, and -0 is not returned
    order = np.lexsort((rows, -scores))[:k]
    ids, best = np.full(k, NONE, np.uint32), np.full(k, -np.inf, np.float32)
    ids[: len(order)], best[: len(order)] = rows[order], scores[order]
    return ids, best


def top_scores(scores: F32, k: int) -> tuple[U32, F32]:
    """Select the k best of some scores, by descending score, then ascending place.

    Parameters
    ----------
    scores : float32[n]
    k : int

    Returns
    -------
    places : uint32[k]
        NONE where there are fewer scores.
    best : float32[k]
        -inf there.
    """
    return top_k(np.arange(len(scores), dtype=np.uint32), scores, k)


def add_base(found: tuple[U32, F32], base: np.float32) -> tuple[U32, F32]:
    """Add the query's base to the estimates of selected rows.

    The base is the same for every row, so rows are ordered without it: added before, it would round
    different estimates to equal scores.
    """
    ids, scores = found
    return ids, np.where(ids == NONE, scores, scores + base)


def stack(found: list[tuple[U32, F32]], k: int) -> tuple[U32, F32]:
    """Join the selections of queries: uint32[queries, k], float32[queries, k]."""
    if not found:
        return np.empty((0, k), np.uint32), np.empty((0, k), np.float32)
    return np.stack([ids for ids, _ in found]), np.stack([scores for _, scores in found])


def _allowed(n: int, allow: U8 | None) -> U32:
    if allow is None:
        return np.arange(n, dtype=np.uint32)
    return np.flatnonzero(np.unpackbits(allow, bitorder="little")[:n]).astype(np.uint32)


def scan_codes(codes: U8, prepared: Prepared, k: int, allow: U8 | None = None) -> tuple[U32, F32]:
    """Estimate every (allowed) row from its code and keep the k best of each query.

    Parameters
    ----------
    codes : uint8[n, >= D / 8 + 8]
        Sign bits, ``f_add`` and ``f_rescale`` of each row; what follows is padding.
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
    rows = _allowed(len(codes), allow)
    found = [
        add_base(top_k(rows, estimates(codes[rows], prepared, i), k), prepared.base[i])
        for i in range(len(prepared.values))
    ]
    return stack(found, k)


def scan_bounded(
    codes: U8,
    prepared: Prepared,
    rows: Rows,
    scales: F32 | None,
    queries: F32,
    k: int,
    error_margin: float,
    allow: U8 | None = None,
) -> tuple[U32, F32]:
    """Score exactly every (allowed) row that may be an answer by its code, and keep the k best.

    An estimate plus ``error_margin`` standard deviations of its error is taken for the upper bound
    of a row's exact score (RaBitQ; Gao and Long, SIGMOD 2024). Rows whose bound is below the k-th
    best exact score so far are passed over. A true answer is missed only where its own error is
    beyond the margin, 2.3 % of them at 2, however many rows are nearly as good.

    Parameters
    ----------
    codes, prepared, k, allow
        As :func:`scan_codes` takes them.
    rows, scales
        As :func:`rescore` takes them; one stored row for each code.
    queries : float32[queries, d]
        As the stored rows take them.
    error_margin : float

    Returns
    -------
    rows : uint32[queries, k]
    scores : float32[queries, k]
        As :func:`scan_codes` returns them, but exact scores.
    """
    ids = _allowed(len(codes), allow)
    margins = error_margins(prepared, error_margin)
    found = []
    for i, query in enumerate(queries):
        factors = np.ascontiguousarray(codes[ids, : prepared.values.shape[1] // 8 + 8])
        rescale = factors[:, -4:].copy().view(np.float32)[:, 0]
        bounds = estimates(codes[ids], prepared, i) + prepared.base[i] + margins[i] * rescale
        part = None if scales is None else scales[ids]
        scan = _BoundedScan(ids, bounds, _exact(rows[ids], part, query), k)
        found.append(scan.run())
    return stack(found, k)


class _BoundedScan:
    """The order in which a native scan rescores rows: what it finds depends on it."""

    def __init__(self, ids: U32, bounds: F32, exact: F32, k: int) -> None:
        self._ids, self._bounds, self._exact, self._k = ids, bounds + np.float32(0), exact, k
        self._scored: list[int] = []
        self._least = np.float32(-np.inf)

    def run(self) -> tuple[U32, F32]:
        """Scan in batches; rescore whenever too many rows wait."""
        waiting: list[int] = []
        for start in range(0, len(self._ids), _BATCH):
            batch = range(start, min(start + _BATCH, len(self._ids)))
            waiting += [at for at in batch if self._qualifies(at)]
            if len(waiting) > _WAITING - _BATCH:
                self._rescore(waiting)
                waiting = []
        self._rescore(waiting)
        return self._best()

    def _qualifies(self, at: int) -> bool:
        return len(self._scored) < self._k or bool(self._bounds[at] >= self._least)

    def _rescore(self, waiting: list[int]) -> None:
        for at in sorted(waiting, key=lambda at: (-self._bounds[at], self._ids[at])):
            if self._qualifies(at):
                self._scored.append(at)
                if len(self._scored) >= self._k:
                    self._least = self._best()[1][-1]

    def _best(self) -> tuple[U32, F32]:
        return top_k(self._ids[self._scored], self._exact[self._scored], self._k)


def scan_rows(
    rows: Rows, scales: F32 | None, queries: F32, k: int, allow: U8 | None = None
) -> tuple[U32, F32]:
    """Score every (allowed) stored row exactly and keep the k best of each query.

    Parameters are those of :func:`rescore` and :func:`scan_codes`, results those of the latter.
    """
    ids = _allowed(len(rows), allow)
    part = None if scales is None else scales[ids]
    return stack([top_k(ids, _exact(rows[ids], part, q), k) for q in queries], k)


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
        One scale per row, for int8.
    queries : float32[queries, d]
    candidates : uint32[queries, m]
        NONE is skipped.
    k : int
    upper_bounds : float32[queries, m] or None
        Upper bound of each candidate's score; a candidate below the k-th best exact score so far is
        skipped.

    Returns
    -------
    rows : uint32[queries, k]
    scores : float32[queries, k]
        As :func:`scan_codes` returns them.
    """
    found = []
    for i, (query, some) in enumerate(zip(queries, candidates, strict=True)):
        ids = some[some != NONE]
        part = None if scales is None else scales[ids]
        exact = _exact(rows[ids], part, query)
        if upper_bounds is not None:
            scored = _scored(ids, exact, upper_bounds[i][some != NONE], k)
            ids, exact = ids[scored], exact[scored]
        found.append(top_k(ids, exact, k))
    return stack(found, k)


def _exact(rows: Rows, scales: F32 | None, query: F32) -> F32:
    """Return the inner products of rows, as they are stored, with a query."""
    if scales is None:
        return np.asarray(dot(rows, query), np.float32)
    values, scale = quantize_i16(query[None])
    scores: F32 = dot(rows, values[0]).astype(np.float32) * (scales * scale[0])
    return scores


def _scored(ids: U32, exact: F32, upper_bounds: F32, k: int) -> list[int]:
    """Return the places of candidates that could still be among the k best at their turn."""
    places: list[int] = []
    for at in range(len(ids)):
        full = len(places) >= k
        if not full or upper_bounds[at] >= top_k(ids[places], exact[places], k)[1][-1]:
            places.append(at)
    return places
