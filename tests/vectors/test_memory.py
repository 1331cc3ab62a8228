"""Memory by what it is for."""

from __future__ import annotations

import pytest

from tests.vectors.conftest import F32
from tv5core.kernels import NONE
from tv5core.vectors import VectorIndex


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


def test_memory_adds_up(index: VectorIndex, vectors: F32) -> None:
    parts = index.memory()
    n = len(vectors)
    assert parts["codes"]["total"] == n * (128 // 8 + 8 + 8)  # and where its links are
    graph = index.snapshot.segments[0].graph  # type: ignore[attr-defined]
    links = 2 * int((graph.links[:n] != NONE).sum())
    assert links < n * 24 * 2
    assert links < parts["graph"]["total"] <= links + n * 24 * 4 * 0.1
    residuals = 96 * (index.snapshot.segments[0].rows.kind == "int16")
    assert parts["rescoring"]["total"] == n * (96 + 8 + residuals)
    assert all(part["resident"] <= part["total"] * 1.1 + 1e6 for part in parts.values())
