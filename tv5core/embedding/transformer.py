"""A sentence-transformers model from a folder on this machine; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.embedding.documents import document
from tv5core.embedding.embedder import CallableEmbedder
from tv5core.errors import InvalidInputError
from tv5core.types import Title

__all__ = ["SentenceTransformerEmbedder"]

F32 = npt.NDArray[np.float32]

_BATCH = 64


class SentenceTransformerEmbedder:
    """Embed with a sentence-transformers model (extra ``transformers``).

    Parameters
    ----------
    model : path-like or SentenceTransformer
        Folder that holds a saved model, or a model already loaded. Names of models on
        a hub are refused: nothing is ever fetched.
    device : str, optional
        Such as ``cpu`` or ``cuda``; by default the library's choice.
    text_of : callable, optional
        From a title to the text that is embedded.

    Raises
    ------
    InvalidInputError
        There is no such folder, or no model in it.
    ImportError
        sentence-transformers is not installed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Any,
        *,
        device: str | None = None,
        text_of: Callable[[Title], str] = document,
    ) -> None:
        if isinstance(model, (str, os.PathLike)):
            model = _load(Path(model), device)
        if not hasattr(model, "encode") or not hasattr(model, "state_dict"):
            raise InvalidInputError(f"expected a folder or a SentenceTransformer, got {model!r}")
        self._model = model
        name = f"sentence-transformers:{_digest(model.state_dict())}"
        self._inner = CallableEmbedder(self._encode, name, text_of=text_of)

    @property
    def fingerprint(self) -> str:
        """A digest of the model's weights: the folder may move, the space does not."""
        return self._inner.fingerprint.removeprefix("callable:")

    @property
    def dim(self) -> int | None:
        """Width of the vectors."""
        if self._inner.dim is None:
            self.embed_queries(["a"])
        return self._inner.dim

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed the titles' documents: float32, shape (n, dim), unit rows."""
        return self._inner.embed_titles(titles)

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries: float32, shape (n, dim), unit rows."""
        return self._inner.embed_queries(texts)

    def _encode(self, texts: list[str]) -> npt.ArrayLike:
        rows: npt.ArrayLike = self._model.encode(
            texts, batch_size=_BATCH, convert_to_numpy=True, show_progress_bar=False
        )
        return rows


def _load(path: Path, device: str | None) -> Any:
    if not (path / "modules.json").is_file():
        raise InvalidInputError(
            f"expected a folder with a sentence-transformers model, got {str(path)!r}"
        )
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ImportError(
            "expected sentence-transformers, got none: pip install 'tv5core[transformers]'"
        ) from error
    return SentenceTransformer(str(path), device=device, local_files_only=True)


def _digest(weights: Mapping[str, Any]) -> str:
    digest = blake2b(digest_size=8)
    for name in sorted(weights):
        tensor = weights[name].detach().cpu()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        # By way of float32: NumPy has no bfloat16.
        digest.update(np.ascontiguousarray(tensor.float().numpy()).data)
    return digest.hexdigest()
