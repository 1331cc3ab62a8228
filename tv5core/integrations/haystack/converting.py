"""Haystack's documents, to and from those of the store."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from haystack import Document as HaystackDocument
from haystack.dataclasses import ByteStream, SparseEmbedding

from tv5core.arguments import check_type
from tv5core.integrations.documents import Document, Found

__all__ = ["as_document", "as_haystack", "as_scored"]


def as_document(document: HaystackDocument) -> Document:
    """Return a document of Haystack as one of the store.

    Raises
    ------
    InvalidInputError
        It is none.
    """
    check_type("a document", document, HaystackDocument)
    data: dict[str, Any] = {}
    if document.content is None:
        data["content"] = None
    if document.blob is not None:
        blob = document.blob
        data["blob"] = [base64.b64encode(blob.data).decode(), blob.meta, blob.mime_type]
    if document.sparse_embedding is not None:
        data["sparse"] = document.sparse_embedding.to_dict()
    if document.score is not None:
        data["score"] = document.score
    return Document(document.id, document.content or "", document.meta, data, document.embedding)


def as_haystack(document: Document, *, score: float | None = None) -> HaystackDocument:
    """Return a document of the store as one of Haystack, with its vector where it has it."""
    data, vector = document.data, document.vector
    blob, sparse = data.get("blob"), data.get("sparse")
    return HaystackDocument(
        id=document.id,
        content=None if "content" in data else document.text,
        blob=None if blob is None else ByteStream(base64.b64decode(blob[0]), blob[1], blob[2]),
        meta=dict(document.metadata),
        score=data.get("score") if score is None else score,
        embedding=None if vector is None else np.asarray(vector).tolist(),
        sparse_embedding=None if sparse is None else SparseEmbedding.from_dict(sparse),
    )


def as_scored(found: list[Found]) -> list[HaystackDocument]:
    """Return what was found as documents with their scores."""
    return [as_haystack(one.document, score=one.score) for one in found]
