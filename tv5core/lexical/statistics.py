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
from tv5core.lexical.fields import FIELDS

if TYPE_CHECKING:
    from tv5core.lexical.segment import WordSegment

__all__ = ["NearTerm", "SegmentStatistics", "Statistics", "Weights"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

_MAX_REMEMBERED = 20_000  # document frequencies of one segment


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
    """A term within edits of a word."""

    term: str
    distance: int
    document_frequency: int


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
        found: set[str] = set()
        for part in self.parts:
            terms = part.segment.terms
            found.update(map(terms.term, terms.with_stem(stem)))
        return sorted(found)

    def with_prefix(self, prefix: str) -> list[str]:
        """Return the terms that begin so, in order."""
        found: set[str] = set()
        for part in self.parts:
            terms = part.segment.terms
            found.update(map(terms.term, terms.with_prefix(prefix)))
        return sorted(found)

    def within_edits(self, word: str, edits: int, *, prefix: bool = False) -> list[NearTerm]:
        """Return the terms within so many edits that alive documents have.

        By distance, then falling document frequency, then term.
        """
        found: dict[str, int] = {}
        for part in self.parts:
            terms = part.segment.terms
            near = terms.within_edits(word, edits, prefix=prefix)
            found.update((terms.term(number), distance) for number, distance in near)
        near_terms = [
            NearTerm(term, distance, self.document_frequency((term,)))
            for term, distance in found.items()
        ]
        alive = [near for near in near_terms if near.document_frequency]
        return sorted(alive, key=lambda n: (n.distance, -n.document_frequency, n.term))

    def has_title_phrase(self, words: Sequence[str]) -> bool:
        """Tell whether an alive document has some words, side by side, in one of its titles."""
        return any(part.segment.has_title_phrase(words, part.alive) for part in self.parts)
