"""Filters: keys, masks, bitmaps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core.vectors import VectorIndex, recall_at_k


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9])
def test_allow_returns_k_allowed_rows_at_any_selectivity(
    share: float, index: VectorIndex, vectors: F32, queries: F32
) -> None:
    mask = np.random.default_rng(5).random(len(vectors)) < share
    keys = np.flatnonzero(mask)
    index.calibrate(queries, 0.95)
    truth = index.search(queries, 10, allow=keys, exact=True).keys
    for allow in (mask, keys, index.filter(mask)):
        found = index.search(queries, 10, allow=allow).keys
        assert mask[found[found >= 0]].all()
        assert ((found >= 0).sum(axis=1) == min(10, len(keys))).all()
        assert recall_at_k(found, truth) >= 0.9


def test_allow_with_unknown_keys_and_short_masks(index: VectorIndex, queries: F32) -> None:
    found = index.search(queries[0], 5, allow=[3, 10**12, -4])
    assert found.keys.tolist() == [3, -1, -1, -1, -1]
    found = index.search(queries[0], 5, allow=np.ones(4, bool))
    assert set(found.keys.tolist()) == {0, 1, 2, 3, -1}
    assert (index.search(queries[0], 5, allow=[]).keys == -1).all()
