"""Measure one index stage by stage, and repeat one stage for an outside profiler."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.data.datasets import Dataset
from benchmarks.profiling.against import Point, System
from benchmarks.profiling.full_precision import graph_stage, scan_stage
from benchmarks.profiling.stages import F32, Asked, Stage, best_seconds, quantized_stages
from benchmarks.progress import say
from tv5core import kernels
from tv5core.vectors import VectorIndex
from tv5core.vectors.graph import SealedGraph

__all__ = ["Profile", "full_precision_stages", "profile", "repeat", "work"]


class Profile(msgspec.Struct, frozen=True):
    """What was measured, per query."""

    data: str
    rows: int
    dim: int
    kernels: str
    queries: str
    k: int
    expansion_search: int
    oversampling: float
    error_margin: float | None
    recall: float
    search_s: float
    """A query of a batch through ``VectorIndex.search``."""
    single_s: float
    """Median of single calls."""
    quantized: list[Stage]
    full_precision: list[Stage] = []
    against: list[System] = []
    curve: list[Point] = []


def profile(dataset: Dataset, index: VectorIndex, sealed: SealedGraph, asked: Asked) -> Profile:
    """Measure an index stage by stage."""
    say("timing stages")
    search = work("search", index, sealed, asked)
    recall = asked.recall(search().keys)  # type: ignore[attr-defined]
    stages = quantized_stages(sealed, dataset.vectors, asked)
    return Profile(
        dataset.name,
        len(dataset.vectors),
        dataset.vectors.shape[1],
        kernels.active(),
        "",
        asked.k,
        asked.settings.expansion_search,
        asked.settings.oversampling,
        asked.settings.error_margin,
        recall,
        best_seconds(search, len(asked.queries)),
        _single_s(index, asked),
        stages,
    )


def full_precision_stages(
    dataset: Dataset, graph: Path | None, asked: Asked, recall: float
) -> Iterable[Stage]:
    """Time the float32 graph, where there is one, and the float32 scan."""
    if graph is not None:
        yield graph_stage(graph, asked, recall, say)
    say("scanning float32")
    yield scan_stage(dataset.vectors, asked)


def _single_s(index: VectorIndex, asked: Asked) -> float:
    taken = []
    for query in asked.queries:
        started = time.perf_counter()
        _search(index, asked, query)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def _search(index: VectorIndex, asked: Asked, queries: F32) -> object:
    settings = asked.settings
    return index.search(
        queries,
        asked.k,
        expansion_search=settings.expansion_search,
        oversampling=settings.oversampling,
        error_margin=settings.error_margin,
    )


def work(name: str, index: VectorIndex, sealed: SealedGraph, asked: Asked) -> Callable[[], object]:
    """Return one thing to do over all queries."""
    prepared = sealed.quantizer.prepare(asked.queries)
    found = asked.walk(sealed, prepared)
    return {
        "prepare": lambda: sealed.quantizer.prepare(asked.queries),
        "walk": lambda: asked.walk(sealed, prepared),
        "rescore": lambda: sealed.rows.rescore(asked.queries, found, asked.k),
        "search": lambda: _search(index, asked, asked.queries),
        "single": lambda: [_search(index, asked, query) for query in asked.queries],
    }[name]


def repeat(task: Callable[[], object], seconds: float) -> None:
    """Repeat a task for so many seconds."""
    say(f"repeating for {seconds:g} s")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        task()
