"""NumPy's own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.files.rows import Rows

__all__ = ["open_npy"]


def open_npy(path: Path) -> Rows:
    """Map float16 or float32 rows."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an array of floats in {path}, got: {error}") from error
    if not isinstance(values, np.ndarray) or values.dtype not in (np.float16, np.float32):
        raise ValueError(f"expected float16 or float32 in {path}, got {values.dtype}")
    return Rows(str(path), values)
