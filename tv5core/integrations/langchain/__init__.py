"""LangChain: a vector store in a folder, and film catalogues as retrievers.

::

    from tv5core.integrations.langchain import Tv5VectorStore

    store = Tv5VectorStore(embedding, "notes", fields={"topic": "keyword"})
    store.add_texts(["Sharks swim."], [{"topic": "sea"}])
    store.similarity_search("fish", k=3, filter={"topic": "sea"})

It needs ``pip install 'tv5core[langchain]'``. Modules, in reading order:

``filters``
    LangChain's filters as conditions.
``converting``
    Texts, documents and answers, to and from those of the store.
``vector_store``
    :class:`Tv5VectorStore`.
``retriever``
    :class:`CatalogRetriever`, over a catalogue of titles.
"""

from __future__ import annotations

from tv5core.integrations.requirements import missing

try:
    import langchain_core  # noqa: F401 - said first where it is missing
except ModuleNotFoundError as error:
    raise missing("langchain", error) from error

from tv5core.integrations.langchain.retriever import CatalogRetriever
from tv5core.integrations.langchain.vector_store import Tv5VectorStore

__all__ = ["CatalogRetriever", "Tv5VectorStore"]
