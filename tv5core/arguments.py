"""Validate arguments: numbers, flags, paths, and anything that may become an array."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import InvalidInputError, Tv5Error

__all__ = [
    "as_array",
    "as_floats",
    "as_int64",
    "as_list",
    "as_texts",
    "check_callable",
    "check_flag",
    "check_int",
    "check_path",
    "check_real",
    "check_text",
    "check_type",
    "shown",
]

_SHOWN_CHARACTERS = 80
_NOT_REAL = "cSUTMm"  # kinds of NumPy's types


def shown(value: object) -> str:
    """Return a value as an error message shows it: short, and whatever its ``repr`` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - also of an integer of too many digits
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def check_int(
    name: str,
    value: object,
    low: int,
    high: int | None = None,
    error: type[InvalidInputError] = InvalidInputError,
) -> int:
    """Return a whole number within bounds, as an int; a bool is none.

    Raises
    ------
    InvalidInputError
        Or the error given.
    """
    if type(value) is int and low <= value and (high is None or value <= high):
        return value  # the common case
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        number = int(value)
        if low <= number and (high is None or number <= high):
            return number
    bounds = f">= {low}" if high is None else f"from {low} to {high}"
    raise error(f"expected {name} to be an integer {bounds}, got {shown(value)}")


def check_real(name: str, value: object, low: float, high: float) -> float:
    """Return a real number within bounds, as a float; a bool is none, and neither is NaN.

    Raises
    ------
    InvalidInputError
    """
    if type(value) is float and low <= value <= high:
        return value  # the common case
    if type(value) is int and low <= value <= high:
        return float(value)
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if real and low <= value <= high:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise InvalidInputError(
        f"expected {name} to be a number from {low} to {high}, got {shown(value)}"
    )


def check_flag(name: str, value: object) -> bool:
    """Return a bool, else raise InvalidInputError: a string is true, whatever it says."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise InvalidInputError(f"expected {name} to be True or False, got {shown(value)}")


def check_type(name: str, value: object, types: type | tuple[type, ...]) -> None:
    """Raise InvalidInputError unless a value has one of some types."""
    if not isinstance(value, types):
        kinds = types if isinstance(types, tuple) else (types,)
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise InvalidInputError(f"expected {name} to be {wanted}, got {shown(value)}")


def check_text(name: str, value: object) -> str:
    """Return text that UTF-8 can encode, else raise InvalidInputError."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    raise InvalidInputError(f"expected {name} to be text, got {shown(value)}")


def check_callable(name: str, value: object, *, optional: bool = True) -> None:
    """Raise InvalidInputError unless a value can be called, or is None where it is optional."""
    if not callable(value) and not (optional and value is None):
        raise InvalidInputError(f"expected {name} to be callable, got {shown(value)}")


def check_path(path: object) -> Path:
    """Return a path that stays the same when the working directory changes.

    Raises
    ------
    InvalidInputError
        Not a path, or one that no file can have.
    """
    if isinstance(path, (str, os.PathLike)):
        try:
            absolute = Path(path).absolute()
            os.fsencode(absolute)
        except (TypeError, ValueError, OSError):  # of bytes; not encodable; no working directory
            pass
        else:
            if path != "" and "\0" not in str(absolute):
                return absolute
    raise InvalidInputError(f"expected a path, got {shown(path)}")


def as_list(name: str, given: object) -> list[Any]:
    """Return anything to iterate over as a list.

    Raises
    ------
    InvalidInputError
        It cannot be iterated over; or it is one text, which would be taken for its letters.
    """
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, bytearray, memoryview)):
        try:
            items = iter(given)
        except TypeError:  # an array without dimensions
            pass
        else:
            return list(items)
    raise InvalidInputError(f"expected {name} to be several, got {shown(given)}")


def as_texts(name: str, given: object) -> list[str]:
    """Return texts as a list.

    Raises
    ------
    InvalidInputError
        As :func:`as_list`, or one of them is no text.
    """
    texts = as_list(name, given)
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInputError(f"expected {name} to be texts, got {shown(text)} among them")
    return [text if type(text) is str else str(text) for text in texts]  # NumPy's become Python's


def as_array(what: str, given: object) -> npt.NDArray[Any]:
    """Return anything array-like as a plain array, without a copy where it is one.

    Raises
    ------
    InvalidInputError
        NumPy can make no array of it, as of rows of different lengths; or values are masked, which
        a plain array would show again.
    """
    if type(given) is np.ndarray:  # the common case
        return given
    _check_unmasked(what, given)
    try:
        return np.asarray(given)
    except (Tv5Error, MemoryError):
        raise
    except Exception as error:
        raise InvalidInputError(f"expected {what}, got {shown(given)}: {error}") from error


def as_floats(what: str, given: object) -> npt.NDArray[np.float32]:
    """Return anything array-like that holds real numbers as float32.

    Raises
    ------
    InvalidInputError
        As :func:`as_array`; or text, which NumPy would parse, complex numbers, of which it would
        keep a half, dates, or objects that are no numbers.
    """
    array = as_array(what, given)
    if array.dtype.kind in _NOT_REAL:
        raise InvalidInputError(f"expected {what}, got {array.dtype}")
    try:
        with np.errstate(over="ignore"):  # the caller refuses infinity
            return array.astype(np.float32, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"expected {what}, got {error}") from error


def as_int64(integers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return integers as int64; none of an empty array, whose type may be any, as of ``[]``."""
    return integers.astype(np.int64) if integers.size else np.empty(integers.shape, np.int64)


def _check_unmasked(what: str, given: object) -> None:
    masked = sys.modules.get("numpy.ma")  # where it is not imported, nothing is masked
    if masked is None:
        return
    for part in given if isinstance(given, (list, tuple)) else (given,):
        if isinstance(part, masked.MaskedArray) and masked.is_masked(part):
            raise InvalidInputError(
                f"expected {what} without masked values, got {int(part.mask.sum())}: "
                "fill them or leave them out"
            )
