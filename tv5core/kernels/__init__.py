"""The compute kernels: RaBitQ codes, exact products, top-k scans, graph search and link selection.

A backend implements all of them. The best one is chosen when this package is imported: ``avx512``,
``avx2``, ``neon`` or ``portable``, all compiled into one module, or ``numpy``, the reference
implementation, where that module is missing; since it is many times slower, that gives a warning.
The environment variable ``TV5_KERNELS`` names a backend and is strict: where it is not available,
the import fails.

All backends compute the same bits, floats included, so an index built on one machine gives the same
answers to the last digit on any other. ``_numpy`` states the three rules behind that.

The modules, in reading order:

* ``_types``: array types, constants and named tuples that all backends take and return;
* ``_protocols``: what graphs, searchers and linkers of any backend can do, with their parameters;
* ``_numpy``: the reference implementation; its functions document those of this package;
* ``code_layout``: where the parts of a row's code are;
* ``_rescale``: a statistic of a graph's codes that every backend needs in the same bits;
* ``_native``: the compiled backends (``bindings/``, which validates arguments, over ``ext/``,
  which computes; ``ext/README.md`` says where an instruction set goes).

Arrays must be C-contiguous and of exactly the documented dtype: nothing is converted. Native
functions release the GIL, except ``squared_norms``, ``normalize`` and ``gather`` of a single row,
which take less time than releasing it.
"""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

from tv5core.kernels import _numpy
from tv5core.kernels._protocols import Graph, Linker, Searcher
from tv5core.kernels._types import (
    FINER,
    LANES,
    LINK_SLACK,
    NONE,
    POSTING_BLOCK,
    LinkRows,
    PackedLinks,
    PostingBlocks,
    Prepared,
    RowFilter,
    Rows,
    ScoredLists,
    ScoredWords,
    ValueLists,
)

if TYPE_CHECKING:
    from tv5core.kernels._native import Backend

__all__ = [
    "FINER",
    "LANES",
    "LINK_SLACK",
    "NONE",
    "POSTING_BLOCK",
    "Graph",
    "LinkRows",
    "Linker",
    "NativeKernelsMissing",
    "PackedLinks",
    "PostingBlocks",
    "Prepared",
    "RowFilter",
    "Rows",
    "ScoredLists",
    "ScoredWords",
    "Searcher",
    "ValueLists",
    "active",
    "asymmetric",
    "available",
    "backend",
    "count_documents",
    "count_values",
    "decode_postings",
    "dot",
    "encode",
    "find_keys",
    "gather",
    "graph",
    "hamming",
    "invert_values",
    "linker",
    "normalize",
    "prefixes_within_edits",
    "prepare",
    "quantize_i8",
    "quantize_i16",
    "quantize_rows",
    "rescore",
    "rotate",
    "rows_with_keys",
    "scan_bounded",
    "scan_codes",
    "scan_rows",
    "score_postings",
    "squared_norms",
    "take_values",
    "top_scores",
    "within_edits",
]

_NATIVE = "tv5core.kernels._native"


class NativeKernelsMissing(RuntimeWarning):
    """The compiled kernels are missing; NumPy runs in their place, many times slower."""


def _compiled() -> ModuleType | None:
    try:
        return importlib.import_module(_NATIVE)
    except ModuleNotFoundError as error:
        if error.name != _NATIVE:
            raise
        return None


def available() -> tuple[str, ...]:
    """Return the names of the backends that can run here, best first."""
    native = _compiled()
    return (*(() if native is None else native.available()), "numpy")


def backend(name: str) -> Backend | ModuleType:
    """Return one backend, which has the functions of this package.

    Raises
    ------
    ImportError
        The name is unknown, or this processor or build lacks that backend.
    """
    native = _compiled()
    if name == "numpy":
        return _numpy
    if native is None or name not in native.available():
        raise ImportError(f"expected TV5_KERNELS to be one of {available()}, got {name!r}")
    return native.Backend(name)  # type: ignore[no-any-return]


def _select() -> Backend | ModuleType:
    name = os.environ.get("TV5_KERNELS")
    if name:
        return backend(name)
    best = available()[0]
    if best == "numpy":
        warnings.warn(
            "tv5core's compiled kernels are missing, so searches run in NumPy, many times slower: "
            "install a C compiler and reinstall tv5core, or set TV5_KERNELS=numpy to accept it",
            NativeKernelsMissing,
            stacklevel=2,
        )
    return backend(best)


_active = _select()


def active() -> str:
    """Return the name of the backend in use."""
    return str(_active.NAME)


asymmetric = _active.asymmetric
count_documents = _active.count_documents
count_values = _active.count_values
decode_postings = _active.decode_postings
dot = _active.dot
encode = _active.encode
find_keys = _active.find_keys
gather = _active.gather
graph = _active.graph
hamming = _active.hamming
invert_values = _active.invert_values
linker = _active.linker
normalize = _active.normalize
prefixes_within_edits = _active.prefixes_within_edits
prepare = _active.prepare
quantize_i8 = _active.quantize_i8
quantize_i16 = _active.quantize_i16
quantize_rows = _active.quantize_rows
rescore = _active.rescore
rotate = _active.rotate
rows_with_keys = _active.rows_with_keys
scan_bounded = _active.scan_bounded
scan_codes = _active.scan_codes
scan_rows = _active.scan_rows
score_postings = _active.score_postings
squared_norms = _active.squared_norms
take_values = _active.take_values
top_scores = _active.top_scores
within_edits = _active.within_edits
