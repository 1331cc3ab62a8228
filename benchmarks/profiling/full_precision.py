"""The same searches at full precision: a float32 graph (hnswlib) and a float32 scan."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data.datasets import Dataset
from benchmarks.profiling import hnswlib_walk
from benchmarks.profiling.stages import F32, Asked, Stage, best_seconds
from tv5core import kernels

__all__ = ["graph_file", "graph_stage", "scan_stage"]

WIDEST = 1_024
_WALKED = 50  # queries walked again to count: Python is slow
_SCANNED = 20

Progress = Callable[[str], None]


def graph_file(dataset: Dataset, progress: Progress) -> Path | None:
    """Build hnswlib's graph (M=16, efConstruction=200) once: it takes minutes at a million rows.

    Returns
    -------
    Path or None
        None where hnswlib is not installed.
    """
    if find_spec("hnswlib") is None:
        progress("hnswlib is not installed: no float32 graph to compare with")
        return None
    import hnswlib

    path = dataset.folder / f"hnswlib-{version('hnswlib')}-M16-efC200.bin"
    if path.is_file():
        return path
    progress(f"building hnswlib over {len(dataset.vectors):,} rows")
    index = hnswlib.Index("ip", dataset.vectors.shape[1])
    index.init_index(len(dataset.vectors), M=16, ef_construction=200)
    for at in range(0, len(dataset.vectors), 50_000):
        index.add_items(dataset.vectors[at : at + 50_000])
    partial = path.with_name(path.name + ".part")
    index.save_index(str(partial))
    partial.replace(path)
    return path


def graph_stage(path: Path, asked: Asked, recall: float, progress: Progress) -> Stage:
    """Time hnswlib at the least width that reaches a recall."""
    index = _opened(path, asked.queries.shape[1])
    width, found = _least_width(index, asked, recall)
    progress(f"hnswlib reaches recall {found:.3f} at ef={width}; walking again to count")
    seconds = best_seconds(lambda: _search(index, asked), len(asked.queries), 3)
    return _counted(path, index, asked, Stage("", seconds, recall=found, note=f"ef={width}"), width)


def scan_stage(vectors: F32, asked: Asked) -> Stage:
    """Time an exact scan of all rows as float32."""
    some = asked.queries[:_SCANNED]
    seconds = best_seconds(lambda: kernels.scan_rows(vectors, None, some, asked.k), len(some), 2)
    rows, dim = vectors.shape
    return Stage("scan float32, exact", seconds, 4.0 * rows * dim, float(rows), 1.0)


def _opened(path: Path, dim: int) -> Any:
    import hnswlib

    index = hnswlib.Index("ip", dim)
    index.load_index(str(path))
    index.set_num_threads(1)
    return index


def _search(index: Any, asked: Asked) -> Any:
    return index.knn_query(asked.queries, asked.k, num_threads=1)[0].astype(np.int64)


def _least_width(index: Any, asked: Asked, recall: float) -> tuple[int, float]:
    """Halve the way to the least width that reaches a recall; the widest where none does."""

    def found(width: int) -> float:
        index.set_ef(width)
        return asked.recall(_search(index, asked))

    low, high = asked.k, WIDEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) >= recall else (middle + 1, high)
    return high, found(high)


def _counted(path: Path, index: Any, asked: Asked, timed: Stage, width: int) -> Stage:
    """Count what some of the queries compare, and say whether the answers were the same."""
    links = hnswlib_walk.read_links(path, asked.queries.shape[1])
    some = [hnswlib_walk.walk(links, query, asked.k, width) for query in asked.queries[:_WALKED]]
    answers = _search(index, asked)[: len(some)].tolist()
    same = np.mean([set(a.labels) == set(b) for a, b in zip(some, answers, strict=True)])
    compared = float(np.mean([one.compared for one in some]))
    expanded = float(np.mean([one.expanded for one in some]))
    degree = max(len(row) for row in links.base)
    touched = compared * 4 * asked.queries.shape[1] + expanded * (4 + 4 * degree)
    note = f"{timed.note}; counted by walking again, {same:.0%} of {len(some)} answers the same"
    return Stage("walk float32, hnswlib", timed.seconds, touched, compared, timed.recall, note=note)
