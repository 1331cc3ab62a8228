"""Embeddings to measure with, and how hard they are.

The generator imitates real title embeddings (sentence embeddings of plots joined with those of
genres, people and year): they share a mean direction, variances fall off as a power of the
dimension's rank, and titles gather in groups within groups (genres, franchises) of very different
sizes, each title near its groups by a different amount. Its constants were fitted so that, at
100,000 rows, held-out queries see what real ones do: cosines of about 0.65, 0.55 and 0.49 at the
1st, 10th and 100th neighbour, and a median local intrinsic dimension near 37. Easier data would
flatter every index; so would data whose variance lies in fewer dimensions flatter full precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Dataset", "Hardness", "from_file", "hardness", "title_like", "true_neighbours"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_MEAN = 0.49  # length of the mean of real embeddings of unit length
_DECAY = 0.7  # variance along the i-th axis is i ** -_DECAY
_GENRE, _FRANCHISE = 1_500, 5  # rows a group, on average
_NEAR_GENRE, _NEAR_FRANCHISE = (0.05, 0.35), (0.05, 0.45)  # shares of a row's variance
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

    def draw(count: int) -> F32:
        return rng.standard_normal((count, dim), dtype=np.float32) * spread

    genres, franchises = draw(-(-n // _GENRE)), draw(-(-n // _FRANCHISE))
    genre_of = _members(rng, len(genres), len(franchises))
    member = _members(rng, len(franchises), n + queries)
    middle = _unit(draw(1)) * _MEAN
    rows = np.empty((n + queries, dim), np.float32)
    for at in range(0, len(rows), _BLOCK):
        some = member[at : at + _BLOCK]
        genre = rng.uniform(*_NEAR_GENRE, (len(some), 1)).astype(np.float32)
        franchise = rng.uniform(*_NEAR_FRANCHISE, (len(some), 1)).astype(np.float32)
        mixed = np.sqrt(genre) * genres[genre_of[some]] + np.sqrt(franchise) * franchises[some]
        mixed += np.sqrt(1 - genre - franchise) * draw(len(some))
        rows[at : at + _BLOCK] = _unit(_unit(mixed) * np.sqrt(np.float32(1 - _MEAN**2)) + middle)
    return Dataset(f"title-like {n:,} x {dim}, seed {seed}", rows[:n], rows[n:])


def _members(rng: np.random.Generator, groups: int, count: int) -> I64:
    """Give each of ``count`` things one of ``groups``, few of which are large."""
    weights = rng.pareto(1.5, groups) + 1
    return rng.choice(groups, count, p=weights / weights.sum())


def from_file(path: Path, queries: int = 1_000, seed: int = 0) -> Dataset:
    """Read rows from a ``.npy`` file and hold some of them out as queries.

    Rows that are the same to the last bit are taken once: which of them is "the" neighbour has no
    answer, and a graph finds no way among many of them.
    """
    rows = np.unique(np.load(path, allow_pickle=False), axis=0)
    if rows.ndim != 2 or len(rows) < 2 * queries:
        raise ValueError(f"expected at least {2 * queries} rows in {path}, got {rows.shape}")
    order = np.random.default_rng(seed).permutation(len(rows))
    unit = _unit(np.asarray(rows, np.float32))
    return Dataset(
        f"{path.name}, {len(unit):,} distinct rows, {queries} held out",
        unit[order[queries:]],
        unit[order[:queries]],
    )


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
