"""Validate what users pass: vectors, keys, dimensions and row types."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.arguments import as_array, as_int64, check_int, shown
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
    "Stored",
    "check_dim",
    "check_keys",
    "check_rescoring",
    "check_vectors",
    "check_verify",
    "unit_vectors",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Stored = Literal["int8", "int16", "float16", "float32"]
"""How rows are stored for exact scores."""
Rescoring = Literal["auto", "int8", "int16", "float16", "float32"]
"""What is asked for: ``auto`` is int8 where that keeps the order of neighbours, else int16."""
MIN_DIM, MAX_DIM = 8, 4096
_FLOAT32 = np.dtype(np.float32)  # made once: NumPy looks the type up in each comparison
_LEAST = 2.0**-149  # float32 has none between it and zero
_MIN_SQUARE = 2.0**-64
"""Below it, float32 rounds or loses squares that count; down to it, any square that is 2**-62 of
their sum or more has all its bits."""


def check_dim(dim: int) -> int:
    """Return ``dim`` if an index may have it, else raise DimensionError."""
    return check_int("dim", dim, MIN_DIM, MAX_DIM, DimensionError)


def check_rescoring(rescoring: str) -> Rescoring:
    """Return ``rescoring`` if it names a row type, else raise InvalidInputError."""
    for known in get_args(Rescoring):
        if isinstance(rescoring, str) and rescoring == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInputError(f"expected rescoring {get_args(Rescoring)}, got {shown(rescoring)}")


def check_verify(verify: str, *, read_only: bool) -> bool:
    """Tell whether the rest is checked while searches run, else raise InvalidInputError."""
    known = ("first", "background") if read_only else ("first",)
    if not isinstance(verify, str) or verify not in known:
        what = "reader" if read_only else "writer, which would seal damage under new checksums"
        raise InvalidInputError(f"expected verify of {known} for a {what}, got {shown(verify)}")
    return verify == "background"


def check_keys(keys: npt.ArrayLike, count: int) -> I64:
    """Return ``count`` keys as int64.

    Raises
    ------
    InvalidInputError, DuplicateKeyError
    """
    given = as_array("integer keys", keys)
    if given.shape != (count,) or (given.dtype.kind not in "iu" and count):
        raise InvalidInputError(
            f"expected {count} integer keys, got {given.dtype} of shape {given.shape}"
        )
    if count and (int(given.min()) < 0 or int(given.max()) >= 2**63):
        raise InvalidInputError(f"expected keys from 0 to 2**63 - 1, got {int(given.min())}")
    named = as_int64(given)
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
        A row of length zero, or of one whose square float32 rounds to zero.
    """
    matrix = _matrix(vectors, dim)
    _check_squares(kernels.squared_norms(matrix))
    return matrix


def unit_vectors(vectors: npt.ArrayLike, dim: int) -> F32:
    """Check vectors as :func:`check_vectors` does and scale them to unit length.

    Any length that float32 or float64 can hold has a direction, however small it is.
    """
    given = _real_matrix(vectors, dim)
    rows, squares = kernels.normalize(_as_float32(given))
    if not _within(squares, _MIN_SQUARE):
        _normalize_tiny(given, rows, squares)
        _check_squares(squares)
    return rows


def _normalize_tiny(given: npt.NDArray[Any], rows: F32, squares: F32) -> None:
    """Replace rows and squares where the squared length is too small for float32.

    The rows are multiplied by a power of two first, in float64: their directions stay as exactly
    as they were given.
    """
    tiny = np.flatnonzero(squares < _MIN_SQUARE)
    some = given[tiny].astype(np.float64)
    _, exponents = np.frexp(np.abs(some).max(axis=1, keepdims=True))
    rows[tiny], squares[tiny] = kernels.normalize(np.ldexp(some, -exponents).astype(np.float32))


def _matrix(vectors: npt.ArrayLike, dim: int | None) -> F32:
    """Return a contiguous float32 matrix whose values are not validated yet."""
    return _as_float32(_real_matrix(vectors, dim))


def _real_matrix(vectors: npt.ArrayLike, dim: int | None) -> npt.NDArray[Any]:
    """Return a matrix of real numbers of the expected width."""
    given = as_array("a matrix of real numbers", vectors)
    if given.ndim != 2 or given.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"expected a matrix of real numbers, got {given.dtype} of shape {given.shape}"
        )
    width = given.shape[1]
    if width != dim or not MIN_DIM <= width <= MAX_DIM:
        _check_width(width, dim)
    return given


def _check_squares(squares: F32) -> None:
    """Refuse rows by their squared lengths."""
    if not _within(squares, _LEAST):
        _refuse_rows(~np.isfinite(squares), NonFiniteVectorError, "finite values")
        _refuse_rows(squares == 0, ZeroVectorError, "a length above zero")


def _within(squares: F32, least: float) -> bool:
    """Tell whether all squared lengths are finite and at least so much; NaN fails both."""
    if len(squares) == 1:  # one query a call is the common case, and this is several times faster
        return least <= squares.item() < math.inf
    return not len(squares) or bool(squares.min() >= least and squares.max() < np.inf)


def _check_width(width: int, dim: int | None) -> None:
    if dim is not None and width != dim:
        raise DimensionError(f"expected vectors of {dim} dimensions, got {width}")
    check_dim(width)


def _as_float32(given: npt.NDArray[Any]) -> F32:
    flags = given.flags
    if given.dtype == _FLOAT32 and flags.c_contiguous and flags.aligned:
        # Types of files may name the machine's own byte order, which NumPy takes for equal.
        return given if given.dtype.byteorder == "=" else given.view(_FLOAT32)
    with np.errstate(over="ignore"):  # infinity is refused with a better message
        return np.require(given, np.float32, ["C", "A"])


def _refuse_rows(bad: npt.NDArray[np.bool_], error: type[InvalidInputError], want: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        what = "a zero vector" if error is ZeroVectorError else "NaN, infinity or overflow"
        raise error(f"expected {want}, got {what} in row {first} ({int(bad.sum())} such rows)")
