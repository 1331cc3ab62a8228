"""open_vectors: what a file of vectors is, by its bytes and its name."""

from __future__ import annotations

import os
from pathlib import Path

from tv5core.arguments import check_path, check_text, shown
from tv5core.errors import ImportFormatError, InvalidInputError
from tv5core.vector_files import hdf5, hnswlib_index, npy, usearch_index, vecs
from tv5core.vector_files.vector_file import VectorFile, mapped, reading

__all__ = ["FORMATS", "open_vectors"]

FORMATS = ("npy", "fvecs", "bvecs", "ivecs", "hdf5", "usearch", "hnswlib")
"""What is read."""


def open_vectors(
    path: str | os.PathLike[str], *, format: str | None = None, part: str = "train"
) -> VectorFile:
    """Open a file of vectors.

    Parameters
    ----------
    path : path-like
        A file of NumPy (``.npy``), ``.fvecs``, ``.bvecs``, ``.ivecs``, HDF5 with the layout of
        ann-benchmarks, or an index that usearch or hnswlib saved.
    format : str, optional
        One of :data:`FORMATS`; by default the file's first bytes say it, or its suffix.
    part : str
        Which dataset of HDF5: ``train``, ``test`` or another.

    Returns
    -------
    VectorFile
        Its rows are mapped where the layout allows; :meth:`VectorIndex.build` reads them in blocks.

    Raises
    ------
    ImportFormatError
        There is no such file, or it is of none of these formats.
    CorruptFileError
        It is cut short, or says of itself what cannot be.
    InvalidInputError
        An argument is wrong.
    """
    where, part = check_path(path), check_text("part", part)
    if format is not None and (not isinstance(format, str) or format not in FORMATS):
        raise InvalidInputError(f"expected a format of {', '.join(FORMATS)}, got {shown(format)}")
    name = _format_of(where) if format is None else format
    if name in vecs.ITEMS:
        return vecs.read(where, name)
    if name == "hdf5":
        return hdf5.read(where, part)
    return {"npy": npy.read, "usearch": usearch_index.read, "hnswlib": hnswlib_index.read}[name](
        where
    )


def _format_of(path: Path) -> str:
    with reading(path, "a file of vectors"):
        raw = mapped(path)
    suffix = path.suffix.lower().removeprefix(".")
    start = raw[:8].tobytes()
    if start.startswith(npy.MAGIC) or suffix == "npy":
        return "npy"
    if start == hdf5.MAGIC or suffix in ("h5", "hdf5"):
        return "hdf5"
    if suffix in FORMATS:
        return suffix
    if usearch_index.is_usearch(raw):
        return "usearch"
    if hnswlib_index.is_hnswlib(raw):
        return "hnswlib"
    raise ImportFormatError(
        f"{path}: expected a file of vectors ({', '.join(FORMATS)}), got another; format= says "
        "which it is"
    )
