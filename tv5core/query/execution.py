"""A search, from what was asked for to matches in order: the middle of every query's life.

The *match set* of a search is what its total and its facets count, and what its pages lead through:

- without words, all titles that the filters allow;
- in mode ``keyword``, those among them that hold at least half of the query's words, each weighed
  by how rare it is, or are called like the query;
- in mode ``semantic``, the nearest in meaning among them: as many as ``POOL``, or as asked for;
- in mode ``hybrid``, both. Of neighbours in meaning, those count that are at least half as far
  above the last one looked at as the first is, and as many more as are missing to ``k``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.lexical import Evidence, TitleMatch
from tv5core.lexical.scoring import allowed_by
from tv5core.query.allowed import Allowed
from tv5core.query.evidence import Candidates, Neighbours, evidence_of, gather
from tv5core.query.search import Search, WordSide
from tv5core.query.second import (
    LEAST_SIMILAR,
    LEAST_WORDS,
    NearestSearch,
    SecondNeighbours,
    joined,
    looked_up,
)
from tv5core.query.series import with_part
from tv5core.query.view import View

__all__ = [
    "Matches",
    "by_words",
    "compared",
    "evidence_for",
    "likeliest",
    "matches_of",
    "matching",
    "matching_evidence",
    "named",
    "narrowed",
    "near_in",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_HALF = 0.5
_NARROWER = 3
"""Codes that a scan of all reads in the time in which one of some reads one: 2.6 measured."""
_COMPARED_BY_MEANING, _COMPARED_BESIDE_NAME = 4_096, 1_024
"""Titles that share words with a query whose vectors are compared, where more do; the second where
a title is called like the query, so that meaning only orders what stands behind it. Twice as many
find the same on the tuning half; 1,024 for all texts lose .02 of the plots at the first place."""
_ENOUGH_BY_WORDS, _ENOUGH_BESIDE_NAME = 200, 20
_FEW_WORDS = 4
_UNFAMILIAR = 0.25


@dataclass(frozen=True, eq=False)
class Matches:
    """The match set of a search.

    Attributes
    ----------
    candidates : Candidates
        Those that match, in no order; none where everything allowed does.
    everything : bool
        Whether all that is allowed matches: nothing was searched for.
    allowed : Allowed
    complete : bool
        Whether there are no more.
    """

    candidates: Candidates
    everything: bool
    allowed: Allowed
    complete: bool = True

    @property
    def count(self) -> int:
        """How many there are."""
        return self.allowed.count if self.everything else len(self.candidates)

    def bitmaps(self, view: View) -> list[Bitmap]:
        """Return them as bitmaps, one for each segment of documents."""
        segments = view.documents.segments
        if self.everything:
            return self.allowed.full(segments)
        found = self.candidates
        return [
            bitmap.from_rows(found.document[found.segment == place], len(segment))
            for place, segment in enumerate(segments)
        ]


def matches_of(search: Search, allowed: Allowed) -> Matches:
    """Find the match set among documents that are allowed."""
    segments = search.view.documents.segments
    words = search.words
    if words is not None and (words.query.phrases or words.query.excluded):
        allowed = allowed.intersect(
            [
                allowed_by(segment.words, words.query, some)
                for segment, some in zip(segments, allowed.full(segments), strict=True)
            ]
        )
    looked_for = words is not None and words.query.text  # not by exclusions alone
    if not looked_for and search.nearest is None and search.second is None:
        return Matches(_none(search), True, allowed)
    evidence = evidence_for(search, allowed)
    near, second = _neighbours(search, allowed, evidence), _second_neighbours(search, allowed)
    if second is not None:
        near = joined(near, _placed(search, second))
    found = gather(segments, matching_evidence(search, evidence, near), near)
    if second is not None:
        found = looked_up(found, second)
    chosen = matching(search, found)
    if chosen is not None and _means_nothing(search, allowed, found):
        chosen = np.zeros(len(found), bool)
    complete = near is None or near.complete
    return Matches(found if chosen is None else found.take(chosen), False, allowed, complete)


def evidence_for(search: Search, allowed: Allowed, *, series: bool = True) -> list[Evidence]:
    """Score the documents of each segment that the words of a search find.

    With ``series``, the n-th part of a collection counts as called like its name and number.
    """
    words, segments = search.words, search.view.documents.segments
    if words is None or search.mode == "semantic":
        return evidence_of(segments, allowed.bitmaps, None, None)
    plain = replace(words.query, phrases=(), excluded=())
    found = evidence_of(segments, allowed.bitmaps, plain, words.statistics)
    return with_part(found, plain, segments, allowed.bitmaps) if series else found


def _means_nothing(search: Search, allowed: Allowed, found: Candidates) -> bool:
    """Tell whether a few words have nothing to do with each other.

    No title has half of them, whatever the filters: meaning alone answers no gibberish.
    """
    words = search.words
    if search.foreign or words is None:
        return search.foreign and not _is_similar(search, found)
    if len(words.query.words) > _FEW_WORDS or by_words(words, found).any():
        return False
    if _is_similar(search, found):
        return False
    if not allowed.restricts:
        return True
    everything = Allowed((None,) * len(allowed.bitmaps), allowed.counts, restricts=False)
    segments = search.view.documents.segments
    return not by_words(words, gather(segments, evidence_for(search, everything), None)).any()


def _is_similar(search: Search, found: Candidates) -> bool:
    """Tell whether the second space alone answers a text, which one of few words never is."""
    enough = search.words is not None and len(search.words.query.words) >= LEAST_WORDS
    return enough and bool(np.nan_to_num(found.second, nan=0).max(initial=0) >= LEAST_SIMILAR)


def _none(search: Search) -> Candidates:
    return gather(search.view.documents.segments[:0], (), None)


def _neighbours(
    search: Search, allowed: Allowed, evidence: Sequence[Evidence]
) -> Neighbours | None:
    if search.nearest is None:
        return None
    some = _sharing_words(search, allowed, evidence)
    keys, cosines, complete = near_in(search, search.nearest, some)
    segment, document = search.view.locate(keys)
    here = segment >= 0
    complete = (complete or bool((~here).any())) and some is allowed
    return Neighbours(segment[here], document[here], cosines[here], complete)


def _sharing_words(search: Search, allowed: Allowed, evidence: Sequence[Evidence]) -> Allowed:
    """Narrow what is compared by meaning to the titles that share a telling word with the query.

    An embedding made of the catalogue's own words seldom has others among its neighbours, and to
    read the codes of a million titles for them takes longer than all the rest of a search. Of very
    many, those are compared that words say most for. Where words find too few titles, or so many
    that a scan of all is faster, all are compared.
    """
    found, wanted = sum(map(len, evidence)), max(search.pool, search.k)
    beside_name = named(evidence)
    most = compared(wanted, beside_name=beside_name)
    if not (search.reads_words_only and search.mode == "hybrid"):
        return allowed
    if not narrowed(search, found, most, allowed.count, beside_name=beside_name):
        return allowed
    chosen = likeliest(evidence, most)
    pairs = list(zip(chosen, search.view.documents.segments, strict=True))
    bitmaps = tuple(bitmap.from_rows(some, len(one)) for some, one in pairs)
    return Allowed(bitmaps, tuple(map(len, chosen)), restricts=True)


def compared(wanted: int, *, beside_name: bool) -> int:
    """Return how many titles that share words with a query are compared by meaning."""
    return max(_COMPARED_BESIDE_NAME if beside_name else _COMPARED_BY_MEANING, 2 * wanted)


def narrowed(search: Search, found: int, most: int, allowed: int, *, beside_name: bool) -> bool:
    """Tell whether so many titles with words of a query, of those allowed, are worth it."""
    enough = _ENOUGH_BESIDE_NAME if beside_name else _ENOUGH_BY_WORDS
    least = max(search.k, min(max(search.pool, search.k), enough))
    return least <= found and min(found, most) <= allowed // _NARROWER


def named(evidence: Sequence[Evidence]) -> bool:
    """Tell whether a title is called like the query."""
    return any(some.title_match.max(initial=0) >= TitleMatch.OTHER_NEAR for some in evidence)


def likeliest(evidence: Sequence[Evidence], count: int) -> list[npt.NDArray[np.uint32]]:
    """Return the documents of each segment that words say most for; of equal ones, all."""
    totals = [some.scores.sum(axis=0) for some in evidence]
    everything = np.concatenate(totals)
    if len(everything) <= count:
        return [some.documents for some in evidence]
    least = np.partition(everything, -count)[-count]
    return [some.documents[sums >= least] for some, sums in zip(evidence, totals, strict=True)]


def _second_neighbours(search: Search, allowed: Allowed) -> SecondNeighbours | None:
    if search.second is None:
        return None
    return SecondNeighbours(*near_in(search, search.second.nearest, allowed))


def near_in(search: Search, nearest: NearestSearch, allowed: Allowed) -> tuple[I64, F32, bool]:
    """Return neighbours that are allowed, and whether there are no more."""
    wanted = min(max(search.pool, search.k), max(allowed.count, 1))
    some = allowed.full(search.view.documents.segments) if allowed.restricts else None
    keys, cosines = nearest(some, wanted)
    return keys, cosines, len(keys) < wanted or wanted >= allowed.count


def _placed(search: Search, found: SecondNeighbours) -> Neighbours:
    segment, document = search.view.locate(found.keys)
    here = segment >= 0
    return Neighbours(segment[here], document[here], found.cosine[here], found.complete)


def matching_evidence(
    search: Search, evidence: Sequence[Evidence], near: Neighbours | None
) -> Sequence[Evidence]:
    """Drop documents that neither words nor meaning make a match: often nine of ten."""
    if search.words is None or search.mode == "semantic":
        return evidence
    kept = []
    for place, some in enumerate(evidence):
        chosen = by_words(search.words, some)
        if near is not None:
            here = near.document[near.segment == place]
            at = np.searchsorted(some.documents, here.astype(np.uint32))
            there = at < len(chosen)
            there[there] = some.documents[at[there]] == here[there]
            chosen[at[there]] = True
        kept.append(some.take(chosen))
    return kept


def by_words(words: WordSide, found: Candidates | Evidence) -> npt.NDArray[np.bool_]:
    """Return which candidates hold half of the words that are known, or are called so."""
    masks = np.bitwise_or.reduce(found.words, axis=0)
    return words.shares.reach(masks, _HALF * words.shares.known) | (found.title_match > 0)


def matching(search: Search, found: Candidates) -> npt.NDArray[np.bool_] | None:
    """Return which candidates match; None for all."""
    if search.mode == "semantic" or search.words is None:
        return None
    chosen = by_words(search.words, found)
    spaces = [one for one in (found.cosine, found.second) if np.isfinite(one).any()]
    for cosine in spaces:
        chosen = chosen | _stands_out(cosine)
    if search.words.shares.unfamiliar >= _UNFAMILIAR:  # its words say little
        chosen = chosen | np.isfinite(found.second)
    for cosine in spaces:
        missing = search.k - int(np.count_nonzero(chosen))
        if missing > 0:
            rest = np.flatnonzero(np.isfinite(cosine) & ~chosen)
            chosen[rest[np.argsort(-cosine[rest], kind="stable")[:missing]]] = True
    return chosen


def _stands_out(cosine: F32) -> npt.NDArray[np.bool_]:
    """Return which neighbours are half as far above the last one as the first is."""
    near = np.isfinite(cosine)
    low, high = float(cosine[near].min()), float(cosine[near].max())
    above: npt.NDArray[np.bool_] = np.where(near, cosine, -np.inf) >= low + _HALF * (high - low)
    return above
