"""Matches: what a search returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_PADDED", "Matches"]


MAX_PADDED = 10_000
"""Columns that answers have however few rows there are: what is asked for beyond is left out."""


class Matches(NamedTuple):
    """Answers of a search, best first; one row a query, or 1-D for a single query.

    There are ``k`` columns, so that ``k`` of any batch fit one array. Where ``k`` is above both
    10,000 and the number of rows in the index, there are only as many as the larger of the two:
    the others would be padding.
    """

    keys: npt.NDArray[np.int64]
    """int64, -1 where fewer than k exist."""
    scores: npt.NDArray[np.float32]
    """float32, descending; -inf where fewer than k exist."""
