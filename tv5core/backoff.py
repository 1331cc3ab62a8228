"""Exponential backoff: how long to pause after each failure in a row.

The one place that computes such pauses. It neither sleeps nor reads a clock; callers do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

from tv5core.errors import InvalidInputError

__all__ = ["Backoff"]


class Backoff:
    """Pauses that grow by a factor up to a maximum, each shortened at random.

    The pause after failure ``n``, counted from 0, is drawn uniformly from
    ``[(1 - jitter) * w, w]`` with ``w = min(max_s, first_s * factor**n)``. Jitter keeps callers
    that failed together from returning together: 1 is "full jitter", 0.5 "equal jitter" (M.
    Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). An instance holds no
    state but its random numbers, so callers share one.

    Parameters
    ----------
    first_s : float
        Seconds: the longest first pause.
    max_s : float
        Seconds: the longest pause of all.
    factor : float
        Growth from one pause to the next, 1 or more.
    jitter : float
        Part of a pause that is random, from 0 (none) to 1 (all of it).
    rng : random.Random or None
        Source of the jitter; None makes one.

    Raises
    ------
    InvalidInputError
        A value is out of range.
    """

    __slots__ = ("factor", "first_s", "jitter", "max_s", "rng")

    def __init__(
        self,
        first_s: float,
        max_s: float,
        *,
        factor: float = 2.0,
        jitter: float = 1.0,
        rng: random.Random | None = None,
    ) -> None:
        if not 0 < first_s <= max_s < float("inf"):
            raise InvalidInputError(
                f"expected 0 < first_s <= max_s, both finite, got {first_s} and {max_s}"
            )
        if not (factor >= 1 and 0 <= jitter <= 1):
            raise InvalidInputError(
                f"expected a factor from 1 and a jitter from 0 to 1, got {factor} and {jitter}"
            )
        self.first_s, self.max_s = first_s, max_s
        self.factor, self.jitter = factor, jitter
        self.rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing

    def pause_s(self, failures: int) -> float:
        """Return the seconds to pause after failure number ``failures``, counted from 0."""
        try:
            widest_s = min(self.max_s, self.first_s * self.factor**failures)
        except OverflowError:
            widest_s = self.max_s
        return self.rng.uniform((1.0 - self.jitter) * widest_s, widest_s)

    def pauses(self) -> Iterator[float]:
        """Yield the pauses after the first failure, the second, and so on without end."""
        return (self.pause_s(failures) for failures in count())
