"""hnswlib: the common yardstick, HNSW over float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import (
    CONNECTIVITY,
    EXPANSION_ADD,
    F32,
    I64,
    Mask,
    Peer,
    Setting,
    ladder,
)

WIDTHS = (10, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1_024, 1_536)


class Hnswlib(Peer):
    """HNSW over float32."""

    label = "hnswlib, float32"
    library = module = "hnswlib"
    filters = True
    filter_queries = 100
    remarks = (
        "adding while searching is not measured: the library calls that unsafe",
        "its filter is a Python function that is called for each visited row",
    )

    _index: Any = None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """M and efConstruction."""
        return {"M": CONNECTIVITY, "ef_construction": EXPANSION_ADD}

    def load_library(self) -> None:
        """Import it."""
        import hnswlib  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Build over inner products, which for unit vectors are cosines."""
        import hnswlib

        index = hnswlib.Index("ip", self.shape.dim)
        index.init_index(len(vectors), M=CONNECTIVITY, ef_construction=EXPANSION_ADD)
        index.add_items(vectors, num_threads=threads)
        index.save_index(str(folder / "index.bin"))

    def open(self, folder: Path) -> None:
        """Read it into memory."""
        import hnswlib

        self._index = hnswlib.Index("ip", self.shape.dim)
        self._index.load_index(str(folder / "index.bin"))

    def settings(self, k: int) -> list[list[Setting]]:
        """Return widths of the walk."""
        return ladder("ef", tuple(width for width in WIDTHS if width >= k))

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search."""
        self._index.set_ef(int(setting["ef"]))
        labels = self._index.knn_query(queries, k, num_threads=self.threads)[0]
        ids: I64 = labels.view(np.int64)
        return ids

    def prepare_filter(self, allowed: Mask) -> Any:
        """Return a function of a label."""
        inside: Callable[[int], bool] = allowed.tolist().__getitem__
        return inside

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:
        """Search; the library raises where it finds fewer than k, which counts as nothing."""
        self._index.set_ef(int(setting["ef"]))
        try:
            labels = self._index.knn_query(queries, k, num_threads=1, filter=allowed)[0]
        except RuntimeError:
            return np.full((len(queries), k), -1, np.int64)
        ids: I64 = labels.view(np.int64)
        return ids

    def parts(self, folder: Path) -> dict[str, int]:
        """Return vectors and the rest of the file."""
        vectors = self.shape.rows * self.shape.dim * 4
        return {
            "graph": (folder / "index.bin").stat().st_size - vectors,
            "vectors": vectors,
        }
