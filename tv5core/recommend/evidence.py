"""Scores of candidates: a weighted sum of kinds of evidence.

The weights maximise the likelihood of what users of MovieLens liked next (a conditional logit over
all titles; McFadden 1974) on the validation split of ``python -m benchmarks recommend``, whose
report says what they give on the test split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.recommend.facts import TitleFacts
from tv5core.recommend.taste import Taste, people_of
from tv5core.types import Title

__all__ = ["CONTENT", "LEARNT", "Evidence", "Weights", "evidence", "first_scores"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_LEAST_CONSUMED = 0.01


class Weights(msgspec.Struct, frozen=True):
    """What a unit of each kind of evidence adds to a score.

    Attributes
    ----------
    similarity : float
        Largest cosine to a like. The mean of all likes adds nothing beside it: likelihood 7.4618
        against 7.4618 nats; in its place it is worse, 7.4692.
    votes : float
        Natural logarithm of 1 and the number of votes.
    rating : float
        Point of the mean rating.
    time : float
        Logarithm of the share of likes of about that year.
    people, keywords, genres : float
        Cosine of the title's and those of all likes.
    co_consumption : float
        Logarithm of .01 and how strongly those who consume the likes consume the title.
    disliked : float
        By how much a dislike is nearer than the nearest like. Dislikes predict nothing that
        likes do not, so this is the largest weight that costs no hits.
    """

    similarity: float
    votes: float
    rating: float
    time: float
    people: float
    keywords: float
    genres: float
    co_consumption: float = 0.0
    disliked: float = -4.0


CONTENT = Weights(2.28, 0.148, 1.08, 1.43, 7.0, 5.67, 1.92)
"""Where nothing is learnt from interactions."""
LEARNT = Weights(2.49, 0.080, 0.55, 0.89, 1.81, 1.77, 1.23, 1.80)
"""Where titles that are consumed together are known."""


def first_scores(facts: TitleFacts, taste: Taste, consumed: F32 | None) -> F32:
    """Return float32[n] over all titles: the evidence that needs no title decoded.

    Parameters
    ----------
    facts : TitleFacts
    taste : Taste
    consumed : float32[n] or None
        How strongly those who consume the likes consume each title.
    """
    weights = CONTENT if consumed is None else LEARNT
    total = weights.votes * facts.log_votes + weights.rating * facts.rating
    total += weights.time * taste.times(facts.year)
    if taste.genres:
        shared = facts.genres_in(taste.genres.weights)
        counts = np.sqrt(np.maximum(facts.genre_counts, 1), dtype=np.float32)
        total += weights.genres * shared / (taste.genres.length * counts)
    if consumed is not None:
        total += weights.co_consumption * _logarithm(consumed)
    return total.astype(np.float32, copy=False)


def _logarithm(consumed: F32) -> F32:
    return np.log(np.maximum(consumed, 0) + np.float32(_LEAST_CONSUMED))


@dataclass(frozen=True, eq=False)
class Evidence:
    """The scores of some candidates, and what they are made of.

    Attributes
    ----------
    scores : float32[n]
    parts : dict of str to float32[n]
        What each kind adds; ``prior`` is all that :func:`first_scores` knows.
    cosines : float32[n]
        To the nearest like.
    nearest : int32[n]
        The place of that like among the taste's, -1 where none has a vector.
    """

    scores: F32
    parts: dict[str, F32]
    cosines: F32
    nearest: I32


def evidence(
    titles: Sequence[Title], vectors: F32, first: F32, taste: Taste, *, learnt: bool
) -> Evidence:
    """Score candidates.

    Parameters
    ----------
    titles : sequence of Title
    vectors : float32[n, dim]
        Of unit length, or of zeros.
    first : float32[n]
        What :func:`first_scores` says of them.
    taste : Taste
    learnt : bool
        Whether co-consumption is among that.
    """
    weights = LEARNT if learnt else CONTENT
    cosines, nearest = taste.nearest_like(vectors)
    parts = {
        "prior": first,
        "similarity": weights.similarity * cosines,
        "people": weights.people * _each(taste.people.cosine(people_of(t)) for t in titles),
        "keywords": weights.keywords * _each(taste.keywords.cosine(t.keywords) for t in titles),
    }
    if taste.dislikes:
        away = taste.nearest_dislike(vectors)[0] - cosines
        parts["disliked"] = weights.disliked * np.maximum(0, away)
    total: F32 = np.asarray(sum(parts.values()), np.float32)
    return Evidence(total, parts, cosines, nearest)


def _each(values: object) -> F32:
    return np.fromiter(values, np.float32)  # type: ignore[call-overload, no-any-return]
