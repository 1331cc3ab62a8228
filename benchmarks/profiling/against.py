"""The same searches by others at full precision, in stages of their own.

usearch says how many distances a search computed. So many rows, drawn at random and compared by our
kernel for the same type, show which part of its time is comparing and reading; the rest is the
walk: its queue, the rows seen, the links. A flat scan is compared with the matrix product alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.data.datasets import Dataset
from benchmarks.profiling.stages import F32, Asked, Stage, best_seconds
from benchmarks.progress import say
from tv5core.vectors import VectorIndex
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["AGAINST", "Point", "System", "measure", "missing", "quantized_curve", "usearch_file"]

AGAINST = {
    "usearch-f32": "usearch", "usearch-f16": "usearch", "faiss-flat": "faiss", "hnswlib": "hnswlib"
}  # fmt: skip
"""What can be measured beside, and the module that it needs."""
WIDTHS = (10, 16, 32, 64, 128, 256, 512, 1_024)
CONNECTIVITY, EXPANSION_ADD = 16, 128
_BLOCK, _SCANNED, _ROUNDS = 50_000, 20, 3
_POOL = 4.0  # rows of a pool for each that is rescored, along the curve


class Point(msgspec.Struct, frozen=True):
    """Recall and time of one setting."""

    setting: str
    recall: float
    seconds: float


class System(msgspec.Struct, frozen=True):
    """What was measured of one library."""

    name: str
    version: str
    stages: list[Stage]
    curve: list[Point]


def missing(names: list[str]) -> list[str]:
    """Return the modules that are not installed."""
    return sorted({AGAINST[name] for name in names if find_spec(AGAINST[name]) is None})


def measure(name: str, dataset: Dataset, asked: Asked, recall: float) -> System:
    """Measure one library at the least effort that reaches a recall."""
    if name == "faiss-flat":
        return _faiss_flat(dataset.vectors, asked)
    return _usearch(name.removeprefix("usearch-"), dataset, asked, recall)


def quantized_curve(index: VectorIndex, asked: Asked) -> list[Point]:
    """Measure searches of tv5core from narrow to wide."""
    points = []
    for width in WIDTHS:
        how: dict[str, Any] = {
            "expansion_search": width,
            "oversampling": max(1.0, width / _POOL / asked.k),
            "error_margin": asked.settings.error_margin,
        }
        search = partial(index.search, asked.queries, asked.k, **how)
        points.append(_point(f"expansion {width}", asked, lambda search=search: search().keys))
    return points


def _point(setting: str, asked: Asked, search: Callable[[], Any]) -> Point:
    found = asked.recall(np.asarray(search(), np.int64))
    seconds = best_seconds(search, len(asked.queries), _ROUNDS, time.process_time)
    return Point(setting, found, seconds)


# -- usearch ------------------------------------------------------------------------------


def usearch_file(dataset: Dataset, dtype: str) -> Path:
    """Build usearch's graph once: it takes minutes at a million rows."""
    from usearch.index import Index

    named = f"usearch-{version('usearch')}-{dtype}-{CONNECTIVITY}-{EXPANSION_ADD}.usearch"
    path = dataset.folder / named
    if path.is_file():
        return path
    count, dim = dataset.vectors.shape
    say(f"building usearch {dtype} over {count:,} rows")
    index: Any = Index(
        ndim=dim,
        metric="ip",  # of unit vectors for cosine, as the others
        dtype=dtype,
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
    )
    for at in range(0, count, _BLOCK):
        some = np.ascontiguousarray(dataset.vectors[at : at + _BLOCK])
        index.add(np.arange(at, at + len(some), dtype=np.uint64), some)
    partial = path.with_name(path.name + ".part")
    index.save(str(partial))
    partial.replace(path)
    return path


def _usearch(dtype: str, dataset: Dataset, asked: Asked, recall: float) -> System:
    from usearch.index import Index

    index: Any = Index.restore(str(usearch_file(dataset, dtype)))

    def search() -> Any:
        return index.search(asked.queries, asked.k, threads=1).keys

    def at(width: int) -> Callable[[], Any]:
        index.expansion_search = width
        return search

    curve = [_point(f"expansion {width}", asked, at(width)) for width in WIDTHS]
    width = _least_width(
        lambda width: asked.recall(np.asarray(at(width)(), np.int64)), asked.k, recall
    )
    best = _point(f"expansion {width}", asked, at(width))
    computed = index.search(asked.queries, asked.k, threads=1).computed_distances
    stages = _walk_stages(dtype, dataset.vectors, asked, best, computed / len(asked.queries))
    return System(f"usearch-{dtype}", version("usearch"), stages, curve)


def _least_width(found: Callable[[int], float], k: int, recall: float) -> int:
    """Halve the way to the least width that reaches a recall; the widest where none does."""
    low, high = k, WIDTHS[-1]
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) >= recall else (middle + 1, high)
    return high


def _walk_stages(
    dtype: str, vectors: F32, asked: Asked, best: Point, computed: float
) -> list[Stage]:
    """Split a walk into comparing and the rest."""
    rows = np.asarray(vectors) if dtype == "f32" else vectors.astype(np.float16)
    drawn = np.random.default_rng(0).integers(
        0, len(rows), (len(asked.queries), max(1, round(computed))), dtype=np.uint32
    )
    stored = StoredRows(rows, None)
    comparing = best_seconds(
        lambda: stored.rescore(asked.queries, drawn, asked.k), len(drawn), _ROUNDS
    )
    comparing = min(comparing, best.seconds)
    size = rows.dtype.itemsize * rows.shape[1]
    return [
        Stage(f"compare {dtype}", comparing, computed * size, computed,
              note="so many rows at random, by our kernel"),
        Stage("walk", best.seconds - comparing, recall=best.recall,
              note=f"the rest of the time; {best.setting}, M={CONNECTIVITY}, "
              f"expansion_add={EXPANSION_ADD}"),
    ]  # fmt: skip


# -- faiss --------------------------------------------------------------------------------


def _faiss_flat(vectors: F32, asked: Asked) -> System:
    import faiss

    faiss.omp_set_num_threads(1)
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    for at in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[at : at + _BLOCK]))
    some = Asked(asked.queries[:_SCANNED], asked.truth[:_SCANNED], asked.k, asked.settings)
    best = _point("all rows", some, lambda: index.search(some.queries, some.k)[1])
    product = best_seconds(lambda: _products(vectors, some.queries), len(some.queries), 2)
    product = min(product, best.seconds)
    rows, dim = vectors.shape
    stages = [
        Stage("compare f32", product, 4.0 * rows * dim, float(rows), note="a matrix product alone"),
        Stage("select", best.seconds - product, recall=best.recall, note="the rest of the time"),
    ]
    return System("faiss-flat", version("faiss-cpu"), stages, [best])


def _products(vectors: F32, queries: F32) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        for at in range(0, len(vectors), _BLOCK):
            np.matmul(queries, vectors[at : at + _BLOCK].T)
