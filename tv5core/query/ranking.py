"""One score out of all evidence, and what it is worth across queries.

The score is a sum of weighted features, each between 0 and about 1. What a feature counts depends
on the kind of query: the better its best candidate is covered by a title, the more the query is a
name, and the less meaning and running text say. Blind sums of ranks do not know that; in
measurements they lost to the embedding alone where queries are plots, and to words alone where they
are names.

The weights were fitted on the tuning half of the relevance benchmark alone, by
``python -m benchmarks.relevance.fit``, as a conditional logit: the probability that a candidate is
the answer is the softmax of the scores. ``relevance`` is a logistic regression of being an answer
on the score and on what is known of the query (Platt 1999), fitted on the same half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.fuzz import ratio

from tv5core.lexical import TitleMatch
from tv5core.query.evidence import Candidates, WordShares

__all__ = [
    "CALIBRATION",
    "CALIBRATION_WITH_SECOND",
    "FEATURES",
    "NAME_FEATURES",
    "WEIGHTS",
    "WEIGHTS_WITH_SECOND",
    "Priors",
    "features",
    "name_features",
    "relevance",
    "scores",
    "weights_of",
]

F32 = npt.NDArray[np.float32]

FEATURES = (
    "exact", "other_exact", "near", "main", "title_filled", "name_words", "all_words", "text",
    "text_of_description", "meaning", "meaning_of_description", "votes", "year", "readings",
    "in_order", "spelling", "second", "second_of_description", "second_of_unknown",
)  # fmt: skip
"""Names of the features, in the order of the weights."""

WEIGHTS: dict[str, float] = {
    "exact": 2.0,
    "other_exact": 0.6,
    "near": 1.26,
    "main": 0.8,
    "title_filled": 5.3,
    "name_words": 2.35,
    "all_words": 8.62,
    "text": 2.73,
    "text_of_description": 5.48,
    "meaning": 5.23,
    "meaning_of_description": 4.16,
    "votes": 3.03,
    "year": 3.09,
    "readings": 1.5,
    "in_order": 2.73,
    "spelling": 2.88,
    "second": 0.0,
    "second_of_description": 0.0,
    "second_of_unknown": 0.0,
}
"""Fitted; see the module's description. The fit alone gives 0.1 for ``exact`` and 0 for
``other_exact`` and ``readings``, which other features say as well on real titles; these are kept
where no figure of the tuning half depends on them, for catalogues without votes."""

WEIGHTS_WITH_SECOND: dict[str, float] = {
    **WEIGHTS,
    "second": 8.0,
    "second_of_description": 8.0,
    "second_of_unknown": 8.0,
}
"""Those of one space, with what a second one adds, chosen on the same half with plots in twelve
other languages among the queries. Fitting all weights anew finds no better ones there: plots get
.90 instead of .86 at the first place, people .85 instead of .89."""

CALIBRATION = (-14.032, 0.424, 6.169)
"""Offset, and weights of the score and of the share of words that are known."""

CALIBRATION_WITH_SECOND = (-12.219, 0.41, 4.578)

_FULL_VOTES = np.float32(1 / np.log1p(30_000))


@dataclass(frozen=True, eq=False)
class Priors:
    """What is known of candidates whatever the query says.

    Attributes
    ----------
    votes : float32[n]
        0 where unknown.
    year : float32[n]
        NaN where unknown.
    readings : float32[n]
        Share of what the text was read as, but not filtered by, that the title is.
    """

    votes: F32
    year: F32
    readings: F32


def features(
    some: Candidates,
    shares: WordShares,
    priors: Priors,
    years: dict[int, int],
    last: float | np.float32,
) -> F32:
    """Return the features of candidates, names not compared yet: float32[len(FEATURES), n].

    Parameters
    ----------
    some : Candidates
    shares : WordShares
        Of the query.
    priors : Priors
        Of the candidates.
    years : dict of int to int
        Words of the query that are years, by their place.
    last : float
        The cosine of the last neighbour that was looked at.
    """
    title, people, text = some.words
    in_year, year = _in_year(priors.year, years)
    title_words = shares.of(title)
    filled = np.minimum(np.bitwise_count(title) / np.maximum(some.title_length, 1), 1)
    matched = some.title_match
    filled[_IS_NEAR[matched]] = 1  # what is missing are articles
    name = np.maximum(title_words * filled, _MATCH_STRENGTH[matched])
    described = np.float32(1 - name.max(initial=0))
    meaning = np.where(np.isfinite(some.cosine), some.cosine - np.float32(last), 0) * (1 - name)
    body = some.scores[2] / np.float32(shares.totals[2]) * (1 - name)
    table = np.zeros((len(FEATURES), len(some)), np.float32)
    table[: len(_LEVELS)] = _IS_LEVEL.take(matched, axis=1)
    rows = (
        title_words * filled,
        shares.of(title | people | in_year),
        shares.of(title | people | text | in_year),
        body,
        body * described,
        meaning,
        meaning * described,
        np.log1p(priors.votes) * _FULL_VOTES,
        year,
        priors.readings,
    )
    for place, row in enumerate(rows, len(_LEVELS)):
        table[place] = row
    if not np.isnan(some.second).all():
        second = np.maximum(np.nan_to_num(some.second, nan=0) - _UNRELATED, 0) * (1 - name)
        factors = np.array([1, described, shares.unfamiliar], np.float32)
        table[NAME_FEATURES.stop :] = factors[:, None] * second
    return table


_UNRELATED = np.float32(0.2)
"""Cosine in the second space that titles have which have nothing to do with a query."""
NAME_FEATURES = slice(FEATURES.index("in_order"), FEATURES.index("spelling") + 1)
"""Features that compare names letter by letter, which only the best candidates get."""


def name_features(typed: str, names: Sequence[Sequence[str]]) -> F32:
    """Compare a query with the names of titles: float32[2, n].

    Parameters
    ----------
    typed : str
        Folded, with single spaces.
    names : sequence of sequence of str
        Of each title, as folded as the query.
    """
    found = np.zeros((2, len(names)), np.float32)
    padded = f" {typed} "
    for place, several in enumerate(names):
        for name in several:
            found[0, place] = max(found[0, place], padded in f" {name} ")
            found[1, place] = max(found[1, place], ratio(typed, name) / 100)
    return found


_LEVELS = (
    (TitleMatch.EXACT,),
    (TitleMatch.OTHER_EXACT,),
    (TitleMatch.NEAR, TitleMatch.OTHER_NEAR),
    (TitleMatch.MAIN, TitleMatch.OTHER_MAIN),
)
_IS_LEVEL = np.array([[match in some for match in TitleMatch] for some in _LEVELS], np.float32)
_IS_NEAR = np.array([match in (TitleMatch.NEAR, TitleMatch.OTHER_NEAR) for match in TitleMatch])
_MATCH_STRENGTH = np.array([0, 0.8, 0.9, 0.95, 1, 1, 1], np.float32)
"""How much of a name a title match is, by ``TitleMatch``."""


def _in_year(year: F32, years: dict[int, int]) -> tuple[npt.NDArray[np.uint64], F32]:
    """Return the query's words that are a title's year as masks, and how near the year is."""
    masks = np.zeros(len(year), np.uint64)
    near = np.zeros(len(year), np.float32)
    for place, wanted in years.items():
        distance = np.abs(year - np.float32(wanted))
        near = np.maximum(near, np.where(distance == 0, 1, np.where(distance == 1, 0.5, 0)))
        masks[distance == 0] |= np.uint64(1 << place)
    return masks, near.astype(np.float32)


_VECTORS = tuple(
    np.array([weights[name] for name in FEATURES], np.float32)
    for weights in (WEIGHTS, WEIGHTS_WITH_SECOND)
)


def weights_of(*, second: bool) -> F32:
    """Return the weight of each feature: float32[len(FEATURES)].

    Parameters
    ----------
    second : bool
        Whether the search has a second space.
    """
    return _VECTORS[second]


def scores(found: F32, weights: F32) -> F32:
    """Return the weighted sums of features: float32[n]."""
    total: F32 = weights @ found
    return total


def relevance(score: F32, known: float, *, second: bool = False) -> F32:
    """Return how likely candidates are answers, by their scores: float32[n], 0 to 1."""
    numbers = CALIBRATION_WITH_SECOND if second else CALIBRATION
    offset, slope, of_known = (np.float32(number) for number in numbers)
    worth: F32 = 1 / (1 + np.exp(-(offset + slope * score + of_known * np.float32(known))))
    return worth
