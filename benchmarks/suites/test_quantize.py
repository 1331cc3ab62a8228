"""From vectors to what is stored: code records, and rows for rescoring."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tv5core.vectors import Quantizer
from tv5core.vectors.stored_rows import StoredRows

F32 = npt.NDArray[np.float32]

LARGEST_ERROR = {"int8": 0.015, "float16": 1 / 2_048, "float32": 0.0}  # of a row's length


def test_records(benchmark: Any, vectors: F32, queries: F32) -> None:
    """Turn vectors into code records; estimates from them are unbiased."""
    some, quantizer = vectors[:2_000], Quantizer.create(vectors.mean(axis=0))
    benchmark.group = "quantize: records"
    benchmark.extra_info["rows"] = len(some)
    records = benchmark(quantizer.encode, some)
    errors = estimates(quantizer, records, queries[:20]) - queries[:20] @ some.T
    assert abs(errors.mean()) < 0.005
    assert errors.std() < 0.06


def estimates(quantizer: Quantizer, records: npt.NDArray[np.uint8], queries: F32) -> F32:
    """Estimate inner products by the formula of the quantizer's module, in NumPy alone."""
    bits = quantizer.bits
    signs = np.unpackbits(records[:, : bits // 8], axis=1, bitorder="little")
    add, rescale = np.ascontiguousarray(records[:, bits // 8 :]).view(np.float32).T
    ready = quantizer.prepare(queries)
    rotated: F32 = ready.values * ready.scale[:, None]
    estimated: F32 = rotated @ (2 * signs.astype(np.float32) - 1).T
    estimated *= rescale
    estimated += ready.base[:, None] + add
    return estimated


@pytest.mark.parametrize("rescoring", LARGEST_ERROR)
def test_stored_rows(benchmark: Any, vectors: F32, rescoring: Any) -> None:
    """Turn vectors into stored rows; what is restored is as near as the type allows."""
    some = vectors[:2_000]
    benchmark.group = "quantize: stored rows"
    benchmark.extra_info["rows"] = len(some)
    quantizer = Quantizer.create(vectors.mean(axis=0))
    stored = benchmark(StoredRows.encode, some, rescoring, quantizer)
    errors = np.linalg.norm(stored.decode(slice(None)) - some, axis=1)
    assert (errors <= LARGEST_ERROR[rescoring] * np.linalg.norm(some, axis=1)).all()


def test_query(benchmark: Any, vectors: F32, queries: F32) -> None:
    """Rotate and quantize one query; rotation keeps its length."""
    quantizer = Quantizer.create(vectors.mean(axis=0))
    benchmark.group = "quantize: one query"
    ready = benchmark(quantizer.prepare, queries[:1])
    length = np.linalg.norm(ready.values[0] * ready.scale[0])
    assert length == pytest.approx(np.linalg.norm(queries[0] - quantizer.center), rel=0.01)
