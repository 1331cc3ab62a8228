"""Vectors in files of other programs: read in, and an index written for usearch.

- ``opening``: :func:`open_vectors`, which finds out what a file is. Start here.
- ``vector_file``: what every file of vectors offers.
- ``npy``, ``vecs`` (``.fvecs``, ``.bvecs``, ``.ivecs``), ``hdf5`` (of ann-benchmarks, over
  ``hdf5_layout``): matrices.
- ``usearch_index``, ``hnswlib_index``: rows and keys of saved graphs.
- ``usearch_writing``: an index as a file that usearch serves, in any of its languages.

Files are not trusted: sizes are checked before memory is taken, and nothing is unpickled. Rows stay
on disk where the layout allows.
"""

from __future__ import annotations

from tv5core.vector_files.opening import FORMATS, open_vectors
from tv5core.vector_files.usearch_writing import UsearchReport, write_usearch
from tv5core.vector_files.vector_file import VectorFile

__all__ = ["FORMATS", "UsearchReport", "VectorFile", "open_vectors", "write_usearch"]
