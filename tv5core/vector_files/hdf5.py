"""HDF5 with the layout of ann-benchmarks: ``train``, ``test``, ``neighbors``, and ``distance``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.vector_files.hdf5_layout import MAGIC, Hdf5
from tv5core.vector_files.vector_file import VectorFile, mapped, reading

__all__ = ["MAGIC", "METRICS", "read", "true_neighbours"]

METRICS = {"angular": "cosine", "cosine": "cosine", "dot": "ip", "ip": "ip", "euclidean": "l2"}
"""What ann-benchmarks calls a metric, and what it is called here."""


def read(path: Path, part: str = "train") -> VectorFile:
    """Map one dataset of a file.

    Raises
    ------
    CorruptFileError, ImportFormatError
    """
    with reading(path, f"{part!r} in HDF5"):
        raw = mapped(path)
        file = Hdf5(raw)
        distance = file.text("distance")
        return VectorFile(
            path, "hdf5", _matrix(raw, file, part), metric=METRICS.get(distance, distance)
        )


def true_neighbours(path: Path) -> npt.NDArray[np.int64] | None:
    """Return the neighbours of ``test`` that a file states: int64[queries, k], or None."""
    with reading(path, "'neighbors' in HDF5"):
        raw = mapped(path)
        file = Hdf5(raw)
        if "neighbors" not in file.names:
            return None
        return np.asarray(_matrix(raw, file, "neighbors"), np.int64)


def _matrix(raw: npt.NDArray[np.uint8], file: Hdf5, part: str) -> npt.NDArray[Any]:
    if part not in file.names:
        raise ValueError(f"only {', '.join(sorted(file.names)) or 'nothing'}")
    found = file.dataset(part)
    if len(found.shape) != 2 or found.dtype.kind not in "fiu":
        raise ValueError(f"{found.dtype} of shape {found.shape}")
    return np.ndarray(found.shape, found.dtype, raw, found.offset)
