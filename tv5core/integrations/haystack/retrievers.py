"""Retrievers over a Tv5DocumentStore: by embedding, by words, and by both."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Self

from haystack import Document as HaystackDocument
from haystack import component, default_from_dict, default_to_dict
from haystack.document_stores.types import FilterPolicy
from haystack.document_stores.types.filter_policy import apply_filter_policy

from tv5core.arguments import check_int, check_real, check_type
from tv5core.integrations.haystack.converting import as_scored
from tv5core.integrations.haystack.document_store import Tv5DocumentStore
from tv5core.integrations.haystack.filters import as_condition

__all__ = ["Tv5EmbeddingRetriever", "Tv5HybridRetriever", "Tv5KeywordRetriever"]

Filters = dict[str, Any]
Answer = dict[str, list[HaystackDocument]]


class _Retriever:
    """What the retrievers share.

    Parameters
    ----------
    document_store : Tv5DocumentStore
    filters : dict, optional
        Of Haystack's form.
    top_k : int
        How many documents; always so many, or all that filters are true of.
    filter_policy : FilterPolicy or str
        Whether filters of a run replace these or are joined to them.
    """

    def __init__(
        self,
        document_store: Tv5DocumentStore,
        filters: Filters | None = None,
        top_k: int = 10,
        filter_policy: FilterPolicy | str = FilterPolicy.REPLACE,
    ) -> None:
        check_type("document_store", document_store, Tv5DocumentStore)
        as_condition(filters)  # refuses what is none
        self.document_store, self.filters = document_store, filters
        self.top_k = check_int("top_k", top_k, 1)
        if not isinstance(filter_policy, FilterPolicy):
            filter_policy = FilterPolicy.from_str(filter_policy)
        self.filter_policy = filter_policy

    def to_dict(self) -> dict[str, Any]:
        """Return the settings."""
        return default_to_dict(self, **self.settings())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a retriever with the settings of another."""
        own = dict(data["init_parameters"])
        own["document_store"] = Tv5DocumentStore.from_dict(own["document_store"])
        made: Self = default_from_dict(cls, {**data, "init_parameters": own})
        return made

    def settings(self) -> dict[str, Any]:
        """Return what the retriever was made with."""
        return {
            "document_store": self.document_store.to_dict(),
            "filters": self.filters,
            "top_k": self.top_k,
            "filter_policy": self.filter_policy.value,
        }

    def _search(self, filters: Filters | None, top_k: int | None, **by: Any) -> Answer:
        k = check_int("top_k", self.top_k if top_k is None else top_k, 0)
        chosen = apply_filter_policy(self.filter_policy, self.filters, filters)
        condition = as_condition(chosen)
        if not k:
            return {"documents": []}
        found = self.document_store.documents.search(k=k, condition=condition, **by)
        return {"documents": as_scored(found)}


@component
class Tv5EmbeddingRetriever(_Retriever):
    """Documents near an embedding; for the parameters see the class it is derived from."""

    @component.output_types(documents=list[HaystackDocument])
    def run(
        self,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents; a score is a cosine, or an inner product."""
        return self._search(filters, top_k, vector=query_embedding)

    @component.output_types(documents=list[HaystackDocument])
    async def run_async(
        self,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents, in a thread."""
        return await asyncio.to_thread(self.run, query_embedding, filters, top_k)


@component
class Tv5KeywordRetriever(_Retriever):
    """Documents with words of a text; for the parameters see the class it is derived from."""

    @component.output_types(documents=list[HaystackDocument])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents; scores compare those of one run."""
        return self._search(filters, top_k, text=query)

    @component.output_types(documents=list[HaystackDocument])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents, in a thread."""
        return await asyncio.to_thread(self.run, query, filters, top_k)


@component
class Tv5HybridRetriever(_Retriever):
    """Documents near an embedding and with words of a text.

    Parameters
    ----------
    document_store, filters, top_k, filter_policy
        As of the other retrievers.
    alpha : float
        Weight of the embedding, 0 to 1; the words have the rest.
    """

    def __init__(
        self,
        document_store: Tv5DocumentStore,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        filter_policy: FilterPolicy | str = FilterPolicy.REPLACE,
        alpha: float = 0.5,
    ) -> None:
        # The decorator replaces the class, so `super()` would not find it.
        _Retriever.__init__(self, document_store, filters, top_k, filter_policy)
        self.alpha = check_real("alpha", alpha, 0.0, 1.0)

    def settings(self) -> dict[str, Any]:
        """Return what the retriever was made with."""
        return {**_Retriever.settings(self), "alpha": self.alpha}

    @component.output_types(documents=list[HaystackDocument])
    def run(
        self,
        query: str,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        alpha: float | None = None,
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents; a score is 0 to 1."""
        weight = self.alpha if alpha is None else alpha
        return self._search(filters, top_k, text=query, vector=query_embedding, alpha=weight)

    @component.output_types(documents=list[HaystackDocument])
    async def run_async(
        self,
        query: str,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        alpha: float | None = None,
    ) -> dict[str, list[HaystackDocument]]:
        """Find documents, in a thread."""
        call = partial(self.run, query, query_embedding, filters, top_k, alpha)
        return await asyncio.to_thread(call)
