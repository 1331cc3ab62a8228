"""From text to vectors: the default embedder, and any other.

Read in this order:

``embedder``
    The ``Embedder`` protocol, and functions from texts to vectors as embedders.
``documents``
    The text of a title that is embedded: plain, or as weighted terms.
``lsa``
    :class:`LsaEmbedder`, the default: latent semantic analysis of the catalogue's own text.
``lsa_model``
    The fitted model, saved to a file and mapped from it.
``sparse_rows``, ``random_projection``
    Products of sparse rows, and the fixed random directions of terms.
``lsa_fitting``
    Fits a model. Only this imports SciPy and scikit-learn.
``blas_threads``
    Limits BLAS to one thread while a model is fitted.
``transformer``
    Sentence-transformers models from a folder.
"""

from __future__ import annotations

from tv5core.embedding.documents import document
from tv5core.embedding.embedder import (
    CallableEmbedder,
    Embedder,
    checked_embedding,
    resolve_embedder,
)
from tv5core.embedding.lsa import LsaEmbedder
from tv5core.embedding.transformer import SentenceTransformerEmbedder

__all__ = [
    "CallableEmbedder",
    "Embedder",
    "LsaEmbedder",
    "SentenceTransformerEmbedder",
    "checked_embedding",
    "document",
    "resolve_embedder",
]
