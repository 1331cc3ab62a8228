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
``lsa_processes``
    Embeds blocks of titles with a saved model in several processes.
``sparse_rows``, ``random_projection``
    Products of sparse rows, and the fixed random directions of terms.
``lsa_fitting``
    Fits a model. Only this imports SciPy.
``blas_threads``
    Limits BLAS to one thread while a model is fitted.
``transformer``, ``model2vec_model``
    Sentence-transformers and Model2Vec models from a folder.
``multilingual``, ``sentence_encoder``
    A model of sixteen languages, in other processes for many titles; it is loaded and checked.
``second``
    What may be named as the embedder of a second space.
"""

from __future__ import annotations

from tv5core.embedding.documents import document
from tv5core.embedding.embedder import (
    CallableEmbedder,
    Embedder,
    checked_embedding,
    resolve_embedder,
    unit_rows,
)
from tv5core.embedding.lsa import LsaEmbedder
from tv5core.embedding.model2vec_model import Model2VecEmbedder
from tv5core.embedding.multilingual import MultilingualEmbedder
from tv5core.embedding.second import resolve_second_embedder
from tv5core.embedding.transformer import SentenceTransformerEmbedder

__all__ = [
    "CallableEmbedder",
    "Embedder",
    "LsaEmbedder",
    "Model2VecEmbedder",
    "MultilingualEmbedder",
    "SentenceTransformerEmbedder",
    "checked_embedding",
    "document",
    "resolve_embedder",
    "resolve_second_embedder",
    "unit_rows",
]
