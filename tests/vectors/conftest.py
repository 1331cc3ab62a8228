"""Vectors with the structure of real ones: clusters, so that neighbours mean something."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

F32 = npt.NDArray[np.float32]


def clustered(n: int, dim: int, seed: int = 0) -> F32:
    """Draw rows around shared centres; rows of one seed are a prefix of a longer draw's centres."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((32, dim))
    rows = centres[rng.integers(0, 32, n)] + 0.7 * rng.standard_normal((n, dim))
    return rows.astype(np.float32)


def brute_force(vectors: F32, queries: F32, k: int, metric: str = "cosine") -> F32:
    """Return the row numbers of the k largest inner products (or cosines)."""
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order: F32 = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    return order


@pytest.fixture(scope="session")
def vectors() -> F32:
    return clustered(6_000, 96)


@pytest.fixture(scope="session")
def queries() -> F32:
    return clustered(60, 96, seed=1)
