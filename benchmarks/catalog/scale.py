"""What a catalogue costs at its size: bytes on disk and in memory, queries a second a component.

Sizes that were not measured are projected from the bytes of a title; queries a second are not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import psutil

from benchmarks.catalog.requirements import METADATA_BYTES, QPS, RECALL, TITLES, VECTOR_BYTES
from tv5core import Catalog
from tv5core.vectors import VectorIndex

__all__ = ["SIZES", "Line", "index_lines", "measure_catalog", "memory_lines", "storage_lines"]

SIZES = (100_000, TITLES)
_PARTS = {
    "graph and codes": ("graph.",),
    "rows to rescore, int8": ("rows.",),
    "words, to find by": ("words.",),
    "columns, to filter by": ("columns.",),
    "embedding model": ("lsa.",),
}
_TRUTH = "vectors, the truth, float32"
_VECTORS = "vectors"
_MANY = 1_000


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes
    ----------
    what : str
    size : int
        Titles.
    target, measured : str
    met : bool or None
        None where nothing is required.
    """

    what: str
    size: int
    target: str
    measured: str
    met: bool | None = None


# -- storage ----------------------------------------------------------------------------------


def storage_lines(folder: Path, titles: int) -> list[Line]:
    """Return the bytes of each part of a catalogue, here and at the sizes that are planned for."""
    files = [path for path in folder.iterdir() if path.is_file()]
    held = _truth(folder) | {
        part: sum(path.stat().st_size for path in files if path.name.startswith(names))
        for part, names in _PARTS.items()
    }
    found = []
    for size in (titles, *(each for each in SIZES if each != titles)):
        projected = "" if size == titles else f", projected from {titles:,}"
        for part, used in held.items():
            grown = used if part == "embedding model" else used * size / titles
            found.append(_storage_line(part, size, grown, projected))
        both = sum(held[name] for name in ("graph and codes", "rows to rescore, int8"))
        vectors = both * size / titles
        found.append(_bounded("vectors, all that is searched", size, vectors, VECTOR_BYTES,
                              projected))  # fmt: skip
    return found


def _truth(folder: Path) -> dict[str, int]:
    """Return the bytes of metadata and of vectors in LMDB, by the pages of its databases."""
    sizes = {}
    with lmdb.open(str(folder), readonly=True, lock=False, max_dbs=64) as env, env.begin() as txn:
        for key, _ in txn.cursor():
            found = txn.stat(env.open_db(bytes(key), txn, create=False))
            pages = sum(found[f"{kind}_pages"] for kind in ("branch", "leaf", "overflow"))
            sizes[bytes(key).decode()] = pages * found["psize"]
    vectors = sum(size for name, size in sizes.items() if name.startswith(_VECTORS))
    return {"metadata": sum(sizes.values()) - vectors, _TRUTH: vectors}


def _storage_line(part: str, size: int, used: float, projected: str) -> Line:
    if part.startswith("metadata"):
        return _bounded(part, size, used, METADATA_BYTES, projected)
    if part.startswith("graph"):
        return _bounded(part, size, used, VECTOR_BYTES, projected)
    return Line(part, size, "", _bytes(used, size) + projected)


def _bounded(part: str, size: int, used: float, bound: float, projected: str) -> Line:
    most = bound * size / TITLES
    return Line(part, size, f"<= {_shown(most)}", _bytes(used, size) + projected, used <= most)


def _bytes(used: float, size: int) -> str:
    return f"{_shown(used)}, {used / size:,.0f} B a title"


def _shown(used: float) -> str:
    return f"{used / 1e9:,.2f} GB" if used >= 1e9 else f"{used / 1e6:,.0f} MB"


# -- memory and speed -------------------------------------------------------------------------


def memory_lines(before: Any, after: Any, titles: int) -> list[Line]:
    """Return what a process holds since it opened a catalogue and searched it."""
    own = (after.rss - after.shared) - (before.rss - before.shared)
    mapped = after.shared - before.shared
    return [
        Line("memory of a process, its own", titles, "", _bytes(own, titles)),
        Line("memory of a process, mapped files", titles, "", _bytes(mapped, titles)),
    ]


