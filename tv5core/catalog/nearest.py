"""The neighbours of a vector among documents that are allowed, and exact scores of some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.bitmap import Bitmap
from tv5core.query.second import by_key
from tv5core.query.view import View
from tv5core.vectors import Filter, SearchOptions, SearchSettings, Snapshot, VectorIndex

__all__ = ["exact_scores", "neighbours"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_LEAST_OVERSAMPLING = 4.0


def neighbours(
    index: VectorIndex,
    view: View,
    vector: npt.NDArray[Any],
    settings: SearchSettings,
    exact: bool,
    allowed: Sequence[Bitmap] | None,
    k: int,
    other: Snapshot | None = None,
) -> tuple[I64, F32]:
    """Find the k nearest of what is allowed, in the first space or another."""
    chosen = None if allowed is None else view.vector_filter(allowed, other)
    options = SearchOptions(_for_many(settings, k), exact, chosen)
    found = index.search_with(vector, k, options, other or view.vectors)
    there = found.keys >= 0
    return found.keys[there], found.scores[there]


def exact_scores(
    index: VectorIndex, snapshot: Snapshot | None, vector: npt.NDArray[Any], keys: I64
) -> F32:
    """Return exact scores of some keys; see ``Scores``."""
    if not len(keys):
        return np.empty(0, np.float32)
    options = SearchOptions(index.settings, exact=True, filter=Filter.of(keys))
    found = index.search_with(vector, len(keys), options, snapshot)
    return by_key(keys, found.keys, found.scores)


def _for_many(settings: SearchSettings, k: int) -> SearchSettings:
    """Look as far for many neighbours as for the few that settings were calibrated for.

    The last of many need not be the right ones: they only say where the others stand out from.
    """
    few = settings.min_k
    if k <= few:
        return settings
    oversampling = max(_LEAST_OVERSAMPLING, settings.oversampling * few / k)
    return msgspec.structs.replace(settings, oversampling=oversampling, min_k=1)
