"""``.fvecs`` and ``.bvecs``: each row behind its dimension as a little-endian int32."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.files.rows import Rows

__all__ = ["ITEMS", "open_vecs"]

ITEMS = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1")}
_BLOCK = 100_000


def open_vecs(path: Path) -> Rows:
    """Map the rows and check that every one states the same dimension."""
    item, size = ITEMS[path.suffix], path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
    dim = int.from_bytes(head, "little", signed=True)
    if len(head) < 4 or not 0 < dim <= 1 << 20:
        raise ValueError(f"expected a dimension first in {path} ({size} bytes), got {head.hex()}")
    record = np.dtype([("dim", "<i4"), ("row", item, (dim,))])
    if size % record.itemsize:
        raise ValueError(
            f"expected a multiple of {record.itemsize} bytes in {path} of {dim} dimensions, "
            f"got {size}: cut short or not a {path.suffix} file"
        )
    records = np.memmap(path, record, "r")
    for start in range(0, len(records), _BLOCK):
        dims = records["dim"][start : start + _BLOCK]
        if (dims != dim).any():
            at = int(np.argmax(dims != dim))
            raise ValueError(
                f"expected {dim} dimensions in every row of {path}, "
                f"got {dims[at]} in row {start + at}"
            )
    return Rows(str(path), records["row"])
