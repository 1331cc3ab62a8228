"""LlamaIndex: a vector store in a folder, and film catalogues as retrievers.

::

    from tv5core.integrations.llama_index import Tv5VectorStore

    store = Tv5VectorStore(path="notes", fields={"topic": "keyword"})
    index = VectorStoreIndex.from_vector_store(store, embed_model=...)

It needs ``pip install 'tv5core[llama-index]'``. Modules, in reading order:

``filters``
    LlamaIndex's metadata filters as conditions.
``nodes``
    Nodes as documents, and back.
``vector_store``
    :class:`Tv5VectorStore`.
``retriever``
    :class:`CatalogRetriever`, over a catalogue of titles.
"""

from __future__ import annotations

from tv5core.integrations.requirements import missing

try:
    import llama_index.core  # noqa: F401 - said first where it is missing
except ModuleNotFoundError as error:
    raise missing("llama-index", error) from error

from tv5core.integrations.llama_index.retriever import CatalogRetriever
from tv5core.integrations.llama_index.vector_store import Tv5VectorStore

__all__ = ["CatalogRetriever", "Tv5VectorStore"]
