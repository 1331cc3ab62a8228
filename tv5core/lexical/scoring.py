"""Scoring a segment's documents: evidence by group of fields, for the ranking to weigh.

The formula is BM25F's (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009, 3.6.1):
frequencies are normalised by their field's length and added up over the fields of a group, then
saturated. ``kernels.score_postings`` states the order of its operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.analysis.names import name_words
from tv5core.analysis.words import stem
from tv5core.kernels import ScoredLists, ScoredWords
from tv5core.lexical.fields import FIELDS, GROUPS
from tv5core.lexical.queries import WeightedTerm, WordQuery
from tv5core.lexical.segment import WordSegment
from tv5core.lexical.statistics import Statistics

__all__ = ["Evidence", "allowed_by", "score"]

F32 = npt.NDArray[np.float32]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

_FOUND = 20_000
_FOUND_SHARE = 20
"""The rarest words of a query find documents, as long as those are no more than 20,000 or a
twentieth of all; the others add to the scores of these. "the" of "the matrix" would find a third of
all films, for nobody, and a plot in ten words half of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What speaks for the documents of a segment.

    Attributes
    ----------
    documents : uint32[m]
        Those with any of the query's rarer words, or called like it, ascending.
    scores : float32[groups, m]
        BM25F of title, people and text (``fields.GROUPS``).
    words : uint64[groups, m]
        Which words of the query each group has: bit ``i`` stands for word ``i``.
    title_match : uint8[m]
        ``TitleMatch``: whether the query is the title.
    """

    documents: U32
    scores: F32
    words: U64
    title_match: U8

    def __len__(self) -> int:
        return len(self.documents)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Evidence:
        """Return what speaks for some documents, by a mask."""
        at = np.flatnonzero(chosen)
        return Evidence(
            self.documents.take(at),
            self.scores.take(at, axis=1),
            self.words.take(at, axis=1),
            self.title_match.take(at),
        )


def score(
    segment: WordSegment,
    query: WordQuery,
    statistics: Statistics,
    alive: bitmap.Bitmap | None = None,
    allowed: bitmap.Bitmap | None = None,
) -> Evidence:
    """Score the documents of a segment that have a word of a query.

    Parameters
    ----------
    segment : WordSegment
        One of those that the statistics are of.
    query : WordQuery
    statistics : Statistics
    alive, allowed : Bitmap or None
        Documents to consider; None: all.
    """
    may = allowed_by(segment, query, bitmap.intersect(alive, allowed))
    entries = _entries(segment, query, statistics)
    documents, scores, words = kernels.score_postings(
        segment.postings.blocks,
        *_scored(segment, entries, statistics),
        sum(entry.essential for entry in entries),
        len(GROUPS),
        segment.lengths,
        statistics.norms,
        may,
    )
    called, levels = segment.titles.matches(query.text)
    if may is not None and len(called):
        kept = bitmap.test(may, called)
        called, levels = called[kept], levels[kept]
    none = np.zeros(len(documents), np.uint8)
    return _joined(Evidence(documents, scores, words, none), called, levels)


def allowed_by(
    segment: WordSegment, query: WordQuery, allowed: bitmap.Bitmap | None
) -> bitmap.Bitmap | None:
    """Narrow a bitmap to the documents with a query's phrases and without what it excludes."""
    for phrase in query.phrases:
        allowed = bitmap.intersect(allowed, _with_phrase(segment, phrase))
    for text in query.excluded:
        words = name_words(text)
        without = ~(_with_word(segment, text) if len(words) == 1 else _with_phrase(segment, text))
        allowed = bitmap.intersect(allowed, without)
    return allowed


def _with_phrase(segment: WordSegment, text: str) -> bitmap.Bitmap:
    found: bitmap.Bitmap = np.bitwise_or.reduce([segment.phrase(text, f) for f in FIELDS])
    return found


def _with_word(segment: WordSegment, text: str) -> bitmap.Bitmap:
    """Return the documents that have a word in any of its forms."""
    word = name_words(text)[0]
    terms = {word.surface, word.term}
    mates = segment.terms.with_stem(stem(word.surface))
    return segment.containing(sorted(terms.union(map(segment.terms.term, mates))))


class _Entry(NamedTuple):
    """One word in one group of fields."""

    lists: list[int]
    weights: list[float]
    group: int
    bit: int
    scale: float
    frequency: int
    essential: bool = False


def _entries(segment: WordSegment, query: WordQuery, statistics: Statistics) -> list[_Entry]:
    """Return what to score, the words that find documents first.

    Which they are, and their order, depends on the statistics alone, never on the segment.
    """
    found = []
    for bit, word in enumerate(query.words):
        for group, terms in enumerate(word.groups):
            if not terms:
                continue
            names = tuple(term for term, _ in terms)
            frequency = statistics.document_frequency(names, GROUPS[group].fields)
            scale = word.weight * statistics.inverse_document_frequency(frequency)
            lists, weights = _lists_of(segment, terms, GROUPS[group].fields)
            found.append(_Entry(lists, weights, group, bit, scale, frequency))
    found.sort(key=lambda entry: (entry.frequency, entry.bit, entry.group))
    left = max(_FOUND, statistics.documents // _FOUND_SHARE)
    for i, entry in enumerate(found):
        left -= entry.frequency
        found[i] = entry._replace(essential=i == 0 or left >= 0)
    return found


def _lists_of(
    segment: WordSegment, terms: Iterable[WeightedTerm], fields: tuple[int, ...]
) -> tuple[list[int], list[float]]:
    lists: list[int] = []
    weights: list[float] = []
    for term, weight in terms:
        found = segment.lists(term, fields)
        lists += found
        weights += [weight] * len(found)
    return lists, weights


def _scored(
    segment: WordSegment, entries: Sequence[_Entry], statistics: Statistics
) -> tuple[ScoredLists, ScoredWords]:
    at = np.array([number for entry in entries for number in entry.lists], np.int64)
    weights = [weight for entry in entries for weight in entry.weights]
    saturations = [statistics.weights.saturations[entry.group] for entry in entries]
    postings = segment.postings
    return (
        ScoredLists(
            postings.starts[at],
            postings.counts[at],
            postings.fields[at],
            np.array(weights, np.float32),
        ),
        ScoredWords(
            np.cumsum([len(entry.lists) for entry in entries]).astype(np.uint32),
            np.array([entry.group for entry in entries], np.uint8),
            np.array([entry.bit for entry in entries], np.uint8),
            np.array([entry.scale for entry in entries], np.float32),
            np.array(saturations, np.float32),
        ),
    )


def _joined(evidence: Evidence, called: U32, levels: U8) -> Evidence:
    """Add the documents that are called like the query."""
    documents = evidence.documents
    at = np.searchsorted(documents, called)
    known = at < len(documents)
    known[known] = documents[at[known]] == called[known]
    if not known.all():
        new, places = called[~known], at[~known]
        documents = np.insert(documents, places, new)
        evidence = Evidence(
            documents,
            np.insert(evidence.scores, places, 0, axis=1),
            np.insert(evidence.words, places, 0, axis=1),
            evidence.title_match,
        )
    match = np.zeros(len(documents), np.uint8)
    match[np.searchsorted(documents, called)] = levels
    return replace(evidence, title_match=match)
