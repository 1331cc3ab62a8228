"""Replace and delete the same titles again and again, and compare with what should be there."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data.datasets import title_like
from tv5core import Catalog, Title, recall_at_k

I64 = npt.NDArray[np.int64]

_CALL = 500
_LINES = 20
_OVERVIEW = "A stranger comes to town, and nothing is as it was before. " * 8


class Churn:
    """A catalogue of given vectors, and a model of what should be in it.

    Parameters
    ----------
    catalog : Catalog
    titles, dim : int
    """

    def __init__(self, catalog: Catalog, titles: int, dim: int) -> None:
        self.catalog = catalog
        self.data = title_like(2 * titles, queries=500, dim=dim)
        self.choice = np.arange(titles)  # which vector each title has; -1 for a deleted one
        self._rng = np.random.default_rng(0)
        self._version = 0

    def fill(self) -> None:
        """Add every title once and seal."""
        ids = np.arange(len(self.choice))
        for at in range(0, len(ids), 5_000):
            self._put(ids[at : at + 5_000])
        self.catalog.seal()

    def change(self, count: int) -> None:
        """Make ``count`` changes, to different titles."""
        ids = self._rng.permutation(len(self.choice))[:count]
        gone, present = ids[self.choice[ids] < 0], ids[self.choice[ids] >= 0]
        deleted, replaced = present[: count // 10], present[count // 10 :]
        self.choice[deleted] = -1
        self.catalog.delete(f"id{i}" for i in deleted)
        back = np.concatenate([replaced, gone])
        self.choice[back] = self._rng.integers(len(self.data.vectors), size=len(back))
        self._put(back)

    def _put(self, ids: I64) -> None:
        self._version += 1
        some = [Title(f"id{i}", "movie", f"Film {i}", overview=_OVERVIEW, votes=self._version)
                for i in ids]  # fmt: skip
        self.catalog.add(some, self.data.vectors[self.choice[ids]])

    def recall(self) -> float:
        """Measure recall@10 against brute force, counting ties as found."""
        live = np.flatnonzero(self.choice >= 0)
        scores = self.data.queries @ self.data.vectors[self.choice[live]].T
        truth = live[np.argsort(-scores, axis=1)[:, :10]]
        hits = self.catalog.search_many(self.data.queries, 10)
        found = np.asarray([[int(hit.id[2:]) for hit in some] for some in hits])
        return recall_at_k(found, truth)


def figures(catalog: Catalog, changes: int, started: float) -> dict[str, Any]:
    """Say what the catalogue takes now."""
    info = catalog.info()
    files = info["files"]
    mb = {name: round(size / 1e6, 1) for name, size in files.items()}
    return {
        "changes": changes,
        "seconds": round(time.perf_counter() - started, 1),
        "titles": info["titles"],
        "data_mb": mb["data.mdb"],
        "reusable_mb": round(info["reusable_bytes"] / 1e6, 1),
        "index_mb": round(sum(size for name, size in files.items() if ".tv5" in name) / 1e6, 1),
        "rss_mb": round(_resident_bytes() / 1e6, 1),
        "generation": info["generation"],
        "head": info["live"],
        "removed": info["removed"],
    }


def _resident_bytes() -> int:
    """Return memory of this process that no file backs."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def run(
    folder: Path, rounds: int, titles: int, dim: int, progress: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Churn, and return all figures."""
    with Catalog.open(folder, embedder=None) as catalog:
        churn = Churn(catalog, titles, dim)
        churn.fill()
        started, rows = time.perf_counter(), []
        before = churn.recall()
        step = max(_CALL, rounds // _LINES)
        for done in range(0, rounds + 1, _CALL):
            if done % (step // _CALL * _CALL) == 0:
                rows.append(figures(catalog, done, started))
                progress(rows[-1])
            churn.change(_CALL)
        after, exact = churn.recall(), set(catalog.ids())
        report, optimized = catalog.verify(), catalog.optimize()
        want = {f"id{i}" for i in np.flatnonzero(churn.choice >= 0)}
        rows.append(figures(catalog, rounds, started))
        progress(rows[-1])
        return {
            "rows": rows,
            "recall_before": round(before, 4),
            "recall_after": round(after, 4),
            "recall_optimized": round(churn.recall(), 4),
            "ids_agree": exact == want,
            "verify_ok": report.ok,
            "optimized_removed_rows": optimized.removed_rows,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "titles": titles,
            "dim": dim,
            "cpus": os.cpu_count(),
        }
