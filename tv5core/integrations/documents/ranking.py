"""Two orders of documents fused into one, and an order that avoids repetition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_int, check_real
from tv5core.integrations.documents.document import Found

__all__ = ["diverse", "fused"]


def fused(dense: Sequence[Found], sparse: Sequence[Found], alpha: float) -> list[Found]:
    """Return documents by a convex combination of their scores, each list scaled to 0 to 1.

    A document that one list lacks has 0 there (Bruch, Gai, Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval").

    Parameters
    ----------
    dense, sparse : sequence of Found
        By vector and by words.
    alpha : float
        Weight of the first, 0 to 1.
    """
    documents = {found.document.id: found.document for found in (*dense, *sparse)}
    scores = dict.fromkeys(documents, 0.0)
    for weight, some in ((alpha, dense), (1 - alpha, sparse)):
        for found, scaled in zip(some, _scaled(some), strict=True):
            scores[found.document.id] += weight * scaled
    order = sorted(scores, key=lambda name: -scores[name])
    return [Found(documents[name], scores[name]) for name in order if scores[name] > 0]


def _scaled(some: Sequence[Found]) -> list[float]:
    """Scale scores to above 0 and at most 1, the least not to 0: it was found, others were not."""
    if not some:
        return []
    scores = np.array([found.score for found in some])
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return [1.0] * len(some)
    least = 1 / (1 + len(some))
    return [float(least + (1 - least) * (s - low) / (high - low)) for s in scores]


def diverse(
    query: npt.ArrayLike, vectors: npt.ArrayLike, k: int = 4, lambda_mult: float = 0.5
) -> list[int]:
    """Choose rows by maximal marginal relevance (Carbonell, Goldstein 1998), in cosine.

    Parameters
    ----------
    query : array_like [dim]
    vectors : array_like [n, dim]
    k : int
    lambda_mult : float
        1 weighs likeness to the query alone, 0 unlikeness to what was chosen.

    Returns
    -------
    list of int
        At most k rows, in the order in which they were chosen.

    Raises
    ------
    InvalidInputError
    """
    k, lambda_mult = check_int("k", k, 1), check_real("lambda_mult", lambda_mult, 0.0, 1.0)
    rows = _unit(np.asarray(vectors, np.float32))
    if not len(rows):
        return []
    relevance = rows @ _unit(np.asarray(query, np.float32)[None])[0]
    chosen: list[int] = []
    nearest = np.full(len(rows), -np.inf, np.float32)
    while len(chosen) < min(k, len(rows)):
        repeated = nearest if chosen else np.zeros(len(rows), np.float32)
        worth = lambda_mult * relevance - (1 - lambda_mult) * repeated
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
        nearest = np.maximum(nearest, rows @ rows[chosen[-1]])
    return chosen


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)
