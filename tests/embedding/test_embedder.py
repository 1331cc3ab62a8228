from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.embedding.made_up import make_titles
from tv5core.embedding import CallableEmbedder, Embedder, LsaEmbedder, document, resolve_embedder
from tv5core.errors import DimensionError, InvalidInputError, NonFiniteVectorError

TITLES = make_titles(4)


def letters(texts: list[str]) -> npt.NDArray[np.float64]:
    return np.array([[text.count(c) for c in "abcde"] for text in texts], np.float64)


def always(value: Any) -> CallableEmbedder:
    return CallableEmbedder(lambda texts: value)


def test_rows_are_scaled_to_unit_length_and_zeros_kept() -> None:
    rows = CallableEmbedder(letters).embed_queries(["aab", "xyz"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[0], np.array([2, 1, 0, 0, 0]) / 5**0.5, atol=1e-6)
    assert not rows[1].any()


def test_titles_are_given_as_documents() -> None:
    seen: list[str] = []

    def encode(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return [[1.0, 2.0] for _ in texts]

    assert CallableEmbedder(encode).embed_titles(TITLES).shape == (4, 2)
    assert seen == [document(title) for title in TITLES]


def test_queries_may_have_their_own_function() -> None:
    embedder = CallableEmbedder(letters, query_fn=lambda texts: letters([t * 2 for t in texts]))
    assert embedder.embed_queries(["a", "b"]).shape == (2, 5)


def test_dim_is_known_after_the_first_call_and_then_fixed() -> None:
    widths = iter([3, 4])
    embedder = CallableEmbedder(lambda texts: np.ones((len(texts), next(widths))))
    assert embedder.dim is None
    assert embedder.embed_queries([]).shape == (0, 0)
    embedder.embed_queries(["x"])
    assert embedder.dim == 3
    with pytest.raises(DimensionError, match="expected 3 dimensions as before, got 4"):
        embedder.embed_queries(["x"])


@pytest.mark.parametrize(
    "value",
    [
        np.ones(2),
        np.ones((1, 3)),
        np.ones((2, 0)),
        [[1.0], [1.0, 2.0]],
        "text",
        None,
        [["a"], ["b"]],
        [["1"], ["2"]],
        np.ones((2, 3), complex),
        np.ones((2, 3), "M8[s]"),
        np.ma.masked_array(np.ones((2, 3)), mask=[[0, 0, 1], [0, 0, 0]]),
        [np.ma.masked_array(np.ones(3), mask=[0, 0, 1]), np.ones(3)],
    ],
    ids=repr,
)
def test_what_is_not_one_row_a_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        always(value).embed_queries(["x", "y"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with np.errstate(over="ignore"), pytest.raises(NonFiniteVectorError, match="in row 1"):
        always(np.array([[1.0, 2.0], [1.0, bad]])).embed_queries(["x", "y"])


@pytest.mark.parametrize("size", [1e-38, 1e38])
def test_extreme_lengths_scale(size: float) -> None:
    rows = always(np.full((1, 100), size)).embed_queries(["x"])
    np.testing.assert_allclose(rows, 0.1, rtol=1e-5)


def test_an_error_of_the_function_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        CallableEmbedder(lambda texts: 1 / 0).embed_queries(["x"])


class Model:
    def __call__(self, texts: list[str]) -> npt.NDArray[np.float64]:
        return letters(texts)

    def encode(self, texts: list[str]) -> npt.NDArray[np.float64]:
        return letters(texts)


def test_fingerprints_name_the_function() -> None:
    assert CallableEmbedder(letters).fingerprint == f"callable:{__name__}.letters"
    assert CallableEmbedder(letters, "v2").fingerprint == "callable:v2"
    assert CallableEmbedder(Model()).fingerprint == f"callable:{__name__}.Model"
    assert CallableEmbedder(Model().encode).fingerprint == f"callable:{__name__}.Model.encode"
    assert CallableEmbedder(functools.partial(letters)).fingerprint == "callable:functools.partial"


def test_all_are_embedders() -> None:
    for embedder in (LsaEmbedder(), CallableEmbedder(letters)):
        assert isinstance(embedder, Embedder)


def test_resolve() -> None:
    assert resolve_embedder(None) is None
    assert isinstance(resolve_embedder("lsa"), LsaEmbedder)
    assert isinstance(resolve_embedder(letters), CallableEmbedder)
    assert isinstance(resolve_embedder(Model()), CallableEmbedder)
    lsa = LsaEmbedder()
    assert resolve_embedder(lsa) is lsa


@pytest.mark.parametrize("spec", ["word2vec", "", 7, LsaEmbedder, Model, np.ones(3)], ids=repr)
def test_resolve_refuses_what_is_no_embedder(spec: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected 'lsa', an Embedder"):
        resolve_embedder(spec)


def test_a_callable_must_be_one() -> None:
    with pytest.raises(InvalidInputError, match="expected a function"):
        CallableEmbedder("model")  # type: ignore[arg-type]
