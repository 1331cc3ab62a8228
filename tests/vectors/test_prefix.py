"""Vectors of which only the first dimensions are kept, and the types that vectors come in."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.vectors.conftest import F32, brute_force
from tv5core import errors, recall_at_k
from tv5core.vectors import VectorIndex
from tv5core.vectors.folder import Manifest


def test_the_first_dimensions_are_searched_as_if_they_were_all(vectors: F32, queries: F32) -> None:
    with (
        VectorIndex.build(vectors, dim=32) as cut,
        VectorIndex.build(np.ascontiguousarray(vectors[:, :32])) as whole,
    ):
        assert (cut.dim, cut.given_dim, whole.given_dim) == (32, 96, 32)
        want = whole.search(queries[:, :32], 10)
        for given in (queries, queries[:, :32]):
            found = cut.search(given, 10)
            np.testing.assert_array_equal(found.keys, want.keys)
            np.testing.assert_array_equal(found.scores, want.scores)
        assert cut.search(queries[0], 3).keys.tolist() == want.keys[0, :3].tolist()
        own = cut.search(vectors[5], 1)
        assert own.scores[0] == pytest.approx(1, abs=0.01), "scaled to unit length again"


def test_it_is_kept_with_the_index(vectors: F32, queries: F32, tmp_path: Path) -> None:
    with VectorIndex.build(vectors[:500], path=tmp_path, dim=32) as index:
        index.add(vectors[500:510], np.arange(500, 510))
        index.add(vectors[510:520, :32], np.arange(510, 520))
        index.calibrate(queries, 0.9)
        index.seal()
    with VectorIndex.open(tmp_path) as index:
        assert (index.dim, index.given_dim, len(index)) == (32, 96, 520)
        assert index.search(vectors[515], 1).keys.tolist() == [515]
        assert index.recall(queries) > 0.8


def test_inner_products_are_of_the_first_dimensions(vectors: F32, queries: F32) -> None:
    with VectorIndex.build(vectors, dim=48, metric="ip", rescoring="float32") as index:
        found = index.search(queries, 10, exact=True)
    true = brute_force(vectors[:, :48], queries[:, :48], 10, "ip")
    assert recall_at_k(found.keys, true.astype(np.int64)) > 0.99


def test_a_vector_may_be_wider_than_any_index(vectors: F32, tmp_path: Path) -> None:
    wide = np.tile(vectors[:20], 50)  # 4,800 dimensions
    with VectorIndex.build(wide, path=tmp_path, dim=96) as index:
        assert index.search(wide[3], 1).keys.tolist() == [3]
    assert VectorIndex.open(tmp_path).given_dim == 4_800


def test_an_index_shows_what_it_is(vectors: F32) -> None:
    index = VectorIndex.build(vectors[:1_200], dim=32, rescoring="float16")
    index.add(vectors[1_200:1_203], [5_000, 5_001, 5_002])
    assert repr(index) == (
        "<VectorIndex: 1,203 vectors of 32 of 96 dimensions, cosine, rows float16, 3 not sealed>"
    )
    index.close()
    assert repr(index) == "<VectorIndex, closed>"


@pytest.mark.parametrize("dim", [97, 7, 0, -1, 1.5, "32", True])
def test_other_widths_are_refused(dim: object, vectors: F32) -> None:
    with pytest.raises(errors.DimensionError, match="expected dim"):
        VectorIndex.build(vectors[:20], dim=dim)  # type: ignore[arg-type]


def test_queries_of_a_third_width_are_refused(vectors: F32) -> None:
    with VectorIndex.build(vectors[:20], dim=32) as index:
        for bad in (vectors[:2, :40], vectors[0, :33], np.float32(3)):
            with pytest.raises(errors.InvalidInputError, match="expected"):
                index.search(bad)


def test_a_manifest_that_cannot_be(vectors: F32, tmp_path: Path) -> None:
    VectorIndex.build(vectors[:20], path=tmp_path, dim=32).close()
    path = tmp_path / "index.json"
    said = msgspec.json.decode(path.read_bytes(), type=Manifest)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(said, given_dim=30)))
    with pytest.raises(errors.CorruptFileError, match="32 dimensions of 30"):
        VectorIndex.open(tmp_path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_types_of_models_are_taken(
    dtype: type, metric: str, vectors: F32, queries: F32, tmp_path: Path
) -> None:
    """As embedding services give them; a mapped file of them is read in blocks."""
    offset = 128 if dtype is np.uint8 else 0
    typed = [(rows * 30 + offset).clip(-128 + offset, 127 + offset) for rows in (vectors, queries)]
    given, asked = (rows.round().astype(dtype) for rows in typed)
    np.save(tmp_path / "x.npy", given)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    with VectorIndex.build(mapped, metric=metric) as index:
        index.calibrate(asked[:30], 0.95)
        index.add(given[:2], [10_000, 10_001])
        found = index.search(asked[30:], 10, allow=np.arange(6_000))
    wide = given.astype(np.float32), asked[30:].astype(np.float32)
    assert recall_at_k(found.keys, brute_force(*wide, 10, metric).astype(np.int64)) >= 0.9
