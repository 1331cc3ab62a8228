"""Which rows a filtered search may return: random masks of fixed selectivities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["SELECTIVITIES", "Mask", "mask"]

Mask = npt.NDArray[np.bool_]

SELECTIVITIES = (0.001, 0.01, 0.1, 0.5, 1.0)
_FEWEST = 10


def mask(rows: int, selectivity: float, seed: int) -> Mask:
    """Draw which rows are allowed: that share of them, and at least ten."""
    rng = np.random.default_rng((seed, int(selectivity * 1_000_000)))
    allowed = np.zeros(rows, bool)
    count = min(rows, max(_FEWEST, round(rows * selectivity)))
    allowed[rng.permutation(rows)[:count]] = True
    return allowed
