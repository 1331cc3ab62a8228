"""usearch: HNSW over float32, float16 and int8, and over sign bits with rescoring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import (
    CONNECTIVITY,
    EXPANSION_ADD,
    F32,
    I64,
    Peer,
    Setting,
    Shape,
    ladder,
)
from benchmarks.peers.hnsw import WIDTHS

_FILE = "index.usearch"
_BITS = 8
_POOLS = (32, 64, 96, 128, 192, 256, 384, 512, 768)
_CANDIDATES = (20, 40, 80, 120, 160, 240, 320, 480)
_BLOCK_BYTES = 8 << 20


class Usearch(Peer):
    """HNSW over vectors of a type."""

    library = module = "usearch"
    adds = True
    remarks = ("no filtered search: the library has no filter for Python",)
    _index: Any = None

    def __init__(self, name: str, shape: Shape, dtype: str) -> None:
        super().__init__(name, shape)
        self._dtype = dtype
        self.label = f"usearch, {dtype}"

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Connectivity, construction width and type."""
        return {
            "connectivity": CONNECTIVITY,
            "expansion_add": EXPANSION_ADD,
            "dtype": self._dtype,
        }

    @property
    def index_bytes(self) -> int:
        """Rows of the type, and links."""
        width = {"f32": 4, "f16": 2, "i8": 1}[self._dtype]
        return self.shape.rows * (self.shape.dim * width + 300)

    def load_library(self) -> None:
        """Import it."""
        import usearch.index  # noqa: F401

    def _empty(self) -> Any:
        from usearch.index import Index

        return Index(
            ndim=self.shape.dim,
            # Its int8 is made for cosines; for unit vectors the two are the same.
            metric="cos" if self.shape.metric == "cosine" and self._dtype == "i8" else "ip",
            dtype=self._dtype,
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
        )

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Add all rows at once."""
        index = self._empty()
        index.add(np.arange(len(vectors)), vectors, threads=threads)
        index.save(str(folder / _FILE))

    def open(self, folder: Path) -> None:
        """Read it into memory."""
        self._index = self._empty()
        self._index.load(str(folder / _FILE))

    def settings(self, k: int) -> list[list[Setting]]:
        """Return widths of the walk."""
        return ladder("expansion_search", tuple(w for w in WIDTHS if w >= k))

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search."""
        self._index.expansion_search = int(setting["expansion_search"])
        return _keys(self._index.search(queries, k, threads=self.threads), k)

    def open_for_adding(self, folder: Path, more: int) -> None:
        """Read it and make room."""
        self.open(folder)
        del more  # it grows by itself

    def add(self, vectors: F32, keys: I64) -> None:
        """Add, on the calling thread alone."""
        self._index.add(keys, vectors, threads=1)


