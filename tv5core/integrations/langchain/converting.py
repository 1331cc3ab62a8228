"""Texts, documents and answers of LangChain, to and from those of the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.documents import Document as LangChainDocument

from tv5core.arguments import as_list, check_type
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import Document, Found
from tv5core.integrations.langchain.filters import as_langchain

__all__ = ["Scored", "as_documents", "named", "scored", "without_scores"]

Scored = tuple[LangChainDocument, float]


def as_documents(
    texts: Iterable[str], metadatas: list[dict[str, Any]] | None
) -> list[LangChainDocument]:
    """Return texts with their metadata as documents.

    Raises
    ------
    InvalidInputError
        As many metadatas as texts are expected.
    """
    listed = as_list("texts", texts)
    if metadatas is not None and len(metadatas) != len(listed):
        raise InvalidInputError(f"expected {len(listed)} metadatas, got {len(metadatas)}")
    facts = metadatas or [{} for _ in listed]
    return [
        LangChainDocument(page_content=text, metadata=own)
        for text, own in zip(listed, facts, strict=True)
    ]


def named(documents: list[LangChainDocument], ids: Sequence[str | None] | None) -> list[Document]:
    """Return documents with the ids given, their own, or new ones.

    Raises
    ------
    InvalidInputError
        Not a document, or another number of ids.
    """
    listed = as_list("documents", documents)
    for one in listed:
        check_type("a document", one, LangChainDocument)
    if ids is not None and len(ids) != len(listed):
        raise InvalidInputError(f"expected {len(listed)} ids, got {len(ids)}")
    own = [one.id for one in listed] if ids is None else list(ids)
    return [
        Document(str(uuid4()) if name is None else name, one.page_content, one.metadata)
        for name, one in zip(own, listed, strict=True)
    ]


def scored(found: Iterable[Found]) -> list[Scored]:
    """Return what was found as LangChain's documents with their scores."""
    return [(as_langchain(one.document), one.score) for one in found]


def without_scores(some: Iterable[Scored]) -> list[LangChainDocument]:
    """Return documents alone."""
    return [document for document, _ in some]
