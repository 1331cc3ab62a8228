"""Embeddings to measure with, and how hard they are.

The generator imitates real title embeddings (sentence embeddings of plots, joined with those of
genres, people and year): variances fall off as a power of the dimension's rank, and titles gather
in groups of very different sizes (franchises, subgenres), each near its group by a different
amount. Its constants were fitted so that, at 100,000 rows, held-out queries see what real ones do:
cosines of about 0.65, 0.55 and 0.49 at the 1st, 10th and 100th neighbour, and a median local
intrinsic dimension near 37. Easier data would flatter every index.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Dataset", "Hardness", "from_file", "hardness", "title_like", "true_neighbours"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_DECAY = 1.13  # variance of dimension i is i ** -_DECAY
_GROUP = 8  # rows a group, on average
_NEARNESS = (0.05, 0.75)  # share of a row's variance that is its group's
_BLOCK = 10_000


class Dataset(NamedTuple):
    """Rows to index and held-out queries, both of unit length."""

    name: str
    vectors: F32
    queries: F32


class Hardness(NamedTuple):
    """How hard a dataset's queries are, as medians over queries."""

    first: float
    """Cosine of the nearest neighbour."""
    tenth: float
    hundredth: float
    dimension: float
    """Local intrinsic dimension by maximum likelihood over 100 neighbours (Amsaleg, 2015)."""


def title_like(n: int, queries: int = 1_000, dim: int = 768, seed: int = 0) -> Dataset:
    """Draw ``n`` rows and held-out queries like embeddings of film and TV titles."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, dim + 1, dtype=np.float64) ** (-_DECAY / 2)
    spread = (spread / np.linalg.norm(spread)).astype(np.float32)
    groups = max(1, n // _GROUP)
    centres = rng.standard_normal((groups, dim), dtype=np.float32) * spread
    weights = rng.pareto(1.5, groups) + 1
    member = rng.choice(groups, n + queries, p=weights / weights.sum())
    rows = np.empty((n + queries, dim), np.float32)
    for at in range(0, len(rows), _BLOCK):
        some = member[at : at + _BLOCK]
        near = rng.uniform(*_NEARNESS, (len(some), 1)).astype(np.float32)
        own = rng.standard_normal((len(some), dim), dtype=np.float32) * spread
        rows[at : at + _BLOCK] = _unit(np.sqrt(near) * centres[some] + np.sqrt(1 - near) * own)
    return Dataset(f"title-like {n:,} x {dim}, seed {seed}", rows[:n], rows[n:])


def from_file(path: Path, queries: int = 1_000, seed: int = 0) -> Dataset:
    """Read rows from a ``.npy`` file and hold some of them out as queries."""
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if rows.ndim != 2 or len(rows) < 2 * queries:
        raise ValueError(f"expected at least {2 * queries} rows in {path}, got {rows.shape}")
    order = np.random.default_rng(seed).permutation(len(rows))
    unit = _unit(np.asarray(rows, np.float32))
    return Dataset(f"{path.name}, {queries} held out", unit[order[queries:]], unit[order[:queries]])


def true_neighbours(data: Dataset, k: int) -> tuple[I64, F32]:
    """Return the k nearest rows of each query by float32 inner product, and their cosines."""
    found, scores = [], []
    for at in range(0, len(data.queries), 100):
        cosines = data.queries[at : at + 100] @ data.vectors.T
        some = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(cosines, some, axis=1)
        order = np.argsort(-values, axis=1)
        found.append(np.take_along_axis(some, order, axis=1))
        scores.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(found), np.concatenate(scores)


def hardness(cosines: F32) -> Hardness:
    """Describe queries by the cosines of their 100 nearest neighbours: float32[n, >= 100]."""
    distances = np.sqrt(np.maximum(2 - 2 * cosines[:, :100].astype(np.float64), 1e-12))
    ratios = np.log(distances[:, :-1] / distances[:, -1:])
    dimension = -1 / np.minimum(ratios.mean(axis=1), -1e-12)
    first, tenth, hundredth = (float(np.median(cosines[:, i])) for i in (0, 9, 99))
    return Hardness(first, tenth, hundredth, float(np.median(dimension)))


def _unit(rows: F32) -> F32:
    unit: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
