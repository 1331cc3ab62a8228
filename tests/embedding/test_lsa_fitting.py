from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.embedding.made_up import make_titles
from tv5core.embedding import LsaEmbedder, lsa_fitting
from tv5core.errors import FittingError

TITLES = make_titles(60)

decompose = lsa_fitting.truncated_svd


def fail_single_precision(matrix: Any, *args: Any, **options: Any) -> Any:
    """Do what LAPACK does on a processor whose BLAS rounds badly."""
    if matrix.dtype == np.float32:
        raise np.linalg.LinAlgError("SVD did not converge")
    return decompose(matrix, *args, **options)


def answer_nan(matrix: Any, *args: Any, **options: Any) -> Any:
    strengths, right = decompose(matrix, *args, **options)
    return strengths, right * (np.nan if matrix.dtype == np.float32 else 1)


def answer_long_vectors(matrix: Any, *args: Any, **options: Any) -> Any:
    strengths, right = decompose(matrix, *args, **options)
    return strengths, right * (3 if matrix.dtype == np.float32 else 1)


@pytest.mark.parametrize("fault", [fail_single_precision, answer_nan, answer_long_vectors])
def test_a_decomposition_that_fails_in_single_precision_is_done_in_double(
    fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = LsaEmbedder().fit(TITLES).embed_titles(TITLES)
    monkeypatch.setattr(lsa_fitting, "truncated_svd", fault)
    got = LsaEmbedder().fit(TITLES).embed_titles(TITLES)
    # Signs and rotations of topics are free; what titles have in common is not.
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=5e-3)


@pytest.mark.parametrize(
    "error", [np.linalg.LinAlgError("SVD did not converge"), ValueError("array has NaNs")]
)
def test_one_that_fails_in_every_way_is_a_typed_error_that_says_why(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(lsa_fitting, "truncated_svd", fail)
    embedder = LsaEmbedder()
    with pytest.raises(FittingError, match=f"60 titles by .* terms, got gesdd: {error}; gesvd: "):
        embedder.fit(TITLES)
    assert not embedder.is_fitted
