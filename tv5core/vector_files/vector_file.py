"""What every file of vectors offers."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError, ImportFormatError

__all__ = ["VectorFile", "mapped", "present", "reading"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_MOST_DIM = 1 << 20
_WRONG = (*(ValueError, TypeError, KeyError, IndexError), OverflowError, EOFError, struct.error)


@dataclass(frozen=True)
class VectorFile:
    """Vectors in a file.

    Attributes
    ----------
    path : Path
    format : str
        One of :data:`FORMATS`.
    vectors : ndarray [n, dim]
        Numbers of the file's own type; a view of the file where its layout allows.
    keys : uint64[n] or None
        Where the file names its rows.
    metric : str
        ``cosine``, ``ip``, ``l2`` or another that the file states; empty where it states none.
    left_out : int
        Rows of the file that are marked as deleted.
    """

    path: Path
    format: str
    vectors: npt.NDArray[Any]
    keys: npt.NDArray[np.uint64] | None = None
    metric: str = ""
    left_out: int = 0

    def __post_init__(self) -> None:
        shape, dtype = self.vectors.shape, self.vectors.dtype
        if len(shape) != 2 or not 0 < shape[1] <= _MOST_DIM or dtype.kind not in "fiu":
            raise CorruptFileError(
                f"{self.path}: expected rows of numbers, got {dtype} of shape {shape}"
            )

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.vectors.shape[1])


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Raise errors of tv5core where a file is not what it is taken for.

    Raises
    ------
    CorruptFileError
        Its content is wrong.
    ImportFormatError
        It cannot be read at all.
    """
    try:
        yield
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise ImportFormatError(f"{path}: expected {what} to read, got {reason}") from error
    except _WRONG as error:
        raise CorruptFileError(f"{path}: expected {what}, got {error}") from error


def mapped(path: Path) -> U8:
    """Map a file's bytes; an empty file has none."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return np.empty(0, np.uint8)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def present(rows: npt.NDArray[Any], deleted: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Leave deleted rows out; without any, rows stay where they are."""
    return rows[~deleted] if deleted.any() else rows
