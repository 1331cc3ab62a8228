"""What matches are ordered by when it is not relevance: numbers, dates, names.

The documents of a segment are ordered once for each order that is asked for, whatever the filter,
since neither their values nor their keys change. Of many matches the first are then found without
looking at the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.columns import MISSING, weighted_rating
from tv5core.query.documents import DocumentSegment
from tv5core.query.request import Sort

__all__ = ["Places", "first_places", "keys_at", "numbers", "ordered", "values_at"]

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


def values_at(
    segments: Sequence[DocumentSegment],
    sort: Sort,
    places: Places,
    titles: Callable[[], Sequence[F64]],
) -> F64:
    """Return what documents descend by in an order: float64[n], -inf where it is unknown.

    Where nothing was searched for, relevance is the number of votes, and a little popularity.

    Parameters
    ----------
    segments : sequence of DocumentSegment
    sort : Sort
    places : Places
    titles : callable
        Returns the place of every document in the alphabet of titles, by segment.
    """
    if sort.by == "title":
        return _descending(_by_place(titles(), places), sort)
    return _descending(_values_of(segments, sort.by, places), sort)


def keys_at(segments: Sequence[DocumentSegment], places: Places) -> I64:
    """Return the keys of documents: int64[n]."""
    segment, document = places
    found = np.empty(len(document), np.int64)
    for place, one in enumerate(segments):
        here = segment == place if len(segments) > 1 else slice(None)
        found[here] = one.keys[document[here]]
    return found


def ordered(
    segments: Sequence[DocumentSegment],
    place: int,
    sort: Sort,
    titles: Callable[[], Sequence[F64]],
) -> I32:
    """Return the documents of a segment in an order, equal ones by key, deleted ones too."""
    documents = np.arange(len(segments[place]), dtype=np.int64)
    places = np.full(len(documents), place, np.int32), documents
    values = values_at(segments, sort, places, titles)
    return np.lexsort((segments[place].keys, -values)).astype(np.int32)


def first_places(
    bitmaps: Sequence[bitmap.Bitmap],
    segments: Sequence[DocumentSegment],
    first: int | None,
    order_of: Callable[[int], I32],
) -> Places:
    """Return the documents of bitmaps, or some of them, among which the first in an order are.

    Parameters
    ----------
    bitmaps : sequence of Bitmap
        One for each segment.
    segments : sequence of DocumentSegment
    first : int or None
        How many are needed; None: all.
    order_of : callable
        Returns the documents of a segment in order.
    """
    parts = [np.empty(0, np.int64)]
    for place, (some, segment) in enumerate(zip(bitmaps, segments, strict=True)):
        matches = bitmap.count(some)
        if first is None or matches <= _FEW * first:
            parts.append(bitmap.rows(some, len(segment)))
        else:
            parts.append(_first_of(order_of(place), some, first, matches))
    counts = [len(part) for part in parts[1:]]
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts), np.concatenate(parts)


_FEW = 2
"""Times as many matches as are needed, from which on an order is made of all documents."""


def _first_of(order: I32, some: bitmap.Bitmap, first: int, matches: int) -> I64:
    found, missing, at = [np.empty(0, np.int64)], first, 0
    while missing > 0 and at < len(order):
        step = missing * len(order) // matches + 1_024
        block = order[at : at + step]
        here = block[bitmap.test(some, block)][:missing]
        found.append(here.astype(np.int64))
        missing, at = missing - len(here), at + step
    return np.concatenate(found)


def _by_place(order: Sequence[F64], places: Places) -> F64:
    """Return the values of documents in a table by segment: float64[n]."""
    segment, document = places
    found = np.full(len(document), np.nan)
    for place, one in enumerate(order):
        here = segment == place
        found[here] = one[document[here]]
    return found


def _values_of(segments: Sequence[DocumentSegment], by: str, places: Places) -> F64:
    """Return popularity, rating, votes or date of documents: float64[n], NaN where unknown.

    A date is days since 1970; of a title of which only the year is known, that of its first day.
    A rating is weighted by its votes.
    """
    if by == "rating":
        votes = numbers(segments, "votes", places)
        return weighted_rating(numbers(segments, "rating", places), votes)
    if by == "relevance":
        votes = np.nan_to_num(numbers(segments, "votes", places), nan=0)
        popularity = np.nan_to_num(numbers(segments, "popularity", places), nan=0)
        return np.log1p(np.maximum(votes, 0)) + 0.1 * np.log1p(np.maximum(popularity, 0))
    if by != "date":
        return numbers(segments, by, places)
    days = numbers(segments, "date", places)
    year = numbers(segments, "year", places)
    return np.where(np.isnan(days), np.floor((year - 1970) * 365.2425), days)


def _descending(values: F64, sort: Sort) -> F64:
    """Return values that descend in the order asked for; those of no value come last either way."""
    values = values if sort.descending else -values
    return np.where(np.isnan(values), -np.inf, values)
