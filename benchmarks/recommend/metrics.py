"""How good lists of recommendations are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["Figures", "Genres", "figures"]

F64 = npt.NDArray[np.float64]
Genres = Sequence[frozenset[str]]

_RESAMPLES = 2_000


@dataclass(frozen=True)
class Figures:
    """What is measured of one system.

    Attributes
    ----------
    hits, gains : float64[users]
        Whether the list of ten has the title, and its nDCG.
    coverage : float
        Share of the titles that are in any list.
    diversity : float
        Share of genres that two titles of a list do not share, over its pairs (1 - Jaccard).
    """

    hits: F64
    gains: F64
    coverage: float
    diversity: float

    def interval(self, values: F64) -> tuple[float, float]:
        """Return the 95 % interval of a mean over users, by the bootstrap."""
        rng = np.random.default_rng(0)
        draws = rng.integers(len(values), size=(_RESAMPLES, len(values)))
        low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        return float(low), float(high)


def figures(lists: list[list[int]], targets: list[int], genres: Genres) -> Figures:
    """Judge lists of titles.

    Parameters
    ----------
    lists : list of list of int
        Best first.
    targets : list of int
        What each user liked next: the only title that counts as relevant.
    genres : sequence of frozenset
        Of each title.
    """
    places = [some.index(t) if t in some else -1 for some, t in zip(lists, targets, strict=True)]
    at = np.asarray(places)
    gains = np.where(at >= 0, 1 / np.log2(np.maximum(at, 0) + 2), 0.0)
    shown = {title for some in lists for title in some}
    spread = [_spread([genres[title] for title in some]) for some in lists if len(some) > 1]
    return Figures(
        (at >= 0).astype(np.float64),
        gains,
        len(shown) / len(genres),
        float(np.mean(spread)) if spread else 0.0,
    )


def _spread(some: Genres) -> float:
    return float(np.mean([1 - len(a & b) / max(1, len(a | b)) for a, b in combinations(some, 2)]))
