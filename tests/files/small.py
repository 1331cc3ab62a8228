"""A small sealed file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tv5core import files
from tv5core.files import write_sections


def write_small(path: Path) -> files.SealedFile:
    sections: dict[str, Any] = {
        "rows": np.arange(35, dtype=np.float32).reshape(7, 5),
        "keys": np.arange(7, dtype=np.int64),
        "none": np.empty((0, 5), np.uint8),
        "text": np.frombuffer(b"some words", np.uint8),
    }
    return write_sections(path, "TEST", 3, {"dim": 5, "names": ["a", "b"]}, sections)
