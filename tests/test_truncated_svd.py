"""The randomized decomposition against LAPACK's whole one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.examples import examples
from tv5core.truncated_svd import truncated_svd


def falling(rows: int, columns: int, seed: int) -> np.ndarray:
    """Return a matrix whose k-th singular value is 0.8**k."""
    random = np.random.default_rng(seed)
    short = min(rows, columns)
    left = np.linalg.qr(random.standard_normal((rows, short)))[0]
    right = np.linalg.qr(random.standard_normal((columns, short)))[0]
    return left * 0.8 ** np.arange(short) @ right.T


@settings(deadline=None, max_examples=examples(40))
@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 90),
    seed=st.integers(0, 1 << 32),
    iterations=st.integers(2, 8),
    driver=st.sampled_from(["gesdd", "gesvd"]),
    data=st.data(),
)
def test_it_finds_what_the_whole_decomposition_does(
    rows: int, columns: int, seed: int, iterations: int, driver: str, data: st.DataObject
) -> None:
    whole = falling(rows, columns, seed)
    rank = data.draw(st.integers(1, min(rows, columns, 20)))
    values, right = truncated_svd(
        sparse.csr_matrix(whole), rank, seed=seed, iterations=iterations, driver=driver
    )
    _, expected, true = np.linalg.svd(whole, full_matrices=False)
    assert values.shape == (rank,)
    assert right.shape == (rank, columns)
    np.testing.assert_allclose(values, expected[:rank], rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(right, axis=1), 1, atol=1e-9)
    agreement = np.abs(np.sum(right * true[:rank], axis=1))  # values differ, so vectors are unique
    np.testing.assert_allclose(agreement, 1, atol=1e-2)
    assert (right[np.arange(rank), np.abs(right).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("shape", [(300, 80), (80, 300)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_keeps_the_precision_and_the_seed_decides(shape: tuple[int, int], dtype: type) -> None:
    matrix = sparse.random_array(shape, density=0.1, rng=np.random.default_rng(1)).astype(dtype)
    first = truncated_svd(matrix, 10, seed=3, iterations=7)
    again = truncated_svd(matrix, 10, seed=3, iterations=7)
    other = truncated_svd(matrix, 10, seed=4, iterations=7)
    assert all(each.dtype == dtype for each in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])
    np.testing.assert_allclose(first[0], other[0], rtol=1e-2)


def test_many_iterations_do_not_lose_small_values_in_single_precision() -> None:
    """Without orthogonal bases between them, seven would leave only rounding of what is small."""
    whole = falling(200, 120, 0).astype(np.float32)
    values, _ = truncated_svd(sparse.csr_matrix(whole), 30, seed=0, iterations=7)
    np.testing.assert_allclose(values, 0.8 ** np.arange(30), rtol=1e-2)


def test_values_that_are_not_finite_are_refused() -> None:
    matrix = sparse.csr_matrix(np.array([[1.0, np.nan], [0.0, 2.0]]))
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        truncated_svd(matrix, 1, seed=0, iterations=2)
