"""``Catalog.search`` from a ready vector to decoded titles, in a process of its own.

The catalogue holds the dataset's rows as ready vectors of generated titles with about 5 KB of
metadata each. Its search settings are calibrated on every other query; the rest are measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.data import truth
from benchmarks.data.datasets import F32, Dataset, load
from benchmarks.data.titles import generated_title
from benchmarks.machine import processor
from benchmarks.machine.limits import require_disk
from benchmarks.results import CatalogResult, Memory
from tv5core import Catalog

__all__ = ["MOST_TITLES", "built", "measure_catalog"]

MOST_TITLES = 200_000
"""Of a larger dataset the first rows are taken: 5 KB a title add up."""
K = 10
_CHUNK = 5_000
_CALLS = 3_000
_TARGET = 0.96
"""Calibration compares with the stored rows, themselves a little off: aim above 0.95."""
_BYTES_A_TITLE = 8_000
_ROOT = Path(__file__).parents[2]
Progress = Callable[[str], None]


def measure_catalog(
    dataset: Dataset,
    work: Path,
    progress: Progress = lambda _: None,
    most: int = MOST_TITLES,
    calls: int = _CALLS,
) -> CatalogResult:
    """Build a catalogue of a dataset's first rows, unless it is there, and search it.

    Parameters
    ----------
    dataset
        Its "title" queries are asked.
    work
        Folder to keep the catalogue in; one of the same data is used again.
    progress
        Called with each step.
    most
        How many titles at most.
    calls
        How many searches to time.

    Raises
    ------
    ValueError
        Too little disk.
    RuntimeError
        The serving process failed.
    """
    titles = min(len(dataset.vectors), most)
    home = built(dataset, work, titles, progress)
    _truth(dataset, titles, progress)  # kept, so that the serving process need not work it out
    progress(f"searching a catalogue of {titles:,} titles")
    return msgspec.convert(_served(dataset, home, titles, calls), CatalogResult)


def built(dataset: Dataset, work: Path, titles: int, progress: Progress) -> Path:
    """Return the folder of the catalogue, which appears under its name when it is whole."""
    home = work / f"catalog-{dataset.content_hash[:16]}-{titles}"
    if home.is_dir():
        return home
    work.mkdir(parents=True, exist_ok=True)
    size = titles * (_BYTES_A_TITLE + 4 * dataset.vectors.shape[1])
    require_disk(work, size, f"a catalogue of {titles:,} titles")
    partial = home.with_name(home.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    with Catalog.open(partial, embedder=None, metric=dataset.metric, auto_seal=False) as catalog:
        _fill(catalog, dataset.vectors, titles, progress)
        progress("sealing and calibrating the catalogue")
        catalog.seal()
        catalog.calibrate(np.array(dataset.queries["title"][::2]), _TARGET, K)
    partial.rename(home)
    return home


def _fill(catalog: Catalog, vectors: F32, titles: int, progress: Progress) -> None:
    for start in range(0, titles, _CHUNK):
        stop = min(start + _CHUNK, titles)
        progress(f"adding titles {start:,} to {stop:,} of {titles:,}")
        catalog.add([generated_title(i) for i in range(start, stop)], vectors[start:stop])


def _truth(dataset: Dataset, titles: int, progress: Progress) -> np.ndarray[Any, Any]:
    """Return the true neighbours of the measured queries among the catalogue's titles."""
    rows = len(dataset.vectors)
    allowed = None if titles == rows else np.arange(rows) < titles
    found = truth.neighbours(dataset, "title", 100, allowed=allowed, progress=progress)[0]
    return np.asarray(found[1::2, :K])


# -- in the serving process ---------------------------------------------------------------


def _served(dataset: Dataset, home: Path, titles: int, calls: int) -> dict[str, Any]:
    """Search in a fresh process, whose memory is the catalogue's alone."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", __name__, dataset.folder, home, str(titles), str(calls)],
        env=os.environ | processor.environment(1, 1) | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise RuntimeError(f"the process that searches the catalogue failed: {said[0]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _serve(dataset: Dataset, home: Path, titles: int, calls: int) -> CatalogResult:
    processor.pin(processor.cores()[:1])
    queries = np.array(dataset.queries["title"][1::2])
    true = _truth(dataset, titles, lambda _: None)
    before = processor.footprint()
    with Catalog.open(home, embedder=None, read_only=True) as catalog:
        found = [[_number(hit.id) for hit in catalog.search(q, K)] for q in queries]
        seconds = _timed(catalog, queries, calls)
        memory = _weighed(before, processor.footprint())
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, true.tolist(), strict=True))
    p50, p95, p99 = (float(q) for q in np.quantile(seconds, (0.5, 0.95, 0.99)))
    speed = len(seconds) / sum(seconds)
    return CatalogResult(titles, hits / true.size, speed, p50, p95, p99, memory)


def _timed(catalog: Catalog, queries: F32, calls: int) -> list[float]:
    seconds = []
    for i in range(calls):
        query = queries[i % len(queries)]
        started = time.perf_counter()
        catalog.search(query, K)
        seconds.append(time.perf_counter() - started)
    return seconds


def _weighed(before: dict[str, int], after: dict[str, int]) -> Memory:
    more = {kind: after[kind] - before[kind] for kind in after}
    return Memory(more["anonymous"], more["file"], more["proportional"], before["resident"], {})


def _number(title_id: str) -> int:
    return int(title_id.rsplit(":", 1)[1])


def _main(arguments: list[str]) -> None:
    folder, home, titles, calls = arguments
    result = _serve(load(Path(folder)), Path(home), int(titles), int(calls))
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
