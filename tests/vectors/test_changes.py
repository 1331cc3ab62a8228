"""Adding, replacing, removing and sealing rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vectors.conftest import F32, brute_force
from tv5core import errors
from tv5core.vectors import VectorIndex, recall_at_k


def test_added_rows_are_found_and_replaced(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:500])
    index.add(queries[:3], [900, 901, 0])
    assert index.search(queries[:3], 1).keys.ravel().tolist() == [900, 901, 0]
    assert len(index) == 502
    index.add(queries[3:4], [900])
    assert index.search(queries[3], 1).keys[0] == 900
    assert index.search(queries[0], 1).keys[0] != 900
    assert (len(index), index.live_count, index.removed_count) == (502, 4, 2)


def test_removed_rows_are_not_found(vectors: F32) -> None:
    index = VectorIndex.build(vectors[:500])
    index.add(vectors[500:600], np.arange(500, 600))
    index.remove([5, 550])
    for gone in (5, 550):
        assert gone not in index
        assert gone not in index.search(vectors[gone], 20).keys
    with pytest.raises(errors.UnknownIdError, match="5"):
        index.remove([6, 5])
    assert 6 in index, "nothing is removed when one key is unknown"
    assert sorted(index.keys().tolist()) == sorted(set(range(600)) - {5, 550})


def test_seal_keeps_live_rows_only(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:2500])
    index.add(vectors[2500:3000], np.arange(2500, 3000))
    index.remove(np.arange(0, 1000))
    before = index.search(queries, 10, exact=True)
    index.seal()
    assert (len(index), index.sealed_count, index.live_count, index.removed_count) == (
        2000, 2000, 0, 0,
    )  # fmt: skip
    after = index.search(queries, 10, exact=True)
    assert recall_at_k(after.keys, before.keys) >= 0.99
    index.remove(index.keys())
    index.seal()
    assert len(index) == 0
    assert (index.search(queries[0]).keys == -1).all()


def test_changes_during_a_seal_survive_it(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:1500])

    def meddle(done: int, total: int, stage: str) -> None:
        if stage == "building graph" and done == total:
            index.add(queries[:2], [10, 9000])
            index.remove([11])

    index.seal(meddle)
    assert index.search(queries[:2], 1).keys.ravel().tolist() == [10, 9000]
    assert 11 not in index
    assert 11 not in index.search(vectors[11], 50).keys
    assert len(index) == 1500


def test_a_stopped_seal_changes_nothing(vectors: F32, tmp_path: Path) -> None:
    index = VectorIndex.build(vectors[:500], path=tmp_path / "ix")
    index.add(vectors[500:510], np.arange(500, 510))
    listing = sorted(p.name for p in (tmp_path / "ix").iterdir())

    def stop(done: int, total: int, stage: str) -> None:
        if stage == "writing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.seal(stop)
    assert sorted(p.name for p in (tmp_path / "ix").iterdir()) == listing
    assert (index.live_count, len(index)) == (10, 510)
    index.seal()
    assert index.live_count == 0


def test_empty_index_grows(vectors: F32, queries: F32) -> None:
    index = VectorIndex.empty(96)
    assert (index.search(queries).keys == -1).all()
    for at in range(0, 3000, 500):
        index.add(vectors[at : at + 500], np.arange(at, at + 500))
    assert recall_at_k(index.search(queries).keys, brute_force(vectors[:3000], queries, 10)) > 0.95
