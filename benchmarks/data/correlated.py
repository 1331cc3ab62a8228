"""Filters that have to do with the query: what a search meets where people filter.

Each case has a mask over the rows and the queries to ask with it:

- ``independent``: random rows;
- ``near``: only the rows nearest to a title, asked by queries near it;
- ``all but near``: only the rows furthest from it, asked by the same;
- ``clusters``: whole clusters of rows, drawn at random, asked by any queries;
- ``genre``: one of few large clusters, asked by queries in it and by others.

Clusters are found by spherical k-means over a sample, so any vectors will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["SHARES", "Case", "cases", "clusters"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SHARES = (0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 1.0)

_FEWEST = 10
_CLUSTERS, _GENRES = 100, 20
_LEAST_SHARE_OF_CLUSTERS = 0.02
_SAMPLE, _ROUNDS, _BLOCK = 20_000, 5, 50_000


class Case(NamedTuple):
    """A filter, and the queries to search it with."""

    kind: str
    share: float
    allowed: Mask
    queries: I64
    """Numbers of the queries."""


def cases(
    vectors: F32, queries: F32, seed: int, anchors: int = 3, asked: int = 50
) -> Iterator[Case]:
    """Draw the cases, those of one share after those of another.

    Parameters
    ----------
    vectors, queries
        Of unit length.
    seed
        Of all draws.
    anchors
        Titles to draw near and far rows around, for each share.
    asked
        Queries a case.
    """
    rng, n = np.random.default_rng(seed), len(vectors)
    fine, coarse = clusters(vectors, _CLUSTERS, seed), clusters(vectors, _GENRES, seed + 1)
    titles = rng.permutation(len(queries))[:anchors]
    orders = [np.argsort(-_scores(vectors, queries[title]), kind="stable") for title in titles]
    for share in SHARES:
        count = min(n, max(_FEWEST, round(share * n)))
        yield Case(
            "independent",
            share,
            _mask(n, rng.permutation(n)[:count]),
            _some(rng, queries, 2 * asked),
        )
        if share == 1:
            continue
        for title, order in zip(titles, orders, strict=True):
            near = np.argsort(-(queries @ queries[title]), kind="stable")[1 : asked + 1]
            yield Case("near", share, _mask(n, order[:count]), near)
            yield Case("all but near", share, _mask(n, order[n - count :]), near)
        if share >= _LEAST_SHARE_OF_CLUSTERS:
            kept = _whole_clusters(rng, fine, count)
            yield Case("clusters", share, kept, _some(rng, queries, 2 * asked))
    for genre in rng.permutation(_GENRES)[:anchors]:
        allowed = coarse == genre
        inside = np.argsort(-(queries @ vectors[np.flatnonzero(allowed)[:200]].mean(axis=0)))
        both = np.concatenate([inside[: asked // 2], _some(rng, queries, asked // 2)])
        yield Case("genre", round(float(allowed.mean()), 3), allowed, both)


def clusters(vectors: F32, count: int, seed: int) -> I64:
    """Return the cluster of each row."""
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(len(vectors))[:_SAMPLE])
    sample = np.ascontiguousarray(vectors[some])
    centres = sample[rng.permutation(len(sample))[:count]].copy()
    for _ in range(_ROUNDS):
        nearest = (sample @ centres.T).argmax(axis=1)
        for cluster in np.unique(nearest):
            mean = sample[nearest == cluster].mean(axis=0)
            centres[cluster] = mean / np.linalg.norm(mean)
    blocks = range(0, len(vectors), _BLOCK)
    found = [(vectors[at : at + _BLOCK] @ centres.T).argmax(axis=1) for at in blocks]
    return np.concatenate(found)


def _whole_clusters(rng: np.random.Generator, cluster_of: I64, count: int) -> Mask:
    """Take clusters at random until they have so many rows."""
    order = rng.permutation(int(cluster_of.max()) + 1)
    sizes = np.bincount(cluster_of, minlength=len(order))[order].cumsum()
    return np.isin(cluster_of, order[: int(np.searchsorted(sizes, count)) + 1])


def _scores(vectors: F32, query: F32) -> F32:
    blocks = range(0, len(vectors), _BLOCK)
    return np.concatenate([vectors[at : at + _BLOCK] @ query for at in blocks])


def _mask(n: int, rows: I64) -> Mask:
    allowed = np.zeros(n, bool)
    allowed[rows] = True
    return allowed


def _some(rng: np.random.Generator, queries: F32, count: int) -> I64:
    return rng.permutation(len(queries))[:count]
