"""Long-tailed distributions given by a few measured points, drawn in blocks.

:class:`Ranks` draws ranks whose probability falls as measured and, beyond the last point, as a
power law, so that the distinct ranks among n draws grow as Heaps' law says. :class:`Quantiles`
draws values by their measured quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["Quantiles", "Ranks", "Shares"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MOST = 4_000_000


class Ranks:
    """Draw ranks from 0 with given probabilities.

    Parameters
    ----------
    points : mapping of int to float
        Share of all draws by rank (from 1); between them shares are interpolated in logarithms.
    tail : float
        Exponent beyond the last point. Distinct ranks among n draws then grow as n^(1 / tail).
    """

    def __init__(self, points: Mapping[int, float], tail: float, most: int = _MOST) -> None:
        ranks, shares = np.log(list(points)), np.log(list(points.values()))
        at = np.log(np.arange(1, most + 1))
        logs = np.interp(at, ranks, shares)
        beyond = at > ranks[-1]
        logs[beyond] = shares[-1] - tail * (at[beyond] - ranks[-1])
        self.shares: F64 = np.exp(logs)
        self.shares /= self.shares.sum()
        self._sums = np.cumsum(self.shares)
        self._sums[-1] = 1.0

    def draw(self, draw: np.random.Generator, count: int, first: int = 0) -> I64:
        """Draw ranks; those below ``first`` are drawn again until they are not."""
        low = self._sums[first - 1] if first else 0.0
        found: I64 = np.searchsorted(self._sums, low + (1 - low) * draw.random(count), "right")
        return np.minimum(found, len(self._sums) - 1)

    def distinct(self, draws: int) -> float:
        """Return how many distinct ranks are to be expected among so many draws."""
        return float(-np.expm1(-draws * self.shares).sum())


class Quantiles:
    """Draw values whose quantiles are given; between them, linearly or in logarithms."""

    def __init__(self, points: Mapping[float, float], *, logarithmic: bool = False) -> None:
        self._at = np.array(list(points))
        values = np.array(list(points.values()), np.float64)
        self._values, self._logarithmic = np.log(values) if logarithmic else values, logarithmic

    def draw(self, draw: np.random.Generator, count: int) -> F64:
        """Draw values."""
        found: F64 = np.interp(draw.random(count), self._at, self._values)
        return np.exp(found) if self._logarithmic else found


class Shares:
    """Draw values by their shares."""

    def __init__(self, shares: Mapping[str, float] | Mapping[int, float]) -> None:
        self.values = list(shares)
        self._sums = np.cumsum(list(shares.values())) / sum(shares.values())

    def draw(self, draw: np.random.Generator, count: int) -> I64:
        """Draw numbers of values."""
        return np.searchsorted(self._sums, draw.random(count), "right").clip(
            max=len(self.values) - 1
        )
