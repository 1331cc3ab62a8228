"""Text to vectors: the default embedder, and doors for any other."""

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
