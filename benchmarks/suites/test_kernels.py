"""Each kernel by instruction set and dimension, its result equal to the NumPy twin's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.suites.same import assert_same
from tv5core import kernels
from tv5core.vectors import Quantizer

DIMENSIONS = (384, 768, 1024)
ROWS, FULL_ROWS = 2_000, 100_000
K = 40

Array = npt.NDArray[Any]


class Inputs(NamedTuple):
    """What kernels work on, for one dimension."""

    vectors: Array
    quantizer: Quantizer
    rotated: Array
    records: Array
    codes: Array
    int8: tuple[Array, Array]
    half: Array
    prepared: kernels.Prepared
    query16: Array


@cache
def inputs_of(dim: int, rows: int) -> Inputs:
    """Draw vectors and derive from them what later kernels take."""
    vectors = np.random.default_rng(dim).standard_normal((rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quantizer = Quantizer.create(vectors.mean(axis=0))
    rotated = kernels.rotate(vectors, quantizer.center, quantizer.signs)
    return Inputs(
        vectors,
        quantizer,
        rotated,
        quantizer.encode(vectors),
        kernels.encode(rotated)[0],
        kernels.quantize_i8(vectors),
        vectors.astype(np.float16),
        quantizer.prepare(vectors[:1]),
        kernels.quantize_i16(vectors[:1])[0][0],
    )


OPERATIONS: dict[str, Callable[[Any, Inputs], Any]] = {
    "hamming": lambda path, given: path.hamming(given.codes, given.codes[0]),
    "asymmetric": lambda path, given: path.asymmetric(given.prepared.values[0], given.codes),
    "rotate": lambda path, given: path.rotate(
        given.vectors, given.quantizer.center, given.quantizer.signs
    ),
    "encode": lambda path, given: path.encode(given.rotated),
    "quantize int8": lambda path, given: path.quantize_i8(given.vectors),
    "prepare one": lambda path, given: path.prepare(
        given.vectors[:1], given.quantizer.center, given.quantizer.signs
    ),
    "scan codes": lambda path, given: path.scan_codes(given.records, given.prepared, K),
    "scan rows int8": lambda path, given: path.scan_rows(*given.int8, given.vectors[:1], K),
    "dot int8": lambda path, given: path.dot(given.int8[0], given.query16),
    "dot float16": lambda path, given: path.dot(given.half, given.vectors[0]),
    "dot float32": lambda path, given: path.dot(given.vectors, given.vectors[0]),
}


@cache
def wanted(operation: str, dim: int, rows: int) -> Any:
    """Return what the twin computes."""
    return OPERATIONS[operation](kernels.backend("numpy"), inputs_of(dim, rows))


@pytest.mark.parametrize("dim", DIMENSIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_kernel(benchmark: Any, path: Any, operation: str, dim: int, full: bool) -> None:
    """Time one kernel over all rows."""
    rows = FULL_ROWS if full else ROWS
    given = inputs_of(dim, rows)
    benchmark.group = f"kernel: {operation}, {dim} dimensions"
    benchmark.extra_info["rows"] = 1 if operation == "prepare one" else rows
    assert_same(benchmark(OPERATIONS[operation], path, given), wanted(operation, dim, rows))
