"""What every file of vectors offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Vectors in a file."""

    label: str
    """File and part, for messages."""
    values: Any
    """Two-dimensional, mapped or read on demand: [count, dim] of a number type."""

    def __post_init__(self) -> None:
        if len(self.values.shape) != 2 or 0 in self.values.shape:
            raise ValueError(
                f"expected rows and dimensions in {self.label}, got the shape {self.values.shape}"
            )

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return int(self.values.shape[0])

    @property
    def dim(self) -> int:
        """Return how wide they are."""
        return int(self.values.shape[1])

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Read rows in ascending order as float32."""
        first, last = int(rows[0]), int(rows[-1]) + 1
        whole = last - first == len(rows)
        read = self.values[first:last] if whole else self.values[rows]
        return np.ascontiguousarray(read, np.float32)
