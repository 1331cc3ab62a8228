"""Candidates of a search, and what speaks for each: title, people, text, meaning, votes.

Candidates come from two sides: from the words of the query, and from the vectors near it. Whatever
side a candidate comes from, all evidence counts for it. What is not known of a candidate (a vector
that was not looked at) counts as little as what was looked at last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.analysis.words import STOP_WORDS
from tv5core.bitmap import Bitmap
from tv5core.lexical import Evidence, Statistics, WordQuery, score
from tv5core.lexical.fields import GROUPS
from tv5core.query.documents import DocumentSegment

__all__ = ["Candidates", "Neighbours", "WordShares", "evidence_of", "gather", "word_shares"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

_BYTE = 256
_HAS_BIT = (np.arange(_BYTE) >> np.arange(8)[:, None] & 1).astype(np.float32)
_STOP, _TEXT_GROUP = 0.01, 2
_MANY_WORDS, _COMMON, _FAMILIAR = 4, 3e-4, 0.8
"""Words of a text from which its language shows; share of the overviews that use a word of theirs;
share of such words in texts of their language. On the tuning half, plots have .86 and more (5th
percentile), those in twelve other languages .28 (median) and up to .89."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What is near a query in meaning.

    Attributes
    ----------
    segment : int32[n]
        Place among the documents' segments.
    document : int64[n]
    cosine : float32[n]
        Descending; NaN for those near in the second space alone, which come last.
    complete : bool
        Whether nothing else is allowed.
    """

    segment: I32
    document: I64
    cosine: F32
    complete: bool = False


@dataclass(frozen=True, eq=False)
class Candidates:
    """Documents that may answer, with the evidence for each.

    Attributes
    ----------
    segment : int32[n]
    document : int64[n]
    keys : int64[n]
    scores : float32[groups, n]
        BM25F of title, people and text.
    words : uint64[groups, n]
        Which words of the query each group has.
    title_match : uint8[n]
        ``TitleMatch``.
    title_length : float32[n]
        Words of the title.
    cosine : float32[n]
        NaN where the vector was not looked at.
    second : float32[n]
        In the second space; NaN as well.
    """

    segment: I32
    document: I64
    keys: I64
    scores: F32
    words: U64
    title_match: U8
    title_length: F32
    cosine: F32
    second: F32

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, chosen: npt.NDArray[Any]) -> Candidates:
        """Return some candidates, by number or mask."""
        at = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        if len(at) == len(self) and chosen.dtype == np.bool_:
            return self
        return Candidates(
            self.segment.take(at),
            self.document.take(at),
            self.keys.take(at),
            self.scores.take(at, axis=1),
            self.words.take(at, axis=1),
            self.title_match.take(at),
            self.title_length.take(at),
            self.cosine.take(at),
            self.second.take(at),
        )


def evidence_of(
    segments: Sequence[DocumentSegment],
    allowed: Sequence[Bitmap | None],
    query: WordQuery | None,
    statistics: Statistics | None,
) -> list[Evidence]:
    """Score the documents of each segment that the words of a query find.

    Parameters
    ----------
    segments : sequence of DocumentSegment
    allowed : sequence of Bitmap or None
        Documents of each that may answer.
    query, statistics : WordQuery, Statistics
        None where words do not count.
    """
    return [
        score(segment.words, query, statistics, segment.alive, may)
        if query is not None and statistics is not None and len(segment)
        else _NO_EVIDENCE
        for segment, may in zip(segments, allowed, strict=True)
    ]


def gather(
    segments: Sequence[DocumentSegment], evidence: Sequence[Evidence], near: Neighbours | None
) -> Candidates:
    """Collect candidates from words and from vectors.

    Parameters
    ----------
    segments : sequence of DocumentSegment
    evidence : sequence of Evidence
        Of each.
    near : Neighbours or None
    """
    parts = [
        _of_segment(place, segment, found, near)
        for place, (segment, found) in enumerate(zip(segments, evidence, strict=True))
    ]
    if len(parts) == 1:
        return parts[0]
    names = tuple(_EMPTY)
    return Candidates(*(_joined([getattr(part, name) for part in parts], name) for name in names))


def _joined(parts: Sequence[npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    if not parts:
        return _EMPTY[name]
    return np.concatenate(parts, axis=-1)


_EMPTY: dict[str, npt.NDArray[Any]] = {
    "segment": np.empty(0, np.int32),
    "document": np.empty(0, np.int64),
    "keys": np.empty(0, np.int64),
    "scores": np.empty((len(GROUPS), 0), np.float32),
    "words": np.empty((len(GROUPS), 0), np.uint64),
    "title_match": np.empty(0, np.uint8),
    "title_length": np.empty(0, np.float32),
    "cosine": np.empty(0, np.float32),
    "second": np.empty(0, np.float32),
}


def _of_segment(
    place: int, segment: DocumentSegment, evidence: Evidence, near: Neighbours | None
) -> Candidates:
    documents, scores = evidence.documents.astype(np.int64), evidence.scores
    words, matches = evidence.words, evidence.title_match
    cosine = np.full(len(documents), np.nan, np.float32)
    if near is not None:
        here = near.segment == place
        found, values = near.document[here], near.cosine[here]
        at = np.searchsorted(documents, found)
        known = at < len(documents)
        known[known] = documents[at[known]] == found[known]
        cosine[at[known]] = values[known]
        new = found[~known]
        documents = np.concatenate([documents, new])
        cosine = np.concatenate([cosine, values[~known]])
        nothing = np.zeros((len(GROUPS), len(new)), np.uint8)
        scores = np.concatenate([scores, nothing], axis=1, dtype=scores.dtype)
        words = np.concatenate([words, nothing], axis=1, dtype=words.dtype)
        matches = np.concatenate([matches, nothing[0]])
    return Candidates(
        np.full(len(documents), place, np.int32),
        documents,
        segment.keys[documents],
        scores,
        words,
        matches,
        segment.words.lengths[0, documents].astype(np.float32),
        cosine,
        np.full(len(documents), np.nan, np.float32),
    )


_NO_EVIDENCE = Evidence(
    np.empty(0, np.uint32),
    np.empty((len(GROUPS), 0), np.float32),
    np.empty((len(GROUPS), 0), np.uint64),
    np.empty(0, np.uint8),
)


@dataclass(frozen=True, eq=False)
class WordShares:
    """How much of a query its words are.

    Attributes
    ----------
    weights : float32[words]
        Shares that sum to 1: by inverse document frequency, a word that is unknown counts as one
        that a single title has.
    known : float
        Share of the words that are known, corrected ones in part.
    totals : tuple of float
        What title, people and text score that have every word often.
    unfamiliar : float
        0 to 1: how far a text of four words or more looks like one of another language than that
        of the overviews, because these do not use its words.
    """

    weights: F32
    known: float
    totals: tuple[float, ...]
    unfamiliar: float = 0.0

    def of(self, masks: U64) -> F32:
        """Return the share of the query that each mask of words stands for: float32[n]."""
        first, *rest = self._shares_of_bytes
        total = first[masks.astype(np.uint8)]
        for place, shares in enumerate(rest, 1):
            total += shares[(masks >> np.uint64(8 * place)).astype(np.uint8)]
        return total

    def reach(self, masks: U64, least: float) -> npt.NDArray[np.bool_]:
        """Tell which masks of words stand for so large a share of the query, and for any."""
        if len(self._shares_of_bytes) == 1:  # one look at a table of answers
            (shares,) = self._shares_of_bytes
            return _is_reached(shares, least)[masks.astype(np.uint8)]
        return _is_reached(self.of(masks), least)

    @cached_property
    def _shares_of_bytes(self) -> list[F32]:
        """Return the share of each of 256 masks, for every eight words."""
        found = [np.zeros(_BYTE, np.float32) for _ in range(-(-len(self.weights) // 8) or 1)]
        for place, weight in enumerate(self.weights):
            found[place // 8] += _HAS_BIT[place % 8] * weight
        return found


def _is_reached(shares: F32, least: float) -> npt.NDArray[np.bool_]:
    reached: npt.NDArray[np.bool_] = (shares >= least) & (shares > 0)
    return reached


def word_shares(query: WordQuery, statistics: Statistics) -> WordShares:
    """Weigh the words of a query by how rare they are."""
    idf = statistics.inverse_document_frequency
    rare, totals, used = [], np.zeros(len(GROUPS)), 0
    common = max(_COMMON * statistics.documents, 1)
    for word in query.words:
        terms = {term.term for group in word.groups for term in group}
        # That running text keeps no stop words says nothing about one that no name has.
        stop = not terms and word.surface in STOP_WORDS
        rare.append(_STOP if stop else idf(statistics.document_frequency(sorted(terms))))
        for place, group in enumerate(word.groups):
            if group:
                names = [term.term for term in group]
                found = statistics.document_frequency(names, GROUPS[place].fields)
                totals[place] += word.weight * idf(found)
                used += place == _TEXT_GROUP and found >= common and not word.corrections
        used += word.surface in STOP_WORDS
    weights = (np.array(rare) / max(sum(rare), 1e-9)).astype(np.float32)
    pairs = zip(weights.tolist(), query.words, strict=True)
    known = sum(weight * word.weight for weight, word in pairs if word.known)
    used_share = used / len(query.words) if len(query.words) >= _MANY_WORDS else 1.0
    unfamiliar = min(1.0, max(0.0, (_FAMILIAR - used_share) / _FAMILIAR))
    return WordShares(weights, float(known), tuple(np.maximum(totals, 1e-6).tolist()), unfamiliar)
