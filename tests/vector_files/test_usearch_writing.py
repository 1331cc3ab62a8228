"""What is written for usearch is loaded by usearch, and it finds what we find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from usearch.index import Index

from tests.vectors.conftest import F32, brute_force, clustered
from tv5core import VectorIndex, errors, recall_at_k
from tv5core.vector_files import open_vectors, write_usearch


@pytest.fixture(scope="module")
def rows() -> F32:
    return clustered(4_000, 64)


@pytest.fixture(scope="module")
def index(rows: F32) -> VectorIndex:
    return VectorIndex.build(rows, np.arange(len(rows)) * 2 + 9)


def loaded(path: Path) -> Any:
    found = Index.restore(str(path))
    assert found is not None
    return found


@pytest.mark.parametrize("dtype", ["f16", "f32", "i8"])
@pytest.mark.parametrize("mapped", [False, True])
def test_usearch_finds_the_nearest(
    dtype: str, mapped: bool, index: VectorIndex, rows: F32, tmp_path: Path
) -> None:
    done = write_usearch(index, tmp_path / "x", dtype=dtype)
    assert (done.rows, done.left_out) == (4_000, 0)
    assert done.bytes == (tmp_path / "x").stat().st_size
    theirs: Any = Index.restore(str(tmp_path / "x"), view=mapped)
    assert len(theirs) == 4_000
    theirs.expansion_search = 200
    queries = clustered(50, 64, seed=3)
    found = theirs.search(queries, 10).keys.astype(np.int64)
    true = brute_force(rows, queries, 10) * 2 + 9
    assert recall_at_k(found, true.astype(np.int64)) >= 0.95
    assert int(theirs.search(rows[100], 1).keys[0]) == 209


def test_inner_products_stay_inner_products(rows: F32, tmp_path: Path) -> None:
    scaled = rows * np.linspace(0.5, 2, len(rows))[:, None].astype(np.float32)
    with VectorIndex.build(scaled, metric="ip") as index:
        write_usearch(index, tmp_path / "x", dtype="f32")
        with pytest.raises(errors.InvalidInputError, match="i8 of cosine"):
            write_usearch(index, tmp_path / "x", dtype="i8")
    theirs = loaded(tmp_path / "x")
    assert "IP" in str(theirs).upper()
    theirs.expansion_search = 400
    queries = clustered(30, 64, seed=4)
    true = brute_force(scaled, queries, 10, "ip")
    found = theirs.search(queries, 10).keys.astype(np.int64)
    assert recall_at_k(found, true.astype(np.int64)) >= 0.9


def test_removed_rows_are_not_found(rows: F32, tmp_path: Path) -> None:
    with VectorIndex.build(rows[:500]) as index:
        index.remove(np.arange(0, 500, 2))
        done = write_usearch(index, tmp_path / "x")
    assert (done.rows, done.left_out) == (250, 250)
    theirs = loaded(tmp_path / "x")
    assert len(theirs) == 250
    found = theirs.search(rows[:500], 5).keys
    assert not (found % 2 == 0).any()
    back = open_vectors(tmp_path / "x")
    assert back.left_out == 250
    assert back.keys is not None
    assert sorted(back.keys.tolist()) == list(range(1, 500, 2))


@pytest.mark.parametrize("count", [1, 2, 15, 40])
def test_few_rows(count: int, rows: F32, tmp_path: Path) -> None:
    with VectorIndex.build(rows[:count], connectivity=2) as index:
        write_usearch(index, tmp_path / "x")
    theirs = loaded(tmp_path / "x")
    found = theirs.search(rows[0], count).keys.tolist()
    assert found[0] == 0
    assert len(set(found)) == len(found)


def test_usearch_adds_to_it(index: VectorIndex, tmp_path: Path) -> None:
    write_usearch(index, tmp_path / "x")
    theirs = loaded(tmp_path / "x")
    new = clustered(100, 64, seed=7)
    theirs.add(np.arange(100, dtype=np.uint64) + 10**6, new)
    assert len(theirs) == 4_100
    assert int(theirs.search(new[5], 1).keys[0]) == 10**6 + 5
    theirs.remove(209)
    assert len(theirs) == 4_099


def test_better_vectors_are_taken_where_they_are_given(
    index: VectorIndex, rows: F32, tmp_path: Path
) -> None:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def vectors(keys: Any) -> F32:
        assert (np.diff(keys) > 0).all()
        given = unit[(keys - 9) // 2].copy()
        given[keys == 9] = 0
        return given

    write_usearch(index, tmp_path / "x", dtype="f32", vectors=vectors)
    back = open_vectors(tmp_path / "x")
    assert back.keys is not None
    got = np.asarray(back.vectors)[np.argsort(back.keys)]
    np.testing.assert_allclose(got[1:], unit[1:], atol=1e-6)
    assert 0 < np.abs(got[0] - unit[0]).max() < 0.02


def test_written_whole_or_not_at_all(index: VectorIndex, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"before")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_usearch(index, path, progress=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"before"


def test_what_cannot_be_written(rows: F32, tmp_path: Path) -> None:
    with VectorIndex.build(rows[:50]) as index:
        with pytest.raises(errors.CatalogError, match="expected to write there"):
            write_usearch(index, tmp_path / "none" / "x")
        index.add(rows[:1], [99])
        with pytest.raises(errors.InvalidInputError, match="got 1 to seal of 51"):
            write_usearch(index, tmp_path / "x")
    with pytest.raises(errors.InvalidInputError, match="got 0 to seal of 0"):
        write_usearch(VectorIndex.empty(16), tmp_path / "x")


@pytest.mark.parametrize(
    "call",
    [
        lambda index: write_usearch(index, 5),
        lambda index: write_usearch(index, "x", dtype="f8"),
        lambda index: write_usearch(index, "x", vectors=5),
        lambda index: write_usearch("index", "x"),
    ],
)
def test_bad_arguments_are_refused(
    call: Callable[[Any], object], index: VectorIndex, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InvalidInputError, match="expected"):
        call(index)
    assert not list(tmp_path.iterdir())
