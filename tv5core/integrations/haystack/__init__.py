"""Haystack: a document store in a folder with its retrievers, and film catalogues as retrievers.

::

    from tv5core.integrations.haystack import Tv5DocumentStore, Tv5EmbeddingRetriever

    store = Tv5DocumentStore("notes", fields={"topic": "keyword"})
    store.write_documents(documents)
    retriever = Tv5EmbeddingRetriever(document_store=store, top_k=5)

It needs ``pip install 'tv5core[haystack]'``. Modules, in reading order:

``filters``
    Haystack's filters as conditions.
``converting``
    Haystack's documents, to and from those of the store.
``metadata``
    What the documents' metadata has: fields, values, extremes.
``document_store``
    :class:`Tv5DocumentStore`.
``retrievers``
    By embedding, by words, and by both.
``titles``
    :class:`CatalogRetriever`, over a catalogue of titles.
"""

from __future__ import annotations

from tv5core.integrations.requirements import missing

try:
    import haystack  # noqa: F401 - said first where it is missing
except ModuleNotFoundError as error:
    raise missing("haystack", error) from error

from tv5core.integrations.haystack.document_store import Tv5DocumentStore
from tv5core.integrations.haystack.retrievers import (
    Tv5EmbeddingRetriever,
    Tv5HybridRetriever,
    Tv5KeywordRetriever,
)
from tv5core.integrations.haystack.titles import CatalogRetriever

__all__ = [
    "CatalogRetriever",
    "Tv5DocumentStore",
    "Tv5EmbeddingRetriever",
    "Tv5HybridRetriever",
    "Tv5KeywordRetriever",
]
