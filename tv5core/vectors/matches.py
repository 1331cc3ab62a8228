"""Matches: what a search returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Matches"]


class Matches(NamedTuple):
    """Answers of a search, best first; one row a query, or 1-D for a single query."""

    keys: npt.NDArray[np.int64]
    """int64, -1 where fewer than k exist."""
    scores: npt.NDArray[np.float32]
    """float32, descending; -inf where fewer than k exist."""
