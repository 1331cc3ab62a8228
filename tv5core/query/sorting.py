"""What matches are ordered by when it is not relevance: numbers, dates, names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.columns import MISSING, weighted_rating
from tv5core.query.documents import DocumentSegment
from tv5core.query.request import Sort

__all__ = ["Places", "by_place", "descending", "numbers", "values_of"]

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

Places = tuple[I32, I64]
"""Segments and documents, pair by pair."""


def numbers(segments: Sequence[DocumentSegment], field: str, places: Places) -> F64:
    """Return a number for each of some documents: float64[n], NaN where it has none."""
    segment, document = places
    found = np.full(len(document), np.nan)
    for place, one in enumerate(segments):
        here = segment == place if len(segments) > 1 else slice(None)
        if len(one):
            some = one.columns.numeric(field)[document[here]]
            values = some.astype(np.float64)
            found[here] = (
                np.where(some == MISSING, np.nan, values) if some.dtype.kind == "i" else values
            )
    return found


def by_place(order: Sequence[F64], places: Places) -> F64:
    """Return the values of documents in a table by segment: float64[n]."""
    segment, document = places
    found = np.full(len(document), np.nan)
    for place, one in enumerate(order):
        here = segment == place
        found[here] = one[document[here]]
    return found


def values_of(segments: Sequence[DocumentSegment], by: str, places: Places) -> F64:
    """Return popularity, rating, votes or date of documents: float64[n], NaN where unknown.

    A date is days since 1970; of a title of which only the year is known, that of its first day.
    A rating is weighted by its votes.
    """
    if by == "rating":
        votes = numbers(segments, "votes", places)
        return weighted_rating(numbers(segments, "rating", places), votes)
    if by != "date":
        return numbers(segments, by, places)
    days = numbers(segments, "date", places)
    year = numbers(segments, "year", places)
    return np.where(np.isnan(days), np.floor((year - 1970) * 365.2425), days)


def descending(values: F64, sort: Sort) -> F64:
    """Return values that descend in the order asked for; those of no value come last either way."""
    values = values if sort.descending else -values
    return np.where(np.isnan(values), -np.inf, values)
