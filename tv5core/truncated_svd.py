"""Truncated singular value decomposition of sparse matrices, by random projection.

scikit-learn has the same; it is 30 MB and takes a second to import, for these lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["truncated_svd"]

Floats = npt.NDArray[np.floating[Any]]

_UNSAFE_POWERS = 2
"""Iterations after which rounding hides the smaller values, unless the basis is made orthogonal."""


def truncated_svd(
    matrix: Any,
    rank: int,
    *,
    seed: int,
    iterations: int,
    oversamples: int = 10,
    driver: str = "gesdd",
) -> tuple[Floats, Floats]:
    """Return the largest singular values and their right vectors.

    The randomized range finder with power iterations of Halko, Martinsson and Tropp, "Finding
    structure with randomness" (2011), algorithms 4.4 and 5.1, over the longer side of the matrix.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array, float32 or float64[n, m]
    rank : int
        At most the shorter side.
    seed : int
        Of the random projection; the same seed gives the same values on the same machine.
    iterations : int
        Power iterations: more where singular values fall slowly.
    oversamples : int
        Directions of the projection beyond ``rank``.
    driver : str
        LAPACK's ``gesdd`` or ``gesvd``.

    Returns
    -------
    values : dtype of the matrix, [rank]
        Descending.
    right : dtype of the matrix, [rank, m]
        Rows of unit length; the greatest component of each is positive.

    Raises
    ------
    ValueError
        There are values that are not finite.
    numpy.linalg.LinAlgError
        LAPACK did not converge.
    """
    from scipy import linalg  # slow to import

    is_wide = matrix.shape[0] < matrix.shape[1]
    long = matrix.T if is_wide else matrix
    basis = _range(long, min(rank + oversamples, long.shape[1]), seed, iterations)
    left, values, right = linalg.svd(
        (long.T @ basis).T, full_matrices=False, lapack_driver=driver, overwrite_a=True
    )
    found = (basis @ left[:, :rank]).T if is_wide else right[:rank]
    return values[:rank], found * _signs(found)[:, None]


def _range(matrix: Any, width: int, seed: int, iterations: int) -> Floats:
    """Return an orthonormal basis of most of what the columns of a matrix span."""
    from scipy import linalg  # in single precision too, which NumPy's QR does not have

    random = np.random.default_rng(seed % (1 << 63))
    basis = random.standard_normal((matrix.shape[1], width), matrix.dtype)
    for _ in range(iterations):
        basis = matrix.T @ (matrix @ basis)
        if iterations > _UNSAFE_POWERS:
            basis = linalg.qr(basis, mode="economic", overwrite_a=True)[0]
    orthonormal: Floats = linalg.qr(matrix @ basis, mode="economic", overwrite_a=True)[0]
    return orthonormal


def _signs(vectors: Floats) -> Floats:
    # Not by abs() and argmax(): rows lie across memory here, where those take ten times as long.
    signs: Floats = np.where(-vectors.min(axis=1) > vectors.max(axis=1), -1, 1)
    return signs.astype(vectors.dtype)