def measure_catalog(folder: Path, seconds: float) -> list[Line]:
    """Open a catalogue, ask each of its components for some time, and return all lines."""
    before = psutil.Process().memory_info()
    with Catalog.open(folder, create=False, read_only=True) as catalog:
        titles = catalog.count()
        calls = _calls(catalog)
        speeds = [(what, target, *_rate(call, seconds)) for what, (target, call) in calls.items()]
        memory = memory_lines(before, psutil.Process().memory_info(), titles)
    speed_lines = [
        Line(what, titles, f">= {target:,.0f}/s" if target else "",
             f"{rate:,.0f}/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms",
             rate >= target if target else None)
        for what, target, rate, p50, p99 in speeds
    ]  # fmt: skip
    return [*storage_lines(folder, titles), *memory, *speed_lines]


def _calls(catalog: Catalog) -> dict[str, tuple[float, Callable[[], object]]]:
    draw = random.Random(0)
    titles = list(catalog.popular(_MANY))
    draw.shuffle(titles)
    ids = [title.id for title in titles]
    asked = [text for each in titles for text in (each.title, " ".join(each.overview.split()[:5]))]
    vectors = [vector for vector in catalog.get_vectors(ids[:200]) if vector is not None]
    names, texts, near = cycle(ids), cycle([text for text in asked if text]), cycle(vectors)
    return {
        "a title by id": (0.0, lambda: catalog.get(next(names))),
        "search by vector": (QPS[0], lambda: catalog.search(next(near), 10)),
        "search by words": (0.0, lambda: catalog.search(next(texts), 10, mode="keyword")),
        "search by meaning": (0.0, lambda: catalog.search(next(texts), 10, mode="semantic")),
        "search, hybrid": (0.0, lambda: catalog.search(next(texts), 10)),
        "suggestions": (0.0, lambda: catalog.suggest(next(texts)[:5], 10)),
        "titles like one": (0.0, lambda: catalog.similar(next(names), 10)),
        "recommendations": (0.0, lambda: catalog.recommend(ids[:3], k=20)),
        "a list of 20": (0.0, lambda: catalog.browse(genre="Drama", k=20)),
    }


def _rate(call: Callable[[], object], seconds: float) -> tuple[float, float, float]:
    """Return calls a second, and p50 and p99 in ms, after a few that are not counted."""
    for _ in range(5):
        call()
    took, begun = [], time.perf_counter()
    while (now := time.perf_counter()) - begun < seconds:
        call()
        took.append(time.perf_counter() - now)
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    return len(took) / (time.perf_counter() - begun), float(p50), float(p99)


def index_lines(folder: Path, queries: Path, seconds: float) -> list[Line]:
    """Return the lines of an index of vectors alone: bytes, recall and queries a second."""
    asked = np.load(queries)[:1_000].astype(np.float32)
    with VectorIndex.open(folder) as index:
        rows = index.sealed_count
        files = sum(path.stat().st_size for path in folder.glob("*.tv5"))
        graph = sum(path.stat().st_size for path in folder.glob("graph.*"))
        recall = index.recall(asked[:100])
        near = cycle(asked)
        rate, p50, p99 = _rate(lambda: index.search(next(near), 10), seconds)
    shown = f"{rate:,.0f}/s at recall@10 {recall:.3f}, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    target = f"{QPS[0]:,.0f} to {QPS[1]:,.0f}/s at {RECALL}"
    return [
        _bounded("index alone: graph and codes", rows, graph, VECTOR_BYTES, ""),
        _bounded("index alone: with rows to rescore", rows, files, VECTOR_BYTES, ""),
        Line(
            "index alone: search, one thread",
            rows,
            target,
            shown,
            rate >= QPS[0] and recall >= RECALL,
        ),
    ]