class UsearchBits(Peer):
    """HNSW over the sign bits of rotated, centred rows, then float16 rows by NumPy."""

    label = "usearch, sign bits + float16 rescoring"
    library = module = "usearch"
    remarks = (
        "no filtered search: the library has no filter for Python",
        "rotating, packing and rescoring are NumPy's, in blocks that fit the cache",
    )
    _index: Any = None
    _rows: Any = None
    _turn: Any = None
    _middle: Any = None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Connectivity, construction width, and what rows are scored by in the end."""
        return {
            "connectivity": CONNECTIVITY,
            "expansion_add": EXPANSION_ADD,
            "dtype": "b1",
            "rescoring": "float16",
        }

    @property
    def index_bytes(self) -> int:
        """Bits, links and float16 rows."""
        return self.shape.rows * (self.shape.dim * 17 // 8 + 300)

    @property
    def build_bytes(self) -> int:
        """Bits and links."""
        return self.shape.rows * 1_000

    @property
    def serve_bytes(self) -> int:
        """Bits and links: rescored rows are mapped."""
        return self.shape.rows * 500

    def load_library(self) -> None:
        """Import it."""
        import usearch.index  # noqa: F401

    def _empty(self) -> Any:
        from usearch.index import Index

        return Index(
            ndim=_bits(self.shape.dim),
            metric="hamming",
            dtype="b1",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
        )

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Pack bits, add them, and keep float16 rows."""
        sample = vectors[:: max(1, len(vectors) // 10_000)]
        self._middle = np.asarray(sample.mean(axis=0), np.float32)
        drawn = np.random.default_rng(0).standard_normal((self.shape.dim, self.shape.dim))
        self._turn = np.linalg.qr(drawn)[0].astype(np.float32)
        np.savez(folder / "rotation.npz", turn=self._turn, middle=self._middle)
        index, step = self._empty(), 16_384
        rows = np.lib.format.open_memmap(
            folder / "rows.npy", "w+", np.float16, (len(vectors), self.shape.dim)
        )
        for at in range(0, len(vectors), step):
            block = vectors[at : at + step]
            rows[at : at + step] = block
            index.add(np.arange(at, at + len(block)), self._packed(block), threads=threads)
        rows.flush()
        index.save(str(folder / _FILE))

    def open(self, folder: Path) -> None:
        """Read graph and bits, map the rows."""
        self._index = self._empty()
        self._index.load(str(folder / _FILE))
        self._rows = np.load(folder / "rows.npy", "r", allow_pickle=False)
        kept = np.load(folder / "rotation.npz", allow_pickle=False)
        self._turn, self._middle = kept["turn"], kept["middle"]

    def settings(self, k: int) -> list[list[Setting]]:
        """Return a ladder of widths for each number of rescored candidates."""
        counts = [c for c in (*_CANDIDATES, 960) if 2 * k <= c]
        pools = (*_POOLS, 1_024)
        return [
            [{"expansion_search": float(p), "candidates": float(c)} for p in pools if p >= c]
            for c in counts
        ]

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search bits, rescore rows."""
        count = min(int(setting["candidates"]), self.shape.rows)
        self._index.expansion_search = int(setting["expansion_search"])
        bits = self._packed(queries)
        found = _keys(self._index.search(bits, count, threads=self.threads), count)
        step = max(1, _BLOCK_BYTES // (count * self.shape.dim * 4))
        return np.concatenate(
            [
                self._rescored(queries[at : at + step], found[at : at + step], k)
                for at in range(0, len(queries), step)
            ]
        )

    def _rescored(self, queries: F32, found: I64, k: int) -> I64:
        rows = self._rows[np.maximum(found, 0)].astype(np.float32)
        scores = np.matmul(rows, queries[:, :, None])[..., 0]
        scores[found < 0] = -np.inf
        best = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(found, np.take_along_axis(best, order, axis=1), axis=1)

    def _packed(self, rows: F32) -> Any:
        turned = (rows - self._middle) @ self._turn
        bits = np.zeros((len(rows), _bits(self.shape.dim)), bool)
        bits[:, : self.shape.dim] = turned > 0
        return np.packbits(bits, axis=1)

    def parts(self, folder: Path) -> dict[str, int]:
        """Return graph with codes, and rows."""
        return {
            "graph": (folder / _FILE).stat().st_size,
            "rescoring": (folder / "rows.npy").stat().st_size,
        }


def _bits(dim: int) -> int:
    return -(-dim // _BITS) * _BITS


def _keys(found: Any, k: int) -> I64:
    """Return keys as int64[m, k]; the library returns one row without a dimension of its own."""
    keys = np.asarray(found.keys)
    keys = keys.reshape(1, -1) if keys.ndim == 1 else keys
    ids = keys.view(np.int64) if keys.dtype == np.uint64 else keys.astype(np.int64)
    if ids.shape[1] == k:
        return ids
    padded = np.full((len(ids), k), -1, np.int64)
    padded[:, : ids.shape[1]] = ids
    return padded
