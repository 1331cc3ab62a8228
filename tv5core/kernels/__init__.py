"""The compute kernels, chosen once when this package is imported.

The best native path that the processor has is taken: ``avx512``, ``avx2``, ``neon`` or
``portable``. Without the compiled module the NumPy twin takes over, with a warning, since it is
many times slower. ``TV5_KERNELS`` names a path and is strict: what is not available is an
ImportError.

All paths compute the same bits, floats included, so an index built on one machine and walked on
another gives the same answers to the last digit. That rests on three rules, stated where the
twin is (:mod:`tv5core.kernels._numpy`): float sums have a fixed order in 32 lanes, products are
rounded before they are added (no fused multiply-add), and ties are broken by row.

Arrays must be contiguous and of exactly the stated dtype: nothing is converted here. Native
functions release the GIL, but for ``squared_norms``, ``normalize`` and ``gather`` of a single row, which take
less time than that.
"""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

from tv5core.kernels import _numpy
from tv5core.kernels._shared import LANES, NONE, Graph, Linker, LinkRows, Prepared, Rows, Searcher

if TYPE_CHECKING:
    from tv5core._native import Backend

__all__ = [
    "LANES",
    "NONE",
    "Graph",
    "LinkRows",
    "Linker",
    "NativeKernelsMissing",
    "Prepared",
    "Rows",
    "Searcher",
    "active",
    "asymmetric",
    "available",
    "backend",
    "dot",
    "encode",
    "gather",
    "graph",
    "hamming",
    "linker",
    "normalize",
    "prepare",
    "quantize_i8",
    "quantize_i16",
    "rescore",
    "rotate",
    "scan_codes",
    "scan_rows",
    "squared_norms",
]


class NativeKernelsMissing(RuntimeWarning):
    """The compiled kernels are not there; NumPy does their work, many times slower."""


def _native() -> ModuleType | None:
    try:
        return importlib.import_module("tv5core._native")
    except ModuleNotFoundError as error:
        if error.name != "tv5core._native":
            raise
        return None


def available() -> tuple[str, ...]:
    """Return the names of the paths that can run here, best first."""
    native = _native()
    return (*(() if native is None else native.available()), "numpy")


def backend(name: str) -> Backend | ModuleType:
    """Return the kernels of one path.

    Raises
    ------
    ImportError
        The path is unknown, or this processor or build does not have it.
    """
    native = _native()
    if name == "numpy":
        return _numpy
    if native is None or name not in native.available():
        raise ImportError(f"expected TV5_KERNELS to be one of {available()}, got {name!r}")
    return native.Backend(name)  # type: ignore[no-any-return]


def _select() -> Backend | ModuleType:
    wanted = os.environ.get("TV5_KERNELS")
    if wanted:
        return backend(wanted)
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
    """Return the name of the path in use."""
    return str(_active.NAME)


asymmetric = _active.asymmetric
dot = _active.dot
encode = _active.encode
gather = _active.gather
graph = _active.graph
hamming = _active.hamming
linker = _active.linker
normalize = _active.normalize
prepare = _active.prepare
quantize_i8 = _active.quantize_i8
quantize_i16 = _active.quantize_i16
rescore = _active.rescore
rotate = _active.rotate
scan_codes = _active.scan_codes
scan_rows = _active.scan_rows
squared_norms = _active.squared_norms
