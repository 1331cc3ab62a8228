"""Validate what users pass: vectors, keys, dimensions and row types."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import (
    DimensionError,
    DuplicateKeyError,
    InvalidInputError,
    NonFiniteVectorError,
    ZeroVectorError,
)

__all__ = [
    "MAX_DIM",
    "MIN_DIM",
    "Rescoring",
    "check_dim",
    "check_keys",
    "check_rescoring",
    "check_vectors",
    "unit_vectors",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Rescoring = Literal["int8", "float16", "float32"]
MIN_DIM, MAX_DIM = 8, 4096


def check_dim(dim: int) -> int:
    """Return ``dim`` if an index may have it, else raise DimensionError."""
    if not MIN_DIM <= dim <= MAX_DIM:
        raise DimensionError(f"expected {MIN_DIM} to {MAX_DIM} dimensions, got {dim}")
    return dim


def check_rescoring(rescoring: str) -> Rescoring:
    """Return ``rescoring`` if it names a row type, else raise InvalidInputError."""
    for known in get_args(Rescoring):
        if rescoring == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInputError(f"expected rescoring {get_args(Rescoring)}, got {rescoring!r}")


def check_keys(keys: npt.ArrayLike, count: int) -> I64:
    """Return ``count`` keys as int64.

    Raises
    ------
    InvalidInputError, DuplicateKeyError
    """
    given = np.asarray(keys)
    if given.shape != (count,) or (given.dtype.kind not in "iu" and count):
        raise InvalidInputError(
            f"expected {count} integer keys, got {given.dtype} of shape {given.shape}"
        )
    if count and (int(given.min()) < 0 or int(given.max()) >= 2**63):
        raise InvalidInputError(f"expected keys from 0 to 2**63 - 1, got {int(given.min())}")
    named = given.astype(np.int64)
    ordered = np.sort(named)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        raise DuplicateKeyError(f"expected each key once, got {int(repeated[0])} twice")
    return named


def check_vectors(vectors: npt.ArrayLike, dim: int | None = None) -> F32:
    """Return ``vectors`` as a contiguous float32 matrix.

    Parameters
    ----------
    vectors : array_like [n, dim]
        Any real dtype.
    dim : int, optional
        Expected width.

    Raises
    ------
    InvalidInputError
        Not a matrix of real numbers.
    DimensionError
        Another width than ``dim``, or one outside 8 to 4096.
    NonFiniteVectorError
        NaN, infinity, or a value or a squared length beyond float32.
    ZeroVectorError
        A row of length zero.
    """
    matrix = _matrix(vectors, dim)
    _check_squares(kernels.squared_norms(matrix))
    return matrix


def unit_vectors(vectors: npt.ArrayLike, dim: int) -> F32:
    """Check vectors as :func:`check_vectors` does and scale them to unit length."""
    rows, squares = kernels.normalize(_matrix(vectors, dim))
    _check_squares(squares)
    return rows


def _matrix(vectors: npt.ArrayLike, dim: int | None) -> F32:
    """Return a contiguous float32 matrix whose values are not validated yet."""
    given = np.asarray(vectors)
    if given.ndim != 2 or given.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"expected a matrix of real numbers, got {given.dtype} of shape {given.shape}"
        )
    _check_width(given.shape[1], dim)
    return _as_float32(given)


def _check_squares(squares: F32) -> None:
    """Refuse rows by their squared lengths; NaN fails both comparisons."""
    if len(squares) == 1:  # one query a call is the common case, and this is several times faster
        good = 0 < squares.item() < math.inf
    else:
        good = not len(squares) or bool(squares.min() > 0 and squares.max() < np.inf)
    if not good:
        _refuse_rows(~np.isfinite(squares), NonFiniteVectorError, "finite values")
        _refuse_rows(squares == 0, ZeroVectorError, "a length above zero")


def _check_width(width: int, dim: int | None) -> None:
    if dim is not None and width != dim:
        raise DimensionError(f"expected vectors of {dim} dimensions, got {width}")
    check_dim(width)


def _as_float32(given: npt.NDArray[Any]) -> F32:
    if given.dtype == np.float32 and given.flags.c_contiguous:
        return given
    with np.errstate(over="ignore"):  # infinity is refused with a better message
        return np.ascontiguousarray(given, np.float32)


def _refuse_rows(bad: npt.NDArray[np.bool_], error: type[InvalidInputError], want: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        what = "a zero vector" if error is ZeroVectorError else "NaN, infinity or overflow"
        raise error(f"expected {want}, got {what} in row {first} ({int(bad.sum())} such rows)")
