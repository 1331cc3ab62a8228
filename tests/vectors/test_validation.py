"""Bad vectors, keys and options are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.vectors import SearchSettings, VectorIndex


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda v: v[:, :40], errors.DimensionError),
        (lambda v: np.where(np.arange(96) == 3, np.nan, v), errors.NonFiniteVectorError),
        (lambda v: np.where(np.arange(96) == 3, np.inf, v), errors.NonFiniteVectorError),
        (lambda v: np.full_like(v, 1e30), errors.NonFiniteVectorError),
        (lambda v: v * 0, errors.ZeroVectorError),
        (lambda v: v.astype(str), errors.InvalidInputError),
        (lambda v: v[None], errors.InvalidInputError),
    ],
)
def test_bad_vectors_are_refused_everywhere(
    change: object, error: type[Exception], vectors: F32
) -> None:
    index = VectorIndex.build(vectors[:100])
    bad = change(vectors[:5])  # type: ignore[operator]
    with pytest.raises(error, match="expected"):
        index.add(bad, np.arange(5))
    with pytest.raises(error, match="expected"):
        index.search(bad)
    if error is not errors.DimensionError:
        with pytest.raises(error, match="expected"):
            VectorIndex.build(bad)
    assert index.live_count == 0


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_orders_of_files_are_taken(order: str, vectors: F32) -> None:
    given = np.ascontiguousarray(vectors[:9]).astype(np.dtype(np.float32).newbyteorder(order))
    index = VectorIndex.build(given)
    assert index.search(given[4], 1).keys.tolist() == [4]


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ([1, 2, 1], errors.DuplicateKeyError),
        ([1, 2], errors.InvalidInputError),
        ([1, 2, -3], errors.InvalidInputError),
        ([1.0, 2.0, 3.0], errors.InvalidInputError),
        (np.array([1, 2, 2**63], np.uint64), errors.InvalidInputError),
    ],
)
def test_bad_keys_are_refused(keys: object, error: type[Exception], vectors: F32) -> None:
    index = VectorIndex.empty(96)
    with pytest.raises(error, match="expected"):
        index.add(vectors[:3], keys)  # type: ignore[arg-type]
    with pytest.raises(error, match="expected"):
        VectorIndex.build(vectors[:3], keys)  # type: ignore[arg-type]
    assert len(index) == 0


@pytest.mark.parametrize("dtype", [float, object, "U1", "M8[s]", [("a", "?"), ("b", "?")]])
def test_no_keys_are_none_whatever_their_type(dtype: Any, index: VectorIndex, vectors: F32) -> None:
    none = np.empty(0, dtype)
    index.remove(none)
    index.add(vectors[:0], none)
    assert index.scores(vectors[0], none).shape == (0,)
    assert index.search(vectors[:1], 3, allow=none).keys.tolist() == [[-1] * 3]


def test_bad_options_are_refused(index: VectorIndex, vectors: F32) -> None:
    query = vectors[0]
    for call in (
        lambda: index.search(query, 0),
        lambda: index.search(query, 1.5),  # type: ignore[arg-type]
        lambda: index.search(query, expansion_search=0),
        lambda: index.search(query, oversampling=0.5),
        lambda: index.search(query, threads=-1),
        lambda: index.search(query, allow=[[1]]),
        lambda: index.calibrate(vectors[:3], 1.5),
        lambda: VectorIndex.build(vectors[:3], metric="l2"),
        lambda: VectorIndex.build(vectors[:3], rescoring="int4"),
        lambda: VectorIndex.build(vectors[:3], connectivity=1),
        lambda: VectorIndex.empty(5000),
        lambda: SearchSettings(oversampling=0),
        lambda: SearchSettings(error_margin=-0.1),
        lambda: SearchSettings(min_k=0),
        lambda: index.search(query, min_k=0),
        lambda: index.search(query, error_margin=float("nan")),
    ):
        with pytest.raises(errors.InvalidInputError, match="expected"):
            call()
