"""NumPy's own format. Arrays of objects, which only unpickling could read, are refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from tokenize import TokenError

import numpy as np

from tv5core.vector_files.vector_file import VectorFile, reading

__all__ = ["MAGIC", "read"]

MAGIC = b"\x93NUMPY"


def read(path: Path) -> VectorFile:
    """Map an array of numbers.

    Raises
    ------
    CorruptFileError, ImportFormatError
    """
    with reading(path, "an array of numbers"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of heads that Python 2 wrote
        try:
            array = np.lib.format.open_memmap(path, mode="r")
        except (SyntaxError, RecursionError, MemoryError, TokenError) as error:  # no literal
            raise ValueError(error) from error
        return VectorFile(path, "npy", array)
