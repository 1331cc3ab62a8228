"""The order of matches: weighed by all evidence, names compared where they may decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.lexical.suggestions import typed_phrase
from tv5core.query.evidence import Candidates, WordShares
from tv5core.query.execution import Matches
from tv5core.query.paging import MAX_KEPT, Ranking, highest
from tv5core.query.ranking import (
    FEATURES,
    NAME_FEATURES,
    Priors,
    features,
    name_features,
    relevance,
    scores,
    weights_of,
)
from tv5core.query.search import Search, WordSide
from tv5core.query.second import meaning_of_both, scored
from tv5core.query.sorting import numbers
from tv5core.query.title_text import phrases

__all__ = [
    "best",
    "by_relevance",
    "last_of",
    "names_of",
    "priors_of",
    "ranked",
    "weigh",
    "weighed",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_COMPARED = 64
"""Candidates whose names are compared with the query letter by letter."""


def by_relevance(search: Search, found: Matches, *, explain: bool = False) -> Ranking:
    """Order matches of what was searched for by all evidence.

    With ``explain``, the order keeps what each score is the sum of.
    """
    some = found.candidates
    if search.words is None or search.mode == "semantic":
        if search.second is not None:
            some = scored(some, search.second)
        cosine = some.cosine if search.second is None else meaning_of_both(some)
        near = np.clip(cosine, 0, 1)
        return Ranking.of(some.keys, cosine.astype(np.float64), cosine, near, {})
    some, table = weighed(search, search.words, some)
    return ranked(search.words, some, table, second=search.second is not None, explain=explain)


def ranked(
    words: WordSide, some: Candidates, table: F32, *, second: bool, explain: bool
) -> Ranking:
    """Order candidates by the weighted sum of their features."""
    weights = weights_of(second=second)
    total = scores(table, weights)
    parts = dict(zip(FEATURES, table * weights[:, None], strict=True)) if explain else {}
    worth = relevance(total, words.shares.known, second=second)
    return Ranking.of(some.keys, total.astype(np.float64), total, worth, parts)


def weighed(search: Search, words: WordSide, some: Candidates) -> tuple[Candidates, F32]:
    """Return the candidates that may come first, and their features: float32[features, n]."""
    some = best(some, words.shares)
    last = last_of(some)
    if search.second is not None:
        some = scored(some, search.second)
    priors, names = priors_of(search, some), partial(names_of, search, some)
    return some, weigh(words, some, priors, last, names, second=search.second is not None)


def last_of(some: Candidates) -> np.float32:
    """Return the cosine of the last neighbour that was looked at."""
    known = np.isfinite(some.cosine)
    return np.float32(some.cosine[known].min() if known.any() else 0)


def weigh(
    words: WordSide,
    some: Candidates,
    priors: Priors,
    last: np.float32,
    names: Callable[[I64], list[list[str]]],
    *,
    second: bool,
) -> F32:
    """Return the features of candidates: float32[features, n].

    Parameters
    ----------
    words : WordSide
    some : Candidates
    priors : Priors
        Of them.
    last : float32
        See :func:`last_of`.
    names : callable
        Returns the folded names of some of them, by number.
    second : bool
        Whether the search has a second space.
    """
    table = features(some, words.shares, priors, words.years, last)
    if typed := typed_phrase(words.query.text).strip():
        total = scores(table, weights_of(second=second))
        first = highest(total, some.keys, _COMPARED)
        table[NAME_FEATURES, first] = name_features(typed, names(first))
    return table


def names_of(search: Search, some: Candidates, chosen: I64) -> list[list[str]]:
    """Return the folded names of candidates."""
    found: list[list[str]] = [[] for _ in chosen]
    for place, segment in enumerate(search.view.documents.segments):
        here = np.flatnonzero(some.segment[chosen] == place)
        documents = some.document[chosen[here]]
        several = phrases(segment.words.suggestions, documents.tolist())
        for number, names in zip(here.tolist(), several, strict=True):
            found[number] = names
    return found


def best(some: Candidates, shares: WordShares) -> Candidates:
    """Keep the candidates that may come first, where there are very many."""
    if len(some) <= MAX_KEPT:
        return some
    rough = shares.of(np.bitwise_or.reduce(some.words, axis=0)) + some.title_match
    rough = rough + np.nan_to_num(some.cosine, nan=0) + np.nan_to_num(some.second, nan=0)
    rough = rough + 0.01 * some.scores.sum(axis=0)
    return some.take(highest(rough, some.keys, MAX_KEPT))


def priors_of(search: Search, some: Candidates) -> Priors:
    """Return what is known of candidates whatever the text."""
    segments = search.view.documents.segments
    places = some.segment, some.document
    votes = np.nan_to_num(numbers(segments, "votes", places), nan=0).astype(np.float32)
    year = numbers(segments, "year", places).astype(np.float32)
    readings = np.zeros(len(some), np.float32)
    for bitmaps in search.soft:
        for place, one in enumerate(bitmaps):
            here = some.segment == place
            readings[here] += bitmap.test(one, some.document[here]) / np.float32(len(search.soft))
    return Priors(np.maximum(votes, 0), year, readings)
