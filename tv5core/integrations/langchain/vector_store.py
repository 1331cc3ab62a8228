"""Tv5VectorStore: LangChain's vector store over documents in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import numpy.typing as npt
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import run_in_executor
from langchain_core.vectorstores import VectorStore

from tv5core.arguments import check_type
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import Document, DocumentStore
from tv5core.integrations.langchain.converting import (
    Scored,
    as_documents,
    named,
    scored,
    without_scores,
)
from tv5core.integrations.langchain.filters import Filter, as_condition, as_langchain
from tv5core.types import ExtraType

__all__ = ["Tv5VectorStore"]


class Tv5VectorStore(VectorStore):
    """Documents in a folder, found by vectors, words and metadata.

    What an addition returned from is on disk. Filters are those of ``filters``: a mapping, or a
    function of a document.

    Parameters
    ----------
    embedding : Embeddings
        Turns texts and queries into vectors.
    path : path-like, optional
        The folder; None for a temporary one, removed when the store is closed.
    fields, metric, read_only
        As of ``DocumentStore``: ``fields`` makes filters on these fields fast.

    Attributes
    ----------
    documents : DocumentStore
        What it is thin over.
    """

    def __init__(
        self,
        embedding: Embeddings,
        path: str | os.PathLike[str] | None = None,
        *,
        fields: Mapping[str, ExtraType] | None = None,
        metric: Literal["cosine", "ip"] | None = None,
        read_only: bool = False,
    ) -> None:
        check_type("embedding", embedding, Embeddings)
        self._embedding = embedding
        self.documents = DocumentStore(path, fields=fields, metric=metric, read_only=read_only)

    @property
    def embeddings(self) -> Embeddings:
        """What turns texts into vectors."""
        return self._embedding

    def close(self) -> None:
        """Close the folder."""
        self.documents.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- changing -----------------------------------------------------------------------------

    def add_documents(
        self,
        documents: list[LangChainDocument],
        *,
        ids: Sequence[str | None] | None = None,
        **_: Any,
    ) -> list[str]:
        """Store documents, replacing those of the same id; durable on return.

        Parameters
        ----------
        documents : list of Document
            Those without an id are given one.
        ids : sequence of str, optional
            Instead of the documents' own.

        Returns
        -------
        list of str
            One id a document.

        Raises
        ------
        InvalidInputError
            Another number of ids; an id or metadata that cannot be stored. Nothing was stored.
        """
        ready = named(documents, ids)
        vectors = self._embedding.embed_documents([one.text for one in ready])
        return self._put(ready, vectors)

    async def aadd_documents(
        self,
        documents: list[LangChainDocument],
        *,
        ids: Sequence[str | None] | None = None,
        **_: Any,
    ) -> list[str]:
        """Store documents as :meth:`add_documents` does."""
        ready = named(documents, ids)
        vectors = await self._embedding.aembed_documents([one.text for one in ready])
        return await run_in_executor(None, self._put, ready, vectors)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **_: Any,
    ) -> list[str]:
        """Store texts as :meth:`add_documents` does."""
        return self.add_documents(as_documents(texts, metadatas), ids=ids)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **_: Any,
    ) -> list[str]:
        """Store texts as :meth:`add_documents` does."""
        return await self.aadd_documents(as_documents(texts, metadatas), ids=ids)

    def _put(self, ready: Sequence[Document], vectors: Sequence[npt.ArrayLike]) -> list[str]:
        if len(vectors) != len(ready):
            raise InvalidInputError(f"expected {len(ready)} embeddings, got {len(vectors)}")
        self.documents.add(
            Document(one.id, one.text, one.metadata, vector=vector)
            for one, vector in zip(ready, vectors, strict=True)
        )
        return [one.id for one in ready]

    def delete(self, ids: list[str] | None = None, **_: Any) -> bool:
        """Remove documents by id, all of them where none are named; unknown ids are ignored."""
        if ids is None:
            self.documents.clear()
        else:
            self.documents.delete(ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[LangChainDocument]:
        """Return the documents there are of some ids."""
        found = self.documents.get(list(dict.fromkeys(ids)))
        return [as_langchain(one) for one in found if one is not None]

    # -- searching ----------------------------------------------------------------------------

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,
        alpha: float | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Find the k documents most like a text; always k, or all for which the filter holds.

        Parameters
        ----------
        query : str
        k : int
        filter : mapping or callable, optional
        alpha : float, optional
            Weigh words, too: 1 for the vector alone, 0 for words alone. Retrievers pass it on:
            ``as_retriever(search_kwargs={"alpha": 0.5})``.
        """
        return without_scores(
            self.similarity_search_with_score(query, k, filter=filter, alpha=alpha)
        )

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,
        alpha: float | None = None,
        **_: Any,
    ) -> list[Scored]:
        """Find documents with their scores, higher is better; see :meth:`similarity_search`."""
        return self._search(query, self._embedding.embed_query(query), k, filter, alpha)

    async def asimilarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,
        alpha: float | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Find documents; see :meth:`similarity_search`."""
        found = self.asimilarity_search_with_score(query, k, filter=filter, alpha=alpha)
        return without_scores(await found)

    async def asimilarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,
        alpha: float | None = None,
        **_: Any,
    ) -> list[Scored]:
        """Find documents with their scores; see :meth:`similarity_search`."""
        vector = await self._embedding.aembed_query(query)
        return await run_in_executor(None, self._search, query, vector, k, filter, alpha)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, *, filter: Filter | None = None, **_: Any
    ) -> list[LangChainDocument]:
        """Find the k documents nearest to a vector."""
        return without_scores(self._search("", embedding, k, filter, None))

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, *, filter: Filter | None = None, **_: Any
    ) -> list[LangChainDocument]:
        """Find the k documents nearest to a vector."""
        return without_scores(
            await run_in_executor(None, self._search, "", embedding, k, filter, None)
        )

    def _search(
        self,
        query: str,
        vector: npt.ArrayLike,
        k: int,
        filter: Filter | None,
        alpha: float | None,
    ) -> list[Scored]:
        find = partial(self.documents.search, vector=vector, k=k, condition=as_condition(filter))
        found = find() if alpha is None else find(text=query, alpha=alpha)
        return scored(found)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Return how scores become relevance from 0 to 1: a cosine as it is, not below 0."""
        if self.documents.metric != "cosine":
            raise InvalidInputError(
                "expected metric cosine for relevance scores, got ip, whose scores have no bounds"
            )
        return lambda score: min(1.0, max(0.0, score))

    # -- maximal marginal relevance -----------------------------------------------------------

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Choose k of the ``fetch_k`` documents most like a text so that they differ.

        Parameters
        ----------
        query : str
        k, fetch_k : int
        lambda_mult : float
            1 for likeness to the query alone, 0 for unlikeness to each other alone.
        filter : mapping or callable, optional
        """
        vector = self._embedding.embed_query(query)
        return self._diverse(vector, k, fetch_k, lambda_mult, filter)

    async def amax_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Choose documents; see :meth:`max_marginal_relevance_search`."""
        vector = await self._embedding.aembed_query(query)
        return await run_in_executor(None, self._diverse, vector, k, fetch_k, lambda_mult, filter)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Choose documents; see :meth:`max_marginal_relevance_search`."""
        return self._diverse(embedding, k, fetch_k, lambda_mult, filter)

    async def amax_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,
        **_: Any,
    ) -> list[LangChainDocument]:
        """Choose documents; see :meth:`max_marginal_relevance_search`."""
        call = partial(self._diverse, embedding, k, fetch_k, lambda_mult, filter)
        return await run_in_executor(None, call)

    def _diverse(
        self, vector: Any, k: int, fetch_k: int, lambda_mult: float, filter: Filter | None
    ) -> list[LangChainDocument]:
        condition = as_condition(filter)
        found = self.documents.search_diverse(
            vector, k=k, pool=fetch_k, lambda_mult=lambda_mult, condition=condition
        )
        return without_scores(scored(found))

    # -- making -------------------------------------------------------------------------------

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **options: Any,
    ) -> Self:
        """Make a store of texts; the options are those of the class."""
        store = cls(embedding, **options)
        try:
            store.add_texts(texts, metadatas, ids=ids)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **options: Any,
    ) -> Self:
        """Make a store of texts; the options are those of the class."""
        store = await run_in_executor(None, partial(cls, embedding, **options))
        try:
            await store.aadd_texts(texts, metadatas, ids=ids)
        except BaseException:
            store.close()
            raise
        return store
