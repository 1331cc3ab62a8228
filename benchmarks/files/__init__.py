"""Files of vectors behind one small interface: so many rows, so wide, take these.

``rows`` is the interface; ``npy``, ``vecs`` (``.fvecs``, ``.bvecs``) and ``hdf5`` read one format
each.

Opening a file checks its form. Nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.files import hdf5, npy, vecs
from benchmarks.files.rows import Rows

__all__ = ["Rows", "open_rows"]


def open_rows(path: Path, part: str = "train") -> Rows:
    """Open a file of vectors by its suffix; ``part`` is for HDF5.

    Raises
    ------
    ValueError
        It is missing, of an unknown kind, or malformed.
    """
    if not path.is_file():
        raise ValueError(f"expected a file of vectors, got {path}")
    if hdf5.is_hdf5(path):
        return hdf5.open_hdf5(path, part)
    if path.suffix == ".npy":
        return npy.open_npy(path)
    if path.suffix in vecs.ITEMS:
        return vecs.open_vecs(path)
    raise ValueError(f"expected a file .npy, .fvecs, .bvecs, .hdf5 or .h5, got {path}")
