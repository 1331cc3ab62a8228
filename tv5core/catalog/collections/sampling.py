"""Whether a collection answers as the catalogue does: some vectors, fetched and searched for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tv5core.errors import VectorDatabaseError
from tv5core.vector_databases import Point, Quality, VectorCollection

__all__ = ["LEAST_RECALL", "check_points", "recall_of"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Exact = Callable[[F32, int], tuple[I64, F32]]
"""Takes a vector and k; returns keys and scores of the true neighbours."""

LEAST_RECALL = 0.8
_NEIGHBOURS = 10
_TIE = 5e-3
"""Scores this near to that of the last neighbour are as good: ours come from rows in a byte or two
a dimension."""
_SAME = 0.999


def check_points(
    collection: VectorCollection, keys: I64, vectors: F32, ids: Sequence[str]
) -> list[Point]:
    """Fetch some points and compare them with what was sent; return them.

    Raises
    ------
    VectorDatabaseError
        One is missing, or another.
    """
    found = {point.key: point for point in collection.get(keys.tolist())}
    for key, vector, name in zip(keys.tolist(), vectors, ids, strict=True):
        point = found.get(key)
        if point is None or point.vector is None:
            raise VectorDatabaseError(f"expected point {key} ({name}) in the collection, got none")
        if point.payload.get("id") != name or _cosine(point.vector, vector) < _SAME:
            raise VectorDatabaseError(
                f"expected point {key} to be {name} with its vector, got "
                f"{point.payload.get('id')!r} or another vector: replace the collection"
            )
    return list(found.values())


def _cosine(one: F32, other: F32) -> float:
    if one.shape != other.shape:
        return 0.0
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def recall_of(collection: VectorCollection, vectors: F32, exact: Exact) -> float:
    """Return the share of true neighbours that a collection finds.

    Raises
    ------
    VectorDatabaseError
        It is below ``LEAST_RECALL``.
    """
    shares = [_recall(collection, vector, exact) for vector in vectors]
    mean = float(np.mean(shares)) if shares else 1.0
    if mean < LEAST_RECALL:
        raise VectorDatabaseError(
            f"expected {LEAST_RECALL} of the true neighbours from the collection, got {mean:.2f}: "
            "wait until its server has indexed it, and export again; what is there stays"
        )
    return mean


def _recall(collection: VectorCollection, vector: F32, exact: Exact) -> float:
    true, scores = exact(vector, _NEIGHBOURS)
    keys, found = collection.search(vector, len(true), Quality())
    if not len(true):
        return 1.0
    good = np.isin(keys, true) | (found >= scores[-1] - _TIE)
    return min(1.0, float(np.count_nonzero(good)) / len(true))
