"""Scoring a segment's documents: evidence by group of fields, for the ranking to weigh.

The formula is BM25F's (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009, 3.6.1):
frequencies are normalised by their field's length and added up over the fields of a group, then
saturated. ``kernels.score_postings`` states the order of its operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.analysis.names import name_words
from tv5core.analysis.words import stem
from tv5core.kernels import ScoredLists, ScoredWords
from tv5core.lexical.fields import FIELDS, GROUPS
from tv5core.lexical.queries import WordQuery
from tv5core.lexical.segment import WordSegment
from tv5core.lexical.statistics import Statistics

__all__ = ["Evidence", "allowed_by", "score"]

F32 = npt.NDArray[np.float32]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What speaks for the documents of a segment.

    Attributes
    ----------
    documents : uint32[m]
        Those with any word of the query, or called like it, ascending.
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
    lists, words = _lists(segment, query, statistics)
    found = kernels.score_postings(
        segment.postings.blocks, lists, words, len(GROUPS), segment.lengths, statistics.norms, may
    )
    called, levels = segment.titles.matches(query.text)
    if may is not None and len(called):
        kept = bitmap.test(may, called)
        called, levels = called[kept], levels[kept]
    return _joined(Evidence(*found, np.zeros(len(found[0]), np.uint8)), called, levels)


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


def _lists(
    segment: WordSegment, query: WordQuery, statistics: Statistics
) -> tuple[ScoredLists, ScoredWords]:
    numbers: list[int] = []
    weights: list[float] = []
    words: list[tuple[int, int, int, float, float]] = []
    for bit, word in enumerate(query.words):
        for group, terms in enumerate(word.groups):
            before = len(numbers)
            for term, weight in terms:
                found = segment.lists(term, GROUPS[group].fields)
                numbers += found
                weights += [weight] * len(found)
            if len(numbers) > before:
                idf = statistics.inverse_document_frequency([t.term for t in terms], group)
                k1 = statistics.weights.saturations[group]
                words.append((len(numbers), group, bit, word.weight * idf, k1))
    ends, groups, bits, scales, saturations = zip(*words, strict=True) if words else [()] * 5
    at = np.array(numbers, np.int64)
    postings = segment.postings
    return (
        ScoredLists(
            postings.starts[at],
            postings.counts[at],
            postings.fields[at],
            np.array(weights, np.float32),
        ),
        ScoredWords(
            np.array(ends, np.uint32),
            np.array(groups, np.uint8),
            np.array(bits, np.uint8),
            np.array(scales, np.float32),
            np.array(saturations, np.float32),
        ),
    )


def _joined(evidence: Evidence, called: U32, levels: U8) -> Evidence:
    """Add the documents that are called like the query."""
    documents = np.union1d(evidence.documents, called).astype(np.uint32)
    match = np.zeros(len(documents), np.uint8)
    match[np.searchsorted(documents, called)] = levels
    if len(documents) == len(evidence.documents):
        return replace(evidence, title_match=match)
    at = np.searchsorted(documents, evidence.documents)
    scores = np.zeros((len(GROUPS), len(documents)), np.float32)
    words = np.zeros((len(GROUPS), len(documents)), np.uint64)
    scores[:, at], words[:, at] = evidence.scores, evidence.words
    return Evidence(documents, scores, words, match)
