"""A sparse matrix in compressed rows, with the few products that embedding needs.

SciPy has them all, but takes longer to import than everything else together, so only fitting uses
it. Sums run in the order of the entries, in float32: the results are SciPy's to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["SparseRows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of a sparse matrix; row i has the entries from ``ends[i]`` up to ``ends[i + 1]``.

    Attributes
    ----------
    ends : ndarray of int64, shape (rows + 1,)
    columns : ndarray of int64, shape (entries,)
    weights : ndarray of float32, shape (entries,)
    """

    ends: I64
    columns: I64
    weights: F32

    def __len__(self) -> int:
        return len(self.ends) - 1

    def with_weights(self, weights: F32) -> SparseRows:
        """Return a matrix with other weights at the same places."""
        return replace(self, weights=weights)

    def row_lengths(self) -> F32:
        """Return the Euclidean length of each row: float32, shape (rows,)."""
        squares = np.zeros(len(self), np.float32)
        filled = np.flatnonzero(np.diff(self.ends))  # reduceat is wrong for empty rows
        if len(filled):
            squares[filled] = np.add.reduceat(self.weights**2, self.ends[filled])
        return np.sqrt(squares)

    def times(self, matrix: F32) -> F32:
        """Multiply by a dense matrix: float32, shape (rows, width of the matrix)."""
        product = np.zeros((len(self), matrix.shape[1]), np.float32)
        bounds = self.ends.tolist()
        # Row by row, what is gathered of the matrix stays in the processor's cache.
        for row, (start, end) in enumerate(pairwise(bounds)):
            terms = matrix.take(self.columns[start:end], axis=0)
            terms *= self.weights[start:end, None]
            np.add.reduce(terms, axis=0, initial=np.float32(0), out=product[row])
        return product

    def times_blocks(self, places: npt.NDArray[np.int32], values: F32, width: int) -> F32:
        """Multiply by a matrix that has the same number of entries in each row.

        Parameters
        ----------
        places, values : ndarray of int32 and of float32, shape (columns, entries)
            Where row i of that matrix has entries, and which.
        width : int
            Of that matrix.
        """
        product = np.zeros(len(self) * width, np.float32)
        rows = np.repeat(np.arange(len(self)) * width, np.diff(self.ends))
        where = rows[:, None] + places[self.columns]
        np.add.at(product, where.ravel(), (values[self.columns] * self.weights[:, None]).ravel())
        return product.reshape(len(self), width)
