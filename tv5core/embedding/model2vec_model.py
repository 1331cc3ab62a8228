"""A Model2Vec model from a folder on this machine; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_path
from tv5core.embedding.documents import document
from tv5core.embedding.embedder import CallableEmbedder
from tv5core.errors import InvalidInputError
from tv5core.types import Title

__all__ = ["Model2VecEmbedder"]

F32 = npt.NDArray[np.float32]


class Model2VecEmbedder:
    """Embed with a Model2Vec model (extra ``model2vec``): a mean of static vectors of words.

    Parameters
    ----------
    folder : path-like
        Where ``StaticModel.save_pretrained`` stored it. Names of models on a hub are refused:
        nothing is ever fetched.
    text_of : callable, optional
        From a title to the text that is embedded.

    Raises
    ------
    InvalidInputError
        There is no such folder, or no model in it.
    ImportError
        model2vec is not installed.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, text_of: Callable[[Title], str] = document
    ) -> None:
        path = check_path(folder)
        if not (path / "model.safetensors").is_file() or not (path / "tokenizer.json").is_file():
            raise InvalidInputError(f"expected a folder with a Model2Vec model, got {str(path)!r}")
        self._model = _load(path)
        self._fingerprint = f"model2vec:{_digest(path)}"
        self._inner = CallableEmbedder(self._encode, self._fingerprint, text_of=text_of)

    @property
    def fingerprint(self) -> str:
        """A digest of the model's files: the folder may move, the space does not."""
        return self._fingerprint

    @property
    def dim(self) -> int | None:
        """Width of the vectors."""
        return int(self._model.dim)

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed titles: float32, shape (n, dim), unit or zero rows."""
        return self._inner.embed_titles(titles)

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries; as :meth:`embed_titles`."""
        return self._inner.embed_queries(texts)

    def _encode(self, texts: list[str]) -> npt.ArrayLike:
        found: npt.ArrayLike = self._model.encode(texts, use_multiprocessing=False)
        return found


def _load(path: Path) -> Any:
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise ImportError(
            "expected model2vec, got none: pip install 'tv5core[model2vec]'"
        ) from error
    return StaticModel.from_pretrained(path, force_download=False)


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=8)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        if (path / name).is_file():
            digest.update(name.encode() + b"\0" + (path / name).read_bytes())
    return digest.hexdigest()
