"""The neighbours of a vector among documents that are allowed, and exact scores of some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.bitmap import Bitmap
from tv5core.query.search import POOL
from tv5core.query.view import View
from tv5core.vectors import Matches, SearchOptions, SearchSettings, Snapshot, VectorIndex

__all__ = ["exact_scores", "explained", "neighbours", "search_index"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_LEAST_OVERSAMPLING = 4.0
_MARGIN_OF_MANY = 1.0
"""Standard deviations within which the pool of a search is rescored: 95 % of its 200 are the true
neighbours, 99.9 % of the first 20, in a third of the time of the margin that finds all."""


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
    options = _options(view, settings, exact, allowed, k, other)
    found = index.search_with(vector, k, options, other or view.vectors)
    there = found.keys >= 0
    return found.keys[there], found.scores[there]


def explained(
    space: str,
    index: VectorIndex,
    view: View,
    vector: npt.NDArray[Any],
    settings: SearchSettings,
    exact: bool,
    allowed: Sequence[Bitmap] | None,
    k: int,
    other: Snapshot | None = None,
) -> list[dict[str, Any]]:
    """Say how :func:`neighbours` finds them, segment by segment."""
    options = _options(view, settings, exact, allowed, k, other)
    plans = index.explain(vector, k, options, other or view.vectors)
    return [{"space": space, **asdict(plan)} for plan in plans]


def _options(
    view: View,
    settings: SearchSettings,
    exact: bool,
    allowed: Sequence[Bitmap] | None,
    k: int,
    other: Snapshot | None,
) -> SearchOptions:
    chosen = None if allowed is None else view.vector_filter(allowed, other)
    margin = _MARGIN_OF_MANY if settings.min_k < k <= POOL else None
    return SearchOptions(_for_many(settings, k), exact, chosen, scan_margin=margin)


def exact_scores(
    index: VectorIndex, snapshot: Snapshot | None, vector: npt.NDArray[Any], keys: I64
) -> F32:
    """Return exact scores of some keys; see ``Scores``."""
    return index.scores(vector, keys, snapshot)


def _for_many(settings: SearchSettings, k: int) -> SearchSettings:
    """Look as far for many neighbours as for the few that settings were calibrated for.

    The last of many need not be the right ones: they only say where the others stand out from.
    """
    few = settings.min_k
    if k <= few:
        return settings
    oversampling = max(_LEAST_OVERSAMPLING, settings.oversampling * few / k)
    return msgspec.structs.replace(settings, oversampling=oversampling, min_k=1)


def search_index(
    index: VectorIndex,
    vector: npt.ArrayLike,
    options: SearchOptions,
    k: int,
    snapshot: Snapshot | None = None,
) -> Matches:
    """Search one state of an index; the present one where none is given."""
    return index.search_with(vector, k, options, snapshot)
