"""Top-k selection in NumPy: scan codes, scan rows, rescore candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.kernels._numpy.codes import error_margins, estimates
from tv5core.kernels._numpy.rows import dot, quantize_i16, squared_norms
from tv5core.kernels._types import F32, FINER, I32, NONE, U8, U32, Prepared, Rows

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


_WAITING = 8_192  # rows that wait to be rescored, at most
_BATCH = 64
_ROUNDING_ERROR = np.float32(4) * np.float32(0.288675135)
"""Four standard deviations of what is uniform within one step."""

I8 = npt.NDArray[np.int8]


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
    residuals: I8 | None = None,
    compared: I32 | None = None,
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
    rows, scales, residuals
        As :func:`rescore` takes them; one stored row for each code.
    queries : float32[queries, d]
        As the stored rows take them.
    error_margin : float
    compared : int32[queries] or None
        Gets how many rows were scored exactly.

    Returns
    -------
    rows : uint32[queries, k]
    scores : float32[queries, k]
        As :func:`scan_codes` returns them, but exact scores.
    """
    ids = _allowed(len(codes), allow)
    stored, margins = _Stored(rows, scales, residuals), error_margins(prepared, error_margin)
    found = []
    for i, query in enumerate(queries):
        factors = np.ascontiguousarray(codes[ids, : prepared.values.shape[1] // 8 + 8])
        rescale = factors[:, -4:].copy().view(np.float32)[:, 0]
        bounds = estimates(codes[ids], prepared, i) + prepared.base[i] + margins[i] * rescale
        best = _Best(ids, stored.scored(ids, query), k)
        found.append(_BoundedScan(bounds, best).run())
        if compared is not None:
            compared[i] = best.compared
    return stack(found, k)


@dataclass(frozen=True)
class _Stored:
    """Stored rows, as :func:`rescore` takes them."""

    rows: Rows
    scales: F32 | None
    residuals: I8 | None

    def scored(self, ids: U32, query: F32) -> _Scores:
        """Score rows without their residuals and, where there are any, with them."""
        if self.scales is None:
            plain = np.asarray(dot(self.rows[ids], query), np.float32)
            return _Scores(plain, plain, None)
        factors, (values, scale) = self.scales[ids], quantize_i16(query[None])
        scales = factors if factors.ndim == 1 else factors[:, 0]
        plain = dot(self.rows[ids], values[0]).astype(np.float32) * (scales * scale[0])
        if factors.ndim == 2:
            plain = plain + factors[:, 1]
        if self.residuals is None:
            return _Scores(plain, plain, None)
        left = dot(self.residuals[ids], values[0]).astype(np.float32)
        full = plain + left * (scales / np.float32(FINER) * scale[0])
        return _Scores(plain, full, _ROUNDING_ERROR * np.sqrt(squared_norms(query[None])) * scales)


class _Scores(NamedTuple):
    """Scores of rows, in the order in which they are inserted."""

    plain: F32
    full: F32
    errors: F32 | None
    """Bounds of what residuals add; None where there are none."""


class _Best:
    """The k best rows so far, inserted in the order of a native scan: what it finds depends on it.

    Residuals are read only where the score without them, and its error, reach the k-th best.
    """

    def __init__(self, ids: U32, scores: _Scores, k: int) -> None:
        self._ids, self._scores, self._k = ids, scores, k
        self._inserted: list[int] = []
        self.compared = 0
        self._changed = True
        self._least = np.float32(-np.inf)

    @property
    def ids(self) -> U32:
        return self._ids

    def least(self) -> np.float32 | None:
        """Return the k-th best score; None where there are fewer."""
        if len(self._inserted) < self._k:
            return None
        if self._changed:
            self._changed, self._least = False, self.found()[1][-1]
        return self._least

    def insert(self, at: int) -> None:
        """Insert the row at a place."""
        self.compared += 1
        plain, _, errors = self._scores
        if errors is not None:
            least = self.least()
            if least is not None and plain[at] + errors[at] < least:
                return
        self._inserted.append(at)
        self._changed = True

    def insert_all(self) -> tuple[U32, F32]:
        """Insert all rows, in their order."""
        if self._scores.errors is None:
            self.compared += len(self._ids)
            return top_k(self._ids, self._scores.full, self._k)
        for at in range(len(self._ids)):
            self.insert(at)
        return self.found()

    def insert_bounded(self, bounds: F32) -> tuple[U32, F32]:
        """Insert all rows, in their order, whose upper bounds reach the k-th best so far."""
        for at in range(len(self._ids)):
            least = self.least()
            if least is None or bounds[at] >= least:
                self.insert(at)
        return self.found()

    def found(self) -> tuple[U32, F32]:
        """Return the best rows and their scores."""
        return top_k(self._ids[self._inserted], self._scores.full[self._inserted], self._k)


class _BoundedScan:
    """The order in which a native scan rescores rows."""

    def __init__(self, bounds: F32, best: _Best) -> None:
        self._bounds, self._best = bounds + np.float32(0), best

    def run(self) -> tuple[U32, F32]:
        """Scan in batches; rescore whenever too many rows wait."""
        waiting: list[int] = []
        for start in range(0, len(self._bounds), _BATCH):
            batch = range(start, min(start + _BATCH, len(self._bounds)))
            waiting += [at for at in batch if self._qualifies(at)]
            if len(waiting) > _WAITING - _BATCH:
                self._rescore(waiting)
                waiting = []
        self._rescore(waiting)
        return self._best.found()

    def _qualifies(self, at: int) -> bool:
        least = self._best.least()
        return least is None or bool(self._bounds[at] >= least)

    def _rescore(self, waiting: list[int]) -> None:
        for at in sorted(waiting, key=lambda at: (-self._bounds[at], self._best.ids[at])):
            if self._qualifies(at):
                self._best.insert(at)


def scan_rows(
    rows: Rows,
    scales: F32 | None,
    queries: F32,
    k: int,
    allow: U8 | None = None,
    residuals: I8 | None = None,
) -> tuple[U32, F32]:
    """Score every (allowed) stored row exactly and keep the k best of each query.

    Parameters are those of :func:`rescore` and :func:`scan_codes`, results those of the latter.
    """
    ids, stored = _allowed(len(rows), allow), _Stored(rows, scales, residuals)
    return stack([_Best(ids, stored.scored(ids, q), k).insert_all() for q in queries], k)


def rescore(
    rows: Rows,
    scales: F32 | None,
    queries: F32,
    candidates: U32,
    k: int,
    upper_bounds: F32 | None = None,
    residuals: I8 | None = None,
    compared: I32 | None = None,
) -> tuple[U32, F32]:
    """Score each query's candidates exactly and keep the k best.

    Parameters
    ----------
    rows : int8, float16 or float32 [n, d]
    scales : float32[n] or float32[n, 2] or None
        One scale per row, for int8; with it, what is added to the row's scores.
    queries : float32[queries, d]
    candidates : uint32[queries, m]
        NONE is skipped.
    k : int
    upper_bounds : float32[queries, m] or None
        Upper bound of each candidate's score; a candidate below the k-th best exact score so far is
        skipped.
    residuals : int8[n, d] or None
        What :func:`quantize_rows` leaves of rows. Those of a row are read where the score without
        them is within four standard deviations of its rounding error of the k-th best so far.
    compared : int32[queries] or None
        Gets how many candidates were scored.

    Returns
    -------
    rows : uint32[queries, k]
    scores : float32[queries, k]
        As :func:`scan_codes` returns them.
    """
    stored, found = _Stored(rows, scales, residuals), []
    for i, (query, some) in enumerate(zip(queries, candidates, strict=True)):
        ids = some[some != NONE]
        best = _Best(ids, stored.scored(ids, query), k)
        if upper_bounds is None:
            found.append(best.insert_all())
        else:
            found.append(best.insert_bounded(upper_bounds[i][some != NONE]))
        if compared is not None:
            compared[i] = best.compared
    return stack(found, k)
