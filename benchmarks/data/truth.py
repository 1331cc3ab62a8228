"""True neighbours by exact search, and how hard queries are.

Scores are float32 inner products (cosines, where rows have unit length). Rows are gone through in
blocks, so that memory stays bounded at any size, and what was found is kept in the dataset's
folder under the hash of rows and queries.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.data.datasets import Dataset

__all__ = ["MEMORY_BYTES", "Hardness", "describe", "exact", "hardness", "neighbours"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Progress = Callable[[str], None]

MEMORY_BYTES = 300_000_000
"""What a search of any size takes at most beside the mapped rows, at 768 dimensions."""

_BLOCK = 8_192  # rows
_QUERIES = 1_000  # at once: their scores with a block of rows are 33 MB


class Hardness(NamedTuple):
    """How hard a dataset's queries are, as medians over queries."""

    first: float
    """Cosine of the nearest neighbour."""
    tenth: float
    hundredth: float
    dimension: float
    """Local intrinsic dimension by maximum likelihood over 100 neighbours (Amsaleg, 2015)."""


def neighbours(
    dataset: Dataset,
    kind: str = "title",
    k: int = 100,
    *,
    allowed: Mask | None = None,
    progress: Progress = lambda _: None,
) -> tuple[I64, F32]:
    """Return the k nearest rows of each query and their scores, best first.

    Parameters
    ----------
    dataset
        A prepared dataset.
    kind
        Which of its queries.
    k
        Neighbours a query. Where fewer rows are there or allowed, -1 and minus infinity fill up.
    allowed
        Search only rows where this is true: bool[n].
    progress
        Called with each step.

    Returns
    -------
    ids, scores
        int64[m, k] and float32[m, k].
    """
    if kind not in dataset.queries:
        raise ValueError(f"expected queries among {sorted(dataset.queries)}, got {kind!r}")
    if allowed is not None and allowed.shape != (len(dataset.vectors),):
        raise ValueError(
            f"expected a bool for each of {len(dataset.vectors)} rows, got {allowed.shape}"
        )
    ids_path, scores_path = _paths(dataset, kind, k, allowed)
    if not (ids_path.is_file() and scores_path.is_file()):
        progress(
            f"{dataset.name}: exact neighbours of {len(dataset.queries[kind]):,} {kind} queries"
        )
        ids, scores = exact(dataset.vectors, dataset.queries[kind], k, allowed=allowed)
        _save(scores_path, scores)
        _save(ids_path, ids)
    return np.load(ids_path, allow_pickle=False), np.load(scores_path, allow_pickle=False)


def exact(vectors: F32, queries: F32, k: int, *, allowed: Mask | None = None) -> tuple[I64, F32]:
    """Search by float32 inner product, in blocks of rows."""
    starts = range(0, len(queries), _QUERIES)
    found = [_exact(vectors, queries[at : at + _QUERIES], k, allowed) for at in starts]
    return np.concatenate([ids for ids, _ in found]), np.concatenate([s for _, s in found])


def hardness(cosines: F32) -> Hardness:
    """Describe queries by the cosines of their 100 nearest neighbours: float32[n, >= 100]."""
    if cosines.ndim != 2 or cosines.shape[1] < 100:
        raise ValueError(f"expected cosines of at least 100 neighbours, got {cosines.shape}")
    distances = np.sqrt(np.maximum(2 - 2 * cosines[:, :100].astype(np.float64), 1e-12))
    ratios = np.log(distances[:, :-1] / distances[:, -1:])
    dimension = -1 / np.minimum(ratios.mean(axis=1), -1e-12)
    first, tenth, hundredth = (float(np.median(cosines[:, i])) for i in (0, 9, 99))
    return Hardness(first, tenth, hundredth, float(np.median(dimension)))


def describe(dataset: Dataset, kind: str, progress: Progress = lambda _: None) -> Hardness:
    """Describe queries by their true neighbours, by angle whatever the metric is."""
    ids, scores = neighbours(dataset, kind, progress=progress)
    if dataset.metric == "cosine":
        return hardness(scores)
    rows = np.linalg.norm(dataset.vectors[ids.ravel()], axis=1).reshape(ids.shape)
    queries = np.linalg.norm(dataset.queries[kind], axis=1, keepdims=True)
    return hardness(-np.sort(-scores / (rows * queries), axis=1))


def _exact(vectors: F32, queries: F32, k: int, allowed: Mask | None) -> tuple[I64, F32]:
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    queries = np.ascontiguousarray(queries)
    for start in range(0, len(vectors), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(vectors)))
        if allowed is not None:
            rows = rows[allowed[rows]]
        if len(rows):
            block = vectors[start : start + _BLOCK] if allowed is None else vectors[rows]
            ids, scores = _merged(ids, scores, rows, queries @ np.asarray(block).T)
    order = np.lexsort((ids, -scores), axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _merged(ids: I64, scores: F32, rows: I64, found: F32) -> tuple[I64, F32]:
    """Keep the best of what was found before and now."""
    k = ids.shape[1]
    if len(rows) > k:
        some = np.argpartition(-found, k - 1, axis=1)[:, :k]
        found, new = np.take_along_axis(found, some, axis=1), rows[some]
    else:
        new = np.broadcast_to(rows, found.shape)
    ids, scores = np.hstack((ids, new)), np.hstack((scores, found))
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.take_along_axis(ids, best, axis=1), np.take_along_axis(scores, best, axis=1)


def _paths(dataset: Dataset, kind: str, k: int, allowed: Mask | None) -> tuple[Path, Path]:
    content = hashlib.blake2b(digest_size=6)
    for name in ("vectors.npy", f"queries-{kind}.npy"):
        content.update(dataset.hashes[name].encode())
    content.update(b"" if allowed is None else np.packbits(allowed).tobytes())
    stem = f"truth-{kind}-{k}-{content.hexdigest()}"
    return dataset.folder / f"{stem}-ids.npy", dataset.folder / f"{stem}-scores.npy"


def _save(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write under another name first: a file under its own name is whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(part, array)
    part.rename(path)
