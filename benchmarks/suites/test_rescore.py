"""The exact look at candidates, by instruction set and how rows are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.suites.same import assert_same
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.stored_rows import StoredRows

F32 = npt.NDArray[np.float32]

K = 10
TOLERANCE = {"int8": 5e-3, "float16": 2e-4, "float32": 1e-6}


@pytest.mark.parametrize("candidates", [40, 100])
@pytest.mark.parametrize("rescoring", TOLERANCE)
def test_rescore(
    benchmark: Any,
    path: Any,
    twin: Any,
    vectors: F32,
    queries: F32,
    rescoring: Any,
    candidates: int,
) -> None:
    """Score candidates, equal to the twin's scores to the bit and near the true ones."""
    # Of no centre: with one, its part of each score would be added outside of the kernel.
    quantizer = Quantizer.create(np.zeros(vectors.shape[1], np.float32))
    stored = StoredRows.encode(vectors, rescoring, quantizer)
    asked = stored.turned(queries)
    draw = np.random.default_rng(0)
    some = draw.permuted(np.tile(np.arange(2_000, dtype=np.uint32), (len(queries), 1)), axis=1)
    given = np.ascontiguousarray(some[:, :candidates])
    benchmark.group = f"rescore: {candidates} candidates, {rescoring}"
    benchmark.extra_info["queries"] = len(queries)
    rows, scores = benchmark(path.rescore, stored.values, stored.factors, asked, given, K)
    assert_same((rows, scores), twin.rescore(stored.values, stored.factors, asked, given, K))
    true = np.einsum("qkd,qd->qk", vectors[rows], queries)
    np.testing.assert_allclose(scores, true, atol=TOLERANCE[rescoring])
