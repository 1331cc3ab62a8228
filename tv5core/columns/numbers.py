"""A column of numbers: the distinct ones in order, and which of them each document has.

Comparing numbers is then comparing places in that order, which are small integers, and counting
values is counting places.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.kernels import ValueLists, count_values

__all__ = ["MISSING", "NumberColumn", "Span", "narrowed", "weighted_rating"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Codes = npt.NDArray[np.unsignedinteger[Any]]

MISSING = np.iinfo(np.int32).min
"""Stands for no value in the int32 of :meth:`NumberColumn.dense`."""
_LARGEST = (1 << 31) - 1
_PRIOR_VOTES, _PRIOR_RATING = 100.0, 6.0


def weighted_rating(rating: F64, votes: F64) -> F64:
    """Return ratings that few votes cannot raise: the Bayesian average of IMDb's top list.

    Parameters
    ----------
    rating, votes : float64[n]
        NaN where unknown.

    Returns
    -------
    float64[n]
        The mean of a title's votes and of 100 more that gave 6.0 each, so that one enthusiast
        makes no best title; NaN where the rating is unknown or not above 0.
    """
    counted = np.maximum(0, np.nan_to_num(votes, nan=0))
    mean = (counted * rating + _PRIOR_VOTES * _PRIOR_RATING) / (counted + _PRIOR_VOTES)
    return np.where(rating > 0, mean, np.nan)


def narrowed(values: npt.NDArray[np.integer], most: int) -> Codes:
    """Return integers up to ``most`` in the smallest of uint8, uint16 and uint32."""
    for kind in (np.uint8, np.uint16):
        if most <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.uint32)


class Span(NamedTuple):
    """Numbers between bounds, which belong to it unless they are open; None where there is none."""

    low: float | None
    high: float | None
    low_open: bool = False
    high_open: bool = False


class NumberColumn:
    """At most one number a document.

    Parameters
    ----------
    values : int64[v] or float64[v]
        Distinct, ascending.
    codes : uint8[n], uint16[n] or uint32[n]
        By document: 0 where it has none, else 1 + the place of its number.
    """

    def __init__(self, values: I64 | F64, codes: Codes) -> None:
        self.values, self.codes = values, codes

    @classmethod
    def build(cls, given: Sequence[float | None], *, whole: bool) -> NumberColumn:
        """Make a column of the numbers of documents; NaN counts as none."""
        known = np.array([x is not None and x == x for x in given], bool)
        kind = np.int64 if whole else np.float64
        found = np.array([x for x, has in zip(given, known, strict=True) if has], kind)
        values: Any
        values, places = np.unique(found, return_inverse=True)
        codes = np.zeros(len(given), np.int64)
        codes[known] = places + 1
        return cls(values, narrowed(codes, len(values)))

    @classmethod
    def merge(
        cls, parts: Sequence[NumberColumn], part: npt.NDArray[np.int32], document: I64
    ) -> NumberColumn:
        """Make the column of documents taken from several."""
        values = np.unique(np.concatenate([one.values for one in parts]))
        codes = np.zeros(len(part), np.int64)
        for number, one in enumerate(parts):
            chosen = part == number
            place = np.concatenate([[0], 1 + np.searchsorted(values, one.values)])
            codes[chosen] = place[one.codes[document[chosen]]]
        used = np.bincount(codes, minlength=len(values) + 1) > 0
        used[0] = True
        again = np.cumsum(used) - 1
        return cls(values[used[1:]], narrowed(again[codes], int(again[-1])))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return self.values.nbytes + self.codes.nbytes

    @cached_property
    def counts(self) -> I64:
        """Documents by code: int64[v + 1]."""
        return np.bincount(self.codes, minlength=len(self.values) + 1)

    def codes_within(self, span: Span) -> tuple[int, int]:
        """Return the first and the end of the codes within bounds."""
        first, end = 0, len(self.values)
        if span.low is not None:
            side: Literal["left", "right"] = "right" if span.low_open else "left"
            first = int(np.searchsorted(self.values, span.low, side))
        if span.high is not None:
            side = "left" if span.high_open else "right"
            end = int(np.searchsorted(self.values, span.high, side))
        return first + 1, max(first, end) + 1

    def within(self, span: Span) -> Bitmap:
        """Return the documents whose numbers are within bounds."""
        first, end = self.codes_within(span)
        if first >= end:
            return np.zeros(-(-len(self) // 8), np.uint8)
        kind = self.codes.dtype.type
        # One comparison for both bounds: what is below the first one wraps around.
        return bitmap.from_mask(self.codes - kind(first) < kind(end - first))

    def count_within(self, span: Span) -> int:
        """Return how many documents :meth:`within` has."""
        first, end = self.codes_within(span)
        return int(self.counts[first:end].sum())

    def count_values(self, matches: Bitmap) -> I64:
        """Count documents of a bitmap by code: int64[v + 1]."""
        lists = ValueLists(None, self.codes)
        counts = count_values(lists, 0, matches, len(self), len(self.values) + 1)
        return counts.astype(np.int64)

    def take(self, documents: I64) -> F64:
        """Return the numbers of some documents as float64, NaN where there is none."""
        return self._padded[self.codes[documents]]

    @cached_property
    def _padded(self) -> F64:
        return np.concatenate([[np.nan], self.values.astype(np.float64)])

    @cached_property
    def dense(self) -> npt.NDArray[np.float32] | npt.NDArray[np.int32]:
        """All numbers by document: float32 with NaN, or int32 with :data:`MISSING`, for none."""
        if self.values.dtype.kind == "f":
            return self._padded.astype(np.float32)[self.codes]
        clipped = np.clip(self.values, MISSING + 1, _LARGEST)
        return np.concatenate([[MISSING], clipped]).astype(np.int32)[self.codes]
