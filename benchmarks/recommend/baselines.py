"""Recommenders to compare with, each a function of what is known and of the users' profiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from tv5core.truncated_svd import truncated_svd

__all__ = ["BASELINES", "Scorer"]

F32 = npt.NDArray[np.float32]
Scorer = Callable[[F32], F32]
"""From float32[users, titles] of profiles to scores of the same shape."""


def random(_: csr_matrix) -> Scorer:
    """Score at random."""
    rng = np.random.default_rng(0)
    return lambda profiles: rng.random(profiles.shape, np.float32)


def popularity(matrix: csr_matrix) -> Scorer:
    """Score by how many users liked a title."""
    counts = np.asarray(matrix.sum(0), np.float32).ravel()
    return lambda profiles: np.tile(counts, (len(profiles), 1))


def item_knn(matrix: csr_matrix, neighbours: int, shrinkage: float) -> Scorer:
    """Sum the cosines of a title's nearest titles that are in the profile (Deshpande, 2004)."""
    common = (matrix.T @ matrix).tocsr()
    lengths = np.sqrt(common.diagonal())
    rows = []
    for title in range(common.shape[0]):
        row = common.getrow(title)
        others = row.indices != title
        near, counts = row.indices[others], row.data[others]
        cosines = counts / (lengths[title] * lengths[near] + shrinkage)
        best = np.argsort(-cosines, kind="stable")[:neighbours]
        rows.append((near[best], cosines[best]))
    ends = np.cumsum([0, *(len(near) for near, _ in rows)])
    near = np.concatenate([near for near, _ in rows])
    cosines = np.concatenate([cosines for _, cosines in rows])
    kept = csr_matrix((cosines, near, ends), shape=common.shape)
    return lambda profiles: np.asarray((kept.T @ profiles.T).T, np.float32)


def factorisation(matrix: csr_matrix, rank: int) -> Scorer:
    """Project the profile on the leading singular vectors (PureSVD; Cremonesi, 2010)."""
    components = truncated_svd(matrix, rank, seed=0, iterations=7)[1]
    return lambda profiles: ((profiles @ components.T) @ components).astype(np.float32)


def ease(matrix: csr_matrix, regularization: float) -> Scorer:
    """Predict each title from all others by ridge regression (Steck, 2019).

    The inverse over titles is had from one over users, who are fewer (Woodbury).
    """
    dense = matrix.toarray().astype(np.float64)
    inner = np.linalg.inv(dense @ dense.T + regularization * np.eye(len(dense)))
    right = (inner @ dense).astype(np.float32)
    diagonal = (1 - np.einsum("ij,ij->j", dense, right)) / regularization
    left = dense.astype(np.float32)

    def score(profiles: F32) -> F32:
        inverted = (profiles - (profiles @ left.T) @ right) / np.float32(regularization)
        return (profiles - inverted / diagonal).astype(np.float32)

    return score


BASELINES: dict[str, tuple[Callable[..., Scorer], list[dict[str, float]]]] = {
    "random": (random, [{}]),
    "popularity": (popularity, [{}]),
    "item-kNN": (
        item_knn,
        [{"neighbours": k, "shrinkage": s} for k in (20, 50, 100, 200) for s in (0.0, 10.0, 30.0)],
    ),
    "matrix factorisation": (factorisation, [{"rank": rank} for rank in (8, 16, 32, 64, 128)]),
    "EASE": (ease, [{"regularization": x} for x in (20.0, 50.0, 100.0, 200.0, 400.0)]),
}
"""By name: how it is fitted, and the parameters that the validation split chooses from."""
