"""Rows and keys of an index that usearch saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.vector_files.vector_file import U8, VectorFile, mapped, present, reading
from tv5core.vectors.usearch_layout import FREE_KEY, HEAD, ROWS, Saved, parse

__all__ = ["METRICS", "SCALARS", "is_usearch", "read"]

METRICS = {"c": "cosine", "i": "ip", "e": "l2"}
"""What usearch's letters mean."""
SCALARS = {"f64": 10, "f32": 11, "f16": 12, "i8": 23}
"""Kinds of values by usearch's numbers, as far as NumPy has them."""
_TYPES = {10: "<f8", 11: "<f4", 12: "<f2", 23: "|i1"}
_BFLOAT16 = 4


def is_usearch(raw: U8) -> bool:
    """Return whether bytes have the mark of usearch where their first two numbers say."""
    if len(raw) < ROWS.size:
        return False
    rows, width = ROWS.unpack_from(raw.data)
    at = ROWS.size + rows * width
    return at + HEAD.size <= len(raw) and raw[at : at + 7].tobytes() == b"usearch"


def read(path: Path) -> VectorFile:
    """Map the rows; deleted ones are left out.

    Raises
    ------
    CorruptFileError, ImportFormatError
    """
    with reading(path, "an index of usearch"):
        saved = parse(mapped(path))
        keys = saved.keys()
        deleted = keys == FREE_KEY
        metric = METRICS.get(saved.metric, f"usearch's {saved.metric!r}")
        rows = present(_values(saved), deleted)
        return VectorFile(path, "usearch", rows, present(keys, deleted), metric, int(deleted.sum()))


def _values(saved: Saved) -> npt.NDArray[Any]:
    item = np.dtype(_TYPES.get(saved.scalar, "<u2"))
    if saved.scalar not in (_BFLOAT16, *_TYPES):
        raise ValueError(f"values of usearch's kind {saved.scalar}, not {', '.join(SCALARS)}, bf16")
    if saved.rows.shape[1] != saved.dim * item.itemsize:
        raise ValueError(f"{saved.rows.shape[1]} bytes for rows of {saved.dim} dimensions")
    values: npt.NDArray[Any] = saved.rows.view(item)
    if saved.scalar == _BFLOAT16:  # the upper halves of float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values
