"""Rows of floats in a file of any format that tv5core reads, taken as float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tv5core.errors import Tv5Error
from tv5core.vector_files import VectorFile, open_vectors

__all__ = ["Rows", "open_rows"]

_BYTES = {"bvecs"}
"""Formats whose integers are vectors; in others they are numbers of neighbours, or a mistake."""


@dataclass(frozen=True)
class Rows:
    """Vectors in a file."""

    file: VectorFile
    label: str
    """File and part, for messages."""

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return len(self.file)

    @property
    def is_hdf5(self) -> bool:
        """Return whether it has the layout of ann-benchmarks: rows, queries and a metric."""
        return self.file.format == "hdf5"

    @property
    def dim(self) -> int:
        """Return how wide they are."""
        return self.file.dim

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Read rows in ascending order as float32."""
        first, last = int(rows[0]), int(rows[-1]) + 1
        whole = last - first == len(rows)
        read = self.file.vectors[first:last] if whole else self.file.vectors[rows]
        return np.ascontiguousarray(read, np.float32)


def open_rows(path: Path, part: str = "train") -> Rows:
    """Open a file of vectors by what it is; ``part`` is for HDF5.

    Raises
    ------
    ValueError
        It is missing, of an unknown kind, malformed, or not of floats.
    """
    try:
        file = open_vectors(path, part=part)
    except Tv5Error as error:
        raise ValueError(str(error)) from error
    label = f"{part!r} of {path}" if file.format == "hdf5" else str(path)
    if file.vectors.dtype.kind != "f" and file.format not in _BYTES:
        raise ValueError(f"expected floats in {label}, got {file.vectors.dtype}")
    return Rows(file, label)
