"""One small file of each format, made by the library that the format is of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
ROWS, DIM = 60, 16
KEYS = np.arange(ROWS, dtype=np.uint64) * 3 + 5
GONE = int(KEYS[4])
"""Deleted in the indexes."""


def made(rows: int = ROWS, dim: int = DIM, seed: int = 0) -> F32:
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def vecs(path: Path, rows: npt.NDArray[Any]) -> None:
    with path.open("wb") as file:
        for row in rows:
            file.write(np.int32(len(row)).tobytes() + row.tobytes())


def npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, made())


def fvecs(path: Path) -> None:
    vecs(path, made())


def hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["train"] = made()
        file["test"] = made(7, seed=1)
        file["neighbors"] = np.arange(70, dtype=np.int32).reshape(7, 10)
        file.attrs["distance"] = "angular"


def usearch(path: Path, dtype: str = "f32", metric: str = "cos") -> None:
    from usearch.index import Index

    index: Any = Index(ndim=DIM, metric=metric, dtype=dtype, connectivity=4)
    index.add(KEYS, made(), threads=1)
    index.remove(GONE)
    path.write_bytes(bytes(index.save()))


def hnswlib(path: Path) -> None:
    import hnswlib as library

    index = library.Index("ip", DIM)
    index.init_index(ROWS + 9, M=4, random_seed=1)
    index.add_items(made(), KEYS, num_threads=1)
    index.mark_deleted(GONE)
    index.save_index(str(path))


FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "npy": ("npy", npy),
    "fvecs": ("fvecs", fvecs),
    "hdf5": ("hdf5", hdf5),
    "usearch": ("usearch", usearch),
    "hnswlib": ("hnswlib", hnswlib),
}
"""By suffix, the format and what makes one."""
