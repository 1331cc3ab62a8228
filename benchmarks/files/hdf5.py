"""HDF5 with the layout of ann-benchmarks: ``train``, ``test``, and the attribute ``distance``."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.files.rows import Rows

__all__ = ["given_neighbours", "is_hdf5", "metric", "open_hdf5"]

_METRICS = {"angular": "cosine", "cosine": "cosine", "dot": "ip", "ip": "ip"}
_CHECKED = 10_000  # rows whose length is looked at in a file of Euclidean distances


def is_hdf5(path: Path) -> bool:
    """Return whether the suffix says so."""
    return path.suffix in (".hdf5", ".h5")


def open_hdf5(path: Path, part: str) -> Rows:
    """Open one dataset of a file; rows are read on demand."""
    file = _open(path)
    if part not in file or not hasattr(file[part], "dtype"):
        raise ValueError(f"expected a dataset {part!r} in {path}, got {sorted(file)}")
    values = file[part]
    if values.dtype.kind != "f":
        raise ValueError(f"expected floats in {part!r} of {path}, got {values.dtype}")
    return Rows(f"{part!r} of {path}", values)


def metric(path: Path) -> str:
    """Return our metric for the file's distance.

    Euclidean distances rank as cosines do where all rows are of unit length, and only there.
    """
    distance = _open(path).attrs.get("distance", None)
    distance = distance.decode() if isinstance(distance, bytes) else distance
    if distance in _METRICS:
        return _METRICS[distance]
    if distance == "euclidean" and _unit_length(path):
        return "cosine"
    if distance == "euclidean":
        raise ValueError(
            f"expected angular or dot distances in {path}, or rows of unit length, got euclidean"
        )
    raise ValueError(f"expected a distance among {sorted(_METRICS)} in {path}, got {distance!r}")


def given_neighbours(path: Path) -> npt.NDArray[np.int64] | None:
    """Return the neighbours that the file gives, int64[queries, k], or None."""
    file = _open(path)
    return np.asarray(file["neighbors"], np.int64) if "neighbors" in file else None


def _unit_length(path: Path) -> bool:
    rows = open_hdf5(path, "train")
    for start in range(0, rows.count, _CHECKED):
        some = rows.take(np.arange(start, min(start + _CHECKED, rows.count)))
        if (abs(np.linalg.norm(some, axis=1) - 1) > 1e-3).any():
            return False
    return True


def _open(path: Path) -> Any:
    try:
        return _h5py().File(path, "r")
    except OSError as error:
        raise ValueError(f"expected an HDF5 file, got {path}: {error}") from error


def _h5py() -> ModuleType:
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise ValueError("expected h5py for HDF5 files: pip install h5py") from error
