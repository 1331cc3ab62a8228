"""Statistics over all segments: what makes a grown index score as one that is built at once.

Everything is counted over documents that are alive, in integers, and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.lexical.fields import FIELDS, GROUPS
from tv5core.lexical.tokens import ranges

if TYPE_CHECKING:
    from tv5core.lexical.segment import WordSegment

__all__ = ["NearTerm", "SegmentStatistics", "Statistics", "Weights"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_MAX_REMEMBERED = 20_000  # document frequencies of one segment, stems of all


@dataclass(frozen=True, slots=True)
class Weights:
    """Parameters of BM25F.

    Attributes
    ----------
    fields : tuple of float
        Weight of a field's frequencies, by field.
    lengths : tuple of float
        BM25's b: how much a field's length counts, by field.
    saturations : tuple of float
        BM25's k1, by group.
    """

    fields: tuple[float, ...] = (1.0, 0.9, 1.0, 0.7, 1.3, 1.0)
    lengths: tuple[float, ...] = (0.5, 0.2, 0.1, 0.1, 0.2, 0.6)
    saturations: tuple[float, ...] = (0.6, 0.6, 1.2)


class NearTerm(NamedTuple):
    """A term within edits of a word.

    Attributes
    ----------
    term : str
    distance : int
        Edits.
    frequency : int
        Fields of alive documents that have it.
    """

    term: str
    distance: int
    frequency: int


class SegmentStatistics:
    """What is counted in one segment with one set of alive documents.

    Make one whenever the bitmap changes, and keep it until then: counts are remembered.

    Parameters
    ----------
    segment : WordSegment
    alive : Bitmap or None
        None: all documents are alive.
    """

    def __init__(self, segment: WordSegment, alive: bitmap.Bitmap | None = None) -> None:
        self.segment = segment
        self.alive = alive
        self.documents = len(segment) if alive is None else bitmap.count(alive)
        self.length_totals = self._length_totals()
        self._frequencies: dict[tuple[tuple[str, ...], tuple[int, ...]], int] = {}
        self._near: tuple[tuple[str, int], tuple[I64, U8]] | None = None

    def _length_totals(self) -> I64:
        totals = self.segment.length_totals
        if self.alive is None or self.documents == len(self.segment):
            return totals
        dead = bitmap.rows(~self.alive, len(self.segment))
        lost: I64 = self.segment.lengths[:, dead].sum(axis=1, dtype=np.int64)
        return totals - lost

    def document_frequency(self, terms: tuple[str, ...], fields: tuple[int, ...]) -> int:
        """Count the alive documents that have any of some terms in any of some fields."""
        found = self._frequencies.get((terms, fields))
        if found is None:
            found = self.segment.count(terms, fields, self.alive)
            if len(self._frequencies) >= _MAX_REMEMBERED:
                self._frequencies.clear()
            self._frequencies[terms, fields] = found
        return found

    def near(self, word: str, edits: int) -> tuple[I64, npt.NDArray[np.uint8], I64]:
        """Return the alive terms within edits of a word: numbers, distances, frequencies."""
        numbers, distances = self._within_edits(word, edits)
        frequencies = self._alive_postings(numbers)
        alive = frequencies > 0
        return numbers[alive], distances[alive], frequencies[alive]

    def _within_edits(self, word: str, edits: int) -> tuple[I64, U8]:
        """Compare all terms with a word; one that is asked for again is the one before."""
        known = self._near
        if known is None or known[0] != (word, edits):
            found = self.segment.terms.within_edits(word, edits)
            known = self._near = (word, edits), found
        return known[1]

    def _alive_postings(self, numbers: I64) -> I64:
        """Count the postings of some terms in alive documents."""
        postings = self.segment.postings
        starts = postings.terms[numbers].astype(np.int64)
        many = postings.terms[numbers + 1].astype(np.int64) - starts
        lists = ranges(starts, many)
        owner = np.repeat(np.arange(len(numbers)), many)
        counts = postings.counts[lists].astype(np.int64)
        if self.alive is not None:
            documents, _ = postings.decode(lists)
            alive = bitmap.test(self.alive, documents)
            owner, counts = np.repeat(owner, counts)[alive], np.ones(int(alive.sum()), np.int64)
        return np.bincount(owner, counts, len(numbers)).astype(np.int64)

    def title_terms_near(
        self, word: str, edits: int, most: int, prefix: bool
    ) -> list[tuple[int, int, int]]:
        """Return terms of titles near a word: number, distance, titles; the likeliest first."""
        segment = self.segment
        if prefix:
            some = segment.title_terms
            numbers, distances = segment.terms.prefixes_within_edits(word, edits, some)
        else:
            numbers, distances = self._within_edits(word, edits)
        titles = segment.title_counts[numbers]
        order = np.lexsort((numbers, -titles.astype(np.int64), distances))
        order = order[titles[order] > 0][:most]
        columns = (array[order].tolist() for array in (numbers, distances, titles))
        return list(zip(*columns, strict=True))


class Statistics:
    """Statistics of a list of segments.

    Parameters
    ----------
    parts : sequence of SegmentStatistics
    weights : Weights, optional

    Attributes
    ----------
    documents : int
        Alive documents.
    norms : float32[fields, 256]
        What a frequency is multiplied with, by field and length.
    """

    def __init__(self, parts: Sequence[SegmentStatistics], weights: Weights | None = None) -> None:
        self.parts = tuple(parts)
        self.weights = weights or Weights()
        self.documents = sum(part.documents for part in self.parts)
        totals = sum((part.length_totals for part in self.parts), np.zeros(len(FIELDS), np.int64))
        self.norms = self._norms(totals)
        self._stems: dict[str, tuple[str, ...]] = {}

    def _norms(self, totals: I64) -> F32:
        average = np.maximum(totals / max(self.documents, 1), 1e-9)
        b = np.array(self.weights.lengths)[:, None]
        relative = np.arange(256) / average[:, None]
        weight = np.array(self.weights.fields)[:, None]
        return np.ascontiguousarray(weight / (1 - b + b * relative), np.float32)

    def document_frequency(
        self, terms: Iterable[str], fields: tuple[int, ...] | None = None
    ) -> int:
        """Count the alive documents that have any of some terms.

        Parameters
        ----------
        terms : iterable of str
        fields : tuple of int or None
            Numbers of the fields to look at; None: all.
        """
        names = tuple(terms)
        numbers = tuple(range(len(FIELDS))) if fields is None else fields
        return sum(part.document_frequency(names, numbers) for part in self.parts)

    def inverse_document_frequency(self, frequency: int) -> float:
        """Return BM25's weight of a word that so many documents have."""
        return float(np.log1p((self.documents - frequency + 0.5) / (frequency + 0.5)))

    def with_stem(self, stem: str) -> list[str]:
        """Return the terms that have a stem, in order."""
        known = self._stems.get(stem)
        if known is None:
            found: set[str] = set()
            for part in self.parts:
                terms = part.segment.terms
                found.update(map(terms.term, terms.with_stem(stem)))
            if len(self._stems) >= _MAX_REMEMBERED:
                self._stems.clear()
            known = self._stems[stem] = tuple(sorted(found))
        return list(known)

    def with_prefix(self, prefix: str) -> list[str]:
        """Return the terms that begin so, in order."""
        found: set[str] = set()
        for part in self.parts:
            terms = part.segment.terms
            found.update(map(terms.term, terms.with_prefix(prefix)))
        return sorted(found)

    def within_edits(self, word: str, edits: int) -> list[NearTerm]:
        """Return the terms nearest to a word, within so many edits, that alive documents have.

        By falling frequency, then term; all are equally near.
        """
        near = [part.near(word, edits) for part in self.parts]
        nearest = min((int(d.min()) for _, d, _ in near if len(d)), default=0)
        found: dict[str, int] = {}
        for part, (numbers, distances, frequencies) in zip(self.parts, near, strict=True):
            at = distances == nearest
            terms = map(part.segment.terms.term, numbers[at].tolist())
            for term, frequency in zip(terms, frequencies[at].tolist(), strict=True):
                found[term] = found.get(term, 0) + frequency
        terms_found = [NearTerm(term, nearest, count) for term, count in found.items()]
        return sorted(terms_found, key=lambda n: (-n.frequency, n.term))

    def title_terms_near(
        self, word: str, edits: int, most: int, *, prefix: bool = True
    ) -> list[str]:
        """Return terms of titles within so many edits of a word, or that begin so.

        By distance, then falling number of titles, then term.
        """
        found: dict[str, tuple[int, int]] = {}
        for part in self.parts:
            terms = part.segment.terms
            for number, distance, count in part.title_terms_near(word, edits, most, prefix):
                term = terms.term(number)
                found[term] = (distance, found.get(term, (0, 0))[1] - count)
        return sorted(found, key=lambda term: (found[term], term))[:most]

    def top(self, phrase: str, k: int) -> list[tuple[int, int, float]]:
        """Return the most popular documents with a name that goes on so: part, number, popularity.

        The best of each part are among them.
        """
        return [
            (number, one.document, one.popularity)
            for number, part in enumerate(self.parts)
            for one in part.segment.suggestions.top(phrase, k, part.alive)
        ]

    def has_title_word(self, term: str) -> bool:
        """Tell whether a title has a term."""
        return any(part.segment.lists(term, GROUPS[0].fields) for part in self.parts)

    def title_count(self, term: str) -> int:
        """Count the alive documents that have a term in their titles."""
        return self.document_frequency((term,), GROUPS[0].fields)

    def has_title_phrase(self, words: Sequence[str]) -> bool:
        """Tell whether an alive document has some words, side by side, in one of its titles."""
        return any(part.segment.has_title_phrase(words, part.alive) for part in self.parts)
