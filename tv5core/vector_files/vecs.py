"""``.fvecs``, ``.bvecs`` and ``.ivecs``: each row behind its dimension as a little-endian int32."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tv5core.vector_files.vector_file import VectorFile, mapped, reading

__all__ = ["ITEMS", "read"]

ITEMS = {"fvecs": np.dtype("<f4"), "bvecs": np.dtype("u1"), "ivecs": np.dtype("<i4")}
"""Type of the numbers by suffix. Such an ``.ivecs`` file often holds true neighbours."""
_BLOCK_ROWS = 100_000
_MOST_DIM = 1 << 20


def read(path: Path, name: str) -> VectorFile:
    """Map the rows and check that every one states the same dimension.

    Raises
    ------
    CorruptFileError, ImportFormatError
    """
    with reading(path, f"rows of .{name}"):
        raw = mapped(path)
        dim = int.from_bytes(raw[:4].tobytes(), "little", signed=True)
        if len(raw) < 4 or not 0 < dim <= _MOST_DIM:
            raise ValueError(f"{len(raw)} bytes that begin with a dimension of {dim}")
        record = np.dtype([("dim", "<i4"), ("row", ITEMS[name], (dim,))])
        if len(raw) % record.itemsize:
            raise ValueError(
                f"{len(raw)} bytes, no multiple of the {record.itemsize} of {dim} dimensions: cut "
                "short, or another kind of file"
            )
        records = raw.view(record)
        for at in range(0, len(records), _BLOCK_ROWS):
            others = np.flatnonzero(records["dim"][at : at + _BLOCK_ROWS] != dim)
            if len(others):
                row = at + int(others[0])
                raise ValueError(f"{records['dim'][row]} dimensions in row {row}, not {dim}")
        return VectorFile(path, name, records["row"])
