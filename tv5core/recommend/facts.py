"""Numbers of all titles of a catalogue by row: what scores and lists look at without decoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.columns import MISSING, ColumnSegment, weighted_rating
from tv5core.columns.fields import keys_of
from tv5core.columns.strings import StringTable

__all__ = ["NO_DAY", "TitleFacts", "genre_keys"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = F32 | I32

NO_DAY = MISSING
"""The day of a title of which not even the year is known."""

_UNRATED = 6.0
_MID_YEAR_DAYS = 181


@dataclass(frozen=True, eq=False)
class TitleFacts:
    """Columns over the rows of all titles; immutable.

    Attributes
    ----------
    rows : int64[n]
        Ascending.
    votes, rating, popularity : float32[n]
        ``rating`` is :func:`tv5core.columns.weighted_rating`, 6.0 where unknown.
    year : int32[n]
        0 where unknown.
    day : int32[n]
        Day of release, counted from 1970-01-01; the first of July where only the year is known,
        :data:`NO_DAY` without.
    genre_counts : int32[n]
        How many genres each title has.
    genre_codes : int32[m]
        These, title by title, as places in ``genre_names``.
    genre_names : tuple of str
        Keys, as :func:`genre_keys` makes them.
    """

    rows: I64
    votes: F32
    rating: F32
    popularity: F32
    year: I32
    day: I32
    genre_counts: I32
    genre_codes: I32
    genre_names: tuple[str, ...]

    @classmethod
    def of_columns(cls, columns: ColumnSegment, documents: I64, rows: I64) -> TitleFacts:
        """Take the facts of some documents, which are these rows, in any order."""
        order = np.argsort(rows)
        some = documents[order]

        def numbers(name: str) -> npt.NDArray[np.float64]:
            values = columns.numeric(name)[some].astype(np.float64)
            return np.where(np.isfinite(values) & (values != MISSING), values, 0.0)

        year = columns.numeric("year")[some]
        counts, codes, names = _genres(columns, some)
        return cls(
            rows[order],
            np.maximum(0, numbers("votes")).astype(np.float32),
            _shrunk(numbers("rating"), numbers("votes")),
            numbers("popularity").astype(np.float32),
            np.where(year == MISSING, 0, year).astype(np.int32),
            _days(columns.numeric("date")[some], year),
            counts,
            codes,
            names,
        )

    @classmethod
    def joined(cls, parts: list[TitleFacts]) -> TitleFacts:
        """Join the facts of different rows."""
        if len(parts) == 1:
            return parts[0]
        names = list(dict.fromkeys(name for part in parts for name in part.genre_names))
        place = {name: number for number, name in enumerate(names)}
        codes = [
            np.asarray([place[name] for name in part.genre_names], np.int32)[part.genre_codes]
            for part in parts
        ]
        rows = np.concatenate([part.rows for part in parts])
        order = np.argsort(rows)
        counts = np.concatenate([part.genre_counts for part in parts])
        flat = np.concatenate(codes)[_entries(counts, order)]
        return cls(
            rows[order],
            np.concatenate([part.votes for part in parts])[order],
            np.concatenate([part.rating for part in parts])[order],
            np.concatenate([part.popularity for part in parts])[order],
            np.concatenate([part.year for part in parts])[order],
            np.concatenate([part.day for part in parts])[order],
            counts[order],
            flat,
            tuple(names),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, rows: I64) -> I64:
        """Return the place of each row, -1 for rows without a title."""
        if not len(self.rows):
            return np.full(len(rows), -1, np.int64)
        at = np.searchsorted(self.rows, rows)
        at[at == len(self.rows)] = 0
        return np.where(self.rows[at] == rows, at, -1)

    def having_genre(self, *genres: str) -> Mask:
        """Return bool[n]: which titles have at least one of some genres, however spelled."""
        keys = [key for genre in genres for key in genre_keys((genre,))]
        found: Mask = self.genres_in(dict.fromkeys(keys, 1.0)) > 0
        return found

    def genres_in(self, weights: Mapping[str, float]) -> F32:
        """Return float32[n]: the sum of some weights over each title's genres.

        Parameters
        ----------
        weights : mapping of str to float
            By key; 0 for others.
        """
        each = np.asarray([weights.get(name, 0.0) for name in self.genre_names], np.float64)
        sets = self._genre_sets
        running = np.concatenate([[0.0], np.cumsum(each[sets.codes])])
        sums = running[sets.ends] - running[sets.ends - sets.counts]
        return np.where(np.abs(sums) < _NOISE, 0, sums).astype(np.float32)[sets.of_title]

    @cached_property
    def _genre_sets(self) -> _GenreSets:
        """Of a million titles, most have one of a few thousand sets of genres."""
        ends = np.cumsum(self.genre_counts, dtype=np.int64)
        drawn = np.random.default_rng(0).integers(1, 1 << 63, len(self.genre_names), np.uint64)
        running = np.concatenate([[np.uint64(0)], np.cumsum(drawn[self.genre_codes])])
        digest = running[ends] - running[ends - self.genre_counts]  # wraps around, as sums do
        _, first, of_title = np.unique(digest, return_index=True, return_inverse=True)
        counts = self.genre_counts[first]
        codes = self.genre_codes[_entries(self.genre_counts, first)]
        return _GenreSets(
            codes, counts, np.cumsum(counts, dtype=np.int64), of_title.astype(np.int32)
        )

    @cached_property
    def log_votes(self) -> F32:
        """The logarithm of one and the votes: float32[n]."""
        logarithms: F32 = np.log1p(self.votes)
        return logarithms


class _GenreSets(NamedTuple):
    """The distinct sets of genres, and which each title has."""

    codes: I32
    counts: I32
    ends: I64
    of_title: I32


_NOISE = 1e-9
"""What is left where running sums that should be equal are subtracted."""


def genre_keys(genres: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys by which genres are compared: without case, accents and other spellings."""
    return tuple(dict.fromkeys(key for genre in genres for key in keys_of("genre", genre)))


def _genres(columns: ColumnSegment, documents: I64) -> tuple[I32, I32, tuple[str, ...]]:
    column = columns.columns.keywords["genre"]
    offsets = column.offsets.astype(np.int64)
    counts = np.diff(offsets)
    flat = column.groups[column.values[_entries(counts, documents)]].astype(np.int32)
    return counts[documents].astype(np.int32), flat, tuple(_keys(column.keys))


def _keys(table: StringTable) -> list[str]:
    return [table[number] for number in range(len(table))]


def _entries(counts: npt.NDArray[np.integer], order: I64) -> I64:
    """Return the places of the entries of some rows, one row after another."""
    starts = np.cumsum(counts, dtype=np.int64) - counts
    lengths = counts[order]
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    places: I64 = np.arange(total) + np.repeat(starts[order] - (ends - lengths), lengths)
    return places


def _shrunk(rating: npt.NDArray[np.float64], votes: npt.NDArray[np.float64]) -> F32:
    return np.nan_to_num(weighted_rating(rating, votes), nan=_UNRATED).astype(np.float32)


def _days(day: Numbers, year: Numbers) -> I32:
    known = year != MISSING
    first = np.where(known, year, 1970) - 1970
    middle = first.astype("M8[Y]").astype("M8[D]").astype(np.int64) + _MID_YEAR_DAYS
    by_year = np.where(known, middle, NO_DAY)
    return np.where(day == MISSING, by_year, day).astype(np.int32)
