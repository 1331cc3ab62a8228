"""FAISS: HNSW flat and scalar-quantized, IVF with product codes and with RaBitQ, refined."""

from __future__ import annotations

from importlib import import_module
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
    Shape,
    ladder,
)
from benchmarks.peers.hnsw import WIDTHS

_FILE = "index.faiss"
_PROBES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_FACTORS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_MOST_CANDIDATES = 1_000
_TRAINING_ROWS = 64  # for each list; FAISS asks for at least 39


class _Faiss(Peer):
    library = "faiss-cpu"
    module = "faiss"
    filters = True
    remarks = ("adding while searching is not measured: the library has no lock for it",)
    _index: Any = None

    def load_library(self) -> None:
        """Import it."""
        _library()

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Train where there is something to train, add, save."""
        faiss = _library()

        faiss.omp_set_num_threads(threads)
        index = self._make()
        if not index.is_trained:
            index.train(self._sample(vectors))
        index.add(vectors)
        faiss.write_index(index, str(folder / _FILE))

    def open(self, folder: Path) -> None:
        """Read it into memory."""
        faiss = _library()

        self._index = faiss.read_index(str(folder / _FILE))

    def set_threads(self, count: int) -> None:
        """Set OpenMP's threads for the calling thread; others keep to the environment's one."""
        faiss = _library()

        super().set_threads(count)
        faiss.omp_set_num_threads(count)

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search."""
        ids: I64 = self._index.search(queries, k, params=self._knobs(setting, None))[1]
        return ids

    def prepare_filter(self, allowed: Mask) -> Any:
        """Return a bitmap."""
        faiss = _library()

        return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:
        """Search with a selector."""
        ids: I64 = self._index.search(queries, k, params=self._knobs(setting, allowed))[1]
        return ids

    def _make(self) -> Any:
        raise NotImplementedError

    def _knobs(self, setting: Setting, selector: Any) -> Any:
        raise NotImplementedError

    def _sample(self, vectors: F32) -> F32:
        return vectors


class FaissHnsw(_Faiss):
    """HNSW over float32 or 8-bit scalar codes."""

    def __init__(self, name: str, shape: Shape, storage: str) -> None:
        super().__init__(name, shape)
        self._storage = storage
        rows = {"flat": "float32", "sq8": "8-bit scalars"}[storage]
        self.label = f"FAISS HNSW, {rows}"

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """M and efConstruction."""
        return {"M": CONNECTIVITY, "efConstruction": EXPANSION_ADD, "storage": self._storage}

    def settings(self, k: int) -> list[list[Setting]]:
        """Return widths of the walk."""
        return ladder("efSearch", tuple(w for w in WIDTHS if w >= k))

    def parts(self, folder: Path) -> dict[str, int]:
        """Return codes and the rest of the file."""
        width = 4 if self._storage == "flat" else 1
        vectors = self.shape.rows * self.shape.dim * width
        return {"graph": (folder / _FILE).stat().st_size - vectors, "vectors": vectors}

    def _make(self) -> Any:
        faiss = _library()

        kind = "HNSW{}_SQ8" if self._storage == "sq8" else "HNSW{},Flat"
        metric = faiss.METRIC_INNER_PRODUCT
        index = faiss.index_factory(self.shape.dim, kind.format(CONNECTIVITY), metric)
        index.hnsw.efConstruction = EXPANSION_ADD
        return index

    def _sample(self, vectors: F32) -> F32:
        some = np.random.default_rng(0).permutation(len(vectors))[:100_000]
        return np.ascontiguousarray(vectors[np.sort(some)])

    def _knobs(self, setting: Setting, selector: Any) -> Any:
        faiss = _library()

        return faiss.SearchParametersHNSW(efSearch=int(setting["efSearch"]), sel=selector)


class FaissIvf(_Faiss):
    """Lists of short codes, the best of which are looked at again in 8-bit scalars."""

    def __init__(self, name: str, shape: Shape, codes: str, label: str, rotated: bool) -> None:
        super().__init__(name, shape)
        self._codes, self._rotated = codes, rotated
        self.label = f"FAISS IVF, {label}, refined"
        self._kept: dict[tuple[float, ...], Any] = {}

    @property
    def lists(self) -> int:
        """1,024 up to 100,000 rows, 4,096 at a million; fewer where rows are few."""
        few = int(4 * self.shape.rows**0.5)
        return 4_096 if self.shape.rows >= 500_000 else max(16, min(1_024, few))

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """What FAISS's factory makes it from."""
        return {"factory": self._factory(), "training_rows": self._training_rows()}

    @property
    def index_bytes(self) -> int:
        """Codes and refining codes."""
        return self.shape.rows * (self.shape.dim * 5 // 4 + 200)

    @property
    def build_bytes(self) -> int:
        """Training rows beside the index."""
        return self.index_bytes + 2 * self._training_rows() * self.shape.dim * 4

    def settings(self, k: int) -> list[list[Setting]]:
        """Return a ladder of probed lists for each number of refined candidates."""
        probes = [p for p in _PROBES if p <= self.lists]
        factors = [f for f in _FACTORS if f * k <= _MOST_CANDIDATES]
        return [[{"nprobe": float(p), "k_factor": f} for p in probes] for f in factors]

    def parts(self, folder: Path) -> dict[str, int]:
        """Return refining codes and the rest of the file."""
        refining = self.shape.rows * self.shape.dim
        return {
            "lists": (folder / _FILE).stat().st_size - refining,
            "rescoring": refining,
        }

    def _training_rows(self) -> int:
        return min(self.shape.rows, self.lists * _TRAINING_ROWS)

    def _sample(self, vectors: F32) -> F32:
        some = np.random.default_rng(0).permutation(len(vectors))[: self._training_rows()]
        return np.ascontiguousarray(vectors[np.sort(some)])

    def _factory(self) -> str:
        codes = self._codes.format(quarter=max(1, self.shape.dim // 4))
        rotation = "RR," if self._rotated else ""
        return f"{rotation}IVF{self.lists},{codes},Refine(SQ8)"

    def _make(self) -> Any:
        faiss = _library()

        return faiss.index_factory(self.shape.dim, self._factory(), faiss.METRIC_INNER_PRODUCT)

    def _knobs(self, setting: Setting, selector: Any) -> Any:
        if selector is not None:
            return self._made(setting, selector)
        key = tuple(setting.values())
        if key not in self._kept:
            self._kept[key] = self._made(setting, None)
        return self._kept[key]

    def _made(self, setting: Setting, selector: Any) -> Any:
        faiss = _library()

        base = faiss.SearchParametersIVF(nprobe=int(setting["nprobe"]), sel=selector)
        if self._rotated:
            base = faiss.SearchParametersPreTransform(index_params=base)
        return faiss.IndexRefineSearchParameters(
            k_factor=setting["k_factor"], base_index_params=base
        )


def _library() -> Any:
    """Import it; its own type information is not complete."""
    return import_module("faiss")
