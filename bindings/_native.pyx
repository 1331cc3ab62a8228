# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bindings of the native kernels: validate, allocate, release the GIL, call.

Methods of ``Backend`` have the names, arguments and results of the functions in
``tv5core/kernels/_numpy``. Arrays are taken through the buffer protocol, which is part of the
stable ABI, so the module needs no NumPy headers and one build serves all versions of Python.
"""
# The files included below are one module. As modules of their own they would be shared objects of
# their own, each with a copy of the C kernels or a library to link with, and would call each
# other's C functions through pointers that are looked up on import; included, their small
# functions are inlined and the wheel has one shared object. In reading order:
#   checks     validation of sizes, ranges and row numbers
#   buffers    arrays that native code reads: buffers, stored rows, prepared queries, rotations
#   selection  memory and results of top-k selection
#   postings   posting lists, checked, and memory of scoring
#   values     values of documents: counted, or arranged anew
#   members    which rows have one of some keys
#   scans      scans and rescoring
#   backend    the functions of one instruction set
#   links      the linker
#   memory     scratch memory of walks
#   batches    queries sorted so that near ones are searched one after another
#   graph      the graph, and walks over it
#   searcher   the graph with rotation and stored rows: prepare, walk and rescore in one call
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.math cimport INFINITY, sqrtf
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memset
from tv5 cimport *

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "gil.h" nogil:
    void gil_released()
    void gil_acquired()
    void gil_spin()

import numpy as np

from tv5core.kernels._rescale import mean_rescale
from tv5core.kernels._types import Prepared

_EMPTY, _ZEROS = np.empty, np.zeros
_F32, _I32, _U32, _U8 = (np.dtype(t) for t in ("float32", "int32", "uint32", "uint8"))
_U64 = np.dtype("uint64")
_I8, _I16, _I64 = np.dtype("int8"), np.dtype("int16"), np.dtype("int64")


def available():
    """Return the names of the backends that this processor can run, best first."""
    names = []
    cdef const char *name = tv5_available(0)
    while name is not NULL:
        names.append(name.decode())
        name = tv5_available(len(names))
    return tuple(names)


include "checks.pxi"
include "buffers.pxi"
include "selection.pxi"
include "postings.pxi"
include "values.pxi"
include "members.pxi"
include "scans.pxi"
include "backend.pxi"
include "links.pxi"
include "memory.pxi"
include "batches.pxi"
include "graph.pxi"
include "searcher.pxi"
