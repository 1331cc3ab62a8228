"""Recall: the share of the true nearest neighbours that was found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array
from tv5core.errors import InvalidInputError

__all__ = ["recall_at_k"]

I64 = npt.NDArray[np.int64]


def recall_at_k(found: I64, truth: I64) -> float:
    """Return the mean share of the true neighbours that were found.

    Parameters
    ----------
    found, truth : int64[queries, k]
        Keys; -1 is no key. A query without true neighbours counts as 1.

    Raises
    ------
    InvalidInputError
        Not as many rows of integers in one as in the other.
    """
    found, truth = as_array("found to be keys", found), as_array("truth to be keys", truth)
    for keys in (found, truth):
        if keys.ndim != 2 or keys.dtype.kind not in "iu" or len(keys) != len(truth):
            raise InvalidInputError(
                f"expected a row of keys a query, got {found.dtype} of shape {found.shape} "
                f"and {truth.dtype} of shape {truth.shape}"
            )
    shares = []
    for got, want in zip(found, truth, strict=True):
        real = want[want >= 0]
        shares.append(np.isin(real, got).mean() if len(real) else 1.0)
    return float(np.mean(shares)) if shares else 1.0
