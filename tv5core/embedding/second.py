"""What may be named as the embedder of a second space."""

from __future__ import annotations

from tv5core.arguments import shown
from tv5core.embedding.documents import essentials
from tv5core.embedding.embedder import CallableEmbedder, Embedder, EncodeFunction
from tv5core.embedding.lsa import LsaEmbedder
from tv5core.embedding.model2vec_model import Model2VecEmbedder
from tv5core.embedding.multilingual import MultilingualEmbedder
from tv5core.embedding.transformer import SentenceTransformerEmbedder
from tv5core.errors import InvalidInputError

__all__ = ["resolve_second_embedder"]

_EXPECTED = (
    "expected a second embedder: 'multilingual', 'model2vec:FOLDER', "
    "'sentence-transformers:FOLDER', an Embedder or a callable"
)


def resolve_second_embedder(spec: str | Embedder | EncodeFunction | None) -> Embedder | None:
    """Return the embedder that a user asks for; None for None.

    Parameters
    ----------
    spec : str, Embedder, callable or None
        ``multilingual``; ``model2vec:`` or ``sentence-transformers:`` and a folder; or what embeds.

    Raises
    ------
    InvalidInputError
        It is none of these.
    EmbedderError
        The package installed does not give the vectors it should.
    ImportError
        The package it needs is not installed.
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        return _named(spec)
    fits = isinstance(spec, Embedder) and not isinstance(spec, (type, LsaEmbedder))
    if fits:
        return spec  # type: ignore[return-value]  # mypy forgets what was asked
    if callable(spec) and not isinstance(spec, type):
        return CallableEmbedder(spec, text_of=essentials)
    raise InvalidInputError(f"{_EXPECTED}, got {shown(spec)}")


def _named(spec: str) -> Embedder:
    kind, _, folder = spec.partition(":")
    if spec == "multilingual":
        return MultilingualEmbedder()
    if folder and kind == "model2vec":
        return Model2VecEmbedder(folder, text_of=essentials)
    if folder and kind == "sentence-transformers":
        return SentenceTransformerEmbedder(folder, text_of=essentials)
    raise InvalidInputError(f"{_EXPECTED}, got {shown(spec)}")
