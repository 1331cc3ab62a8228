"""How good an answer is, and how sure a mean of many is.

For a query with one work wanted, an answer is right where it is one of the works named; with all
of them wanted, where most of what could stand among ten does: nine tenths in general, half of a
franchise. Where no answer is right, every measure is 1 for none and 0 for any.

``success@1``  the first answer is right
``success@10`` a right one is among ten, or, with all wanted, enough are
``MRR``        1 / rank of the first right answer (Voorhees 1999)
``nDCG@10``    gain over log2(rank + 1), of the best order (Järvelin, Kekäläinen 2002); with one
               work wanted, the best single answer counts
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.relevance.judgements import FIRST, Want

__all__ = ["MEASURES", "Estimate", "K", "Scores", "estimate", "mean_of_groups", "score"]

K = 10
MEASURES = ("success_1", "success_10", "mrr", "ndcg_10")
_RESAMPLES = 1_000
_BOUNDS = (2.5, 97.5)


class Scores(msgspec.Struct, frozen=True):
    """The measures of one query's answers, each 0 to 1."""

    success_1: float
    success_10: float
    mrr: float
    ndcg_10: float


class Estimate(msgspec.Struct, frozen=True):
    """A mean with its 95 % interval: percentiles of 1,000 bootstrap resamples of the queries."""

    mean: float
    low: float
    high: float


def score(want: Want, answers: Sequence[str]) -> Scores:
    """Score the ids answered, best first."""
    if want.kind == "none":
        right = float(not answers)
        return Scores(right, right, right, right)
    gains = _gains(want, answers[:K])
    right = [gain == FIRST for gain in gains]
    rank = next((place for place, each in enumerate(right, 1) if each), 0)
    return Scores(
        float(rank == 1),
        float(sum(right) >= _needed(want)),
        1 / rank if rank else 0.0,
        _ndcg(want, gains),
    )


def _gains(want: Want, answers: Sequence[str]) -> list[int]:
    """Return what each answer adds: a work's gain, once."""
    gain_of = {
        record: (gain, work)
        for work, gain in reversed(list(zip(want.works, want.gains, strict=True)))
        for record in work
    }
    seen: set[frozenset[str]] = set()
    gains = []
    for answer in answers:
        gain, work = gain_of.get(answer, (0, frozenset()))
        gains.append(0 if work in seen else gain)
        seen.add(work)
    return gains


def _needed(want: Want) -> int:
    if want.kind == "one":
        return 1
    could = min(K, sum(gain == FIRST for gain in want.gains))
    return max(1, math.floor(want.share * could))


def _ndcg(want: Want, gains: list[int]) -> float:
    discounted = [gain / math.log2(place + 1) for place, gain in enumerate(gains, 1)]
    if want.kind == "one":
        return max(discounted, default=0.0) / max(want.gains)
    best = sorted(want.gains, reverse=True)[:K]
    return sum(discounted) / sum(gain / math.log2(at + 1) for at, gain in enumerate(best, 1))


def estimate(scores: Iterable[Scores], measure: str, seed: int = 0) -> Estimate:
    """Return the mean of a measure over queries, with its interval."""
    values = np.array([getattr(each, measure) for each in scores], np.float64)
    return _estimated(values.mean(), _resampled(values, seed))


def mean_of_groups(groups: Sequence[Sequence[Scores]], measure: str, seed: int = 0) -> Estimate:
    """Return the mean over groups, each of which counts alike, with its interval."""
    values = [np.array([getattr(each, measure) for each in group]) for group in groups]
    resampled = np.mean([_resampled(each, seed + at) for at, each in enumerate(values)], axis=0)
    return _estimated(float(np.mean([each.mean() for each in values])), resampled)


def _resampled(values: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    chosen = draw.integers(0, len(values), (_RESAMPLES, len(values)))
    means: npt.NDArray[np.float64] = values[chosen].mean(axis=1)
    return means


def _estimated(mean: float, resampled: npt.NDArray[np.float64]) -> Estimate:
    low, high = np.percentile(resampled, _BOUNDS)
    return Estimate(round(float(mean), 4), round(float(low), 4), round(float(high), 4))
