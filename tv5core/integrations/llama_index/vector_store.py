"""Tv5VectorStore: LlamaIndex's vector store over documents in a folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import fsspec
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    DEFAULT_PERSIST_DIR,
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from tv5core.arguments import as_list, as_texts, check_text, check_type
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import All, Condition, DocumentStore, Equal, Found, OneOf
from tv5core.integrations.llama_index.filters import as_condition
from tv5core.integrations.llama_index.nodes import REF_DOC_ID, as_document, as_node
from tv5core.types import ExtraType

__all__ = ["Tv5VectorStore"]

_MMR_POOL = 4
_MODES = ("default", "hybrid", "semantic_hybrid", "text_search", "sparse", "mmr")


class Tv5VectorStore(BasePydanticVectorStore):
    """Nodes in a folder, found by vectors, words and metadata.

    What an addition returned from is on disk. All operators of metadata filters are supported, and
    the modes ``default``, ``hybrid`` (also ``semantic_hybrid``), ``text_search`` (also ``sparse``:
    by words) and ``mmr``.

    Parameters
    ----------
    path : str, optional
        The folder; None for a temporary one, removed when the store is closed.
    fields, metric, read_only
        As of ``DocumentStore``: ``fields`` makes filters on these fields fast.
    """

    stores_text: bool = True
    is_embedding_query: bool = True
    path: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    metric: str | None = None
    read_only: bool = False

    _documents: DocumentStore = PrivateAttr()

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        fields: Mapping[str, ExtraType] | None = None,
        metric: Any = None,
        read_only: bool = False,
        **given: Any,
    ) -> None:
        folder = None if path is None else os.fspath(path)
        options = {"path": folder, "fields": dict(fields or {}), "metric": metric}
        super().__init__(**options, **{"read_only": read_only, **given})
        self._documents = DocumentStore(folder, fields=fields, metric=metric, read_only=read_only)

    @classmethod
    def class_name(cls) -> str:
        """Name of the class in LlamaIndex's serialisation."""
        return "Tv5VectorStore"

    @property
    def client(self) -> DocumentStore:
        """The store of documents that this one is thin over."""
        return self._documents

    def close(self) -> None:
        """Close the folder."""
        self._documents.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- changing -----------------------------------------------------------------------------

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store nodes, replacing those of the same id; durable on return.

        Returns
        -------
        list of str
            One id a node.

        Raises
        ------
        InvalidInputError
            Not a node, or metadata that is no JSON. Nothing was stored.
        """
        given = [as_document(node) for node in as_list("nodes", nodes)]
        self._documents.add(given)
        return [one.id for one in given]

    async def async_add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store nodes, in a thread."""
        return await asyncio.to_thread(self.add, nodes)

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Remove all nodes of a document."""
        wanted = check_text("ref_doc_id", ref_doc_id)
        self._documents.delete(condition=Equal(REF_DOC_ID, wanted))

    async def adelete(self, ref_doc_id: str, **_: Any) -> None:
        """Remove all nodes of a document, in a thread."""
        await asyncio.to_thread(self.delete, ref_doc_id)

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Remove nodes by id, by metadata, or by both.

        Raises
        ------
        InvalidInputError
            Neither is given: ``clear`` removes all.
        """
        self._documents.delete(node_ids, condition=as_condition(filters))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Remove nodes, in a thread; see :meth:`delete_nodes`."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters)

    def clear(self) -> None:
        """Remove all nodes."""
        self._documents.clear()

    async def aclear(self) -> None:
        """Remove all nodes, in a thread."""
        await asyncio.to_thread(self.clear)

    # -- looking up ---------------------------------------------------------------------------

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return nodes by id, by metadata, by both, or all; with their embeddings."""
        condition = as_condition(filters)
        found = self._documents.documents(condition, ids=node_ids, vectors=True)
        return [as_node(one) for one in found]

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return nodes, in a thread; see :meth:`get_nodes`."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    # -- searching ----------------------------------------------------------------------------

    def query(self, query: VectorStoreQuery, **given: Any) -> VectorStoreQueryResult:
        """Find nodes; there are always as many as asked for, or all that match.

        Raises
        ------
        InvalidInputError
            A mode that is not supported, or one without the vector or text that it needs.
        """
        check_type("query", query, VectorStoreQuery)
        found = self._found(query, given.get("mmr_threshold"))
        return VectorStoreQueryResult(
            nodes=[as_node(one.document) for one in found],
            similarities=[one.score for one in found],
            ids=[one.document.id for one in found],
        )

    async def aquery(self, query: VectorStoreQuery, **given: Any) -> VectorStoreQueryResult:
        """Find nodes, in a thread; see :meth:`query`."""
        return await asyncio.to_thread(partial(self.query, query, **given))

    def _found(self, query: VectorStoreQuery, mmr_threshold: float | None) -> list[Found]:
        mode, k = query.mode, query.similarity_top_k
        # An index passes an empty list where it means all.
        among: dict[str, Any] = {"condition": _condition(query), "ids": query.node_ids or None}
        if mode == VectorStoreQueryMode.DEFAULT:
            return self._documents.search(vector=_vector(query), k=k, **among)
        if mode in (VectorStoreQueryMode.TEXT_SEARCH, VectorStoreQueryMode.SPARSE):
            k = query.sparse_top_k or k
            return self._documents.search(text=_text(query), k=k, **among)
        if mode in (VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.SEMANTIC_HYBRID):
            k, alpha = query.hybrid_top_k or k, 0.5 if query.alpha is None else query.alpha
            by: dict[str, Any] = {"vector": _vector(query), "text": _text(query)}
            return self._documents.search(**by, k=k, alpha=alpha, **among)
        if mode == VectorStoreQueryMode.MMR:
            threshold = query.mmr_threshold if mmr_threshold is None else mmr_threshold
            weight = 0.5 if threshold is None else threshold
            pool = k * _MMR_POOL
            return self._documents.search_diverse(
                _vector(query), k=k, pool=pool, lambda_mult=weight, **among
            )
        raise InvalidInputError(f"expected a mode of {', '.join(_MODES)}; got {mode.value}")

    # -- persisting ---------------------------------------------------------------------------

    def persist(
        self,
        persist_path: str | os.PathLike[str] = f"{DEFAULT_PERSIST_DIR}/tv5core",
        fs: fsspec.AbstractFileSystem | None = None,
    ) -> None:
        """Copy a temporary store to a folder; one with a path is on disk already.

        Raises
        ------
        InvalidInputError
            ``fs`` is not the local file system.
        """
        if fs is not None and "file" not in _protocols(fs):
            raise InvalidInputError(f"expected the local file system, got {_protocols(fs)}")
        if self._documents.temporary:
            self._documents.save(Path(persist_path))

    @classmethod
    def from_persist_path(cls, persist_path: str, **options: Any) -> Self:
        """Open the folder that :meth:`persist` made."""
        return cls(persist_path, **options)


def _protocols(fs: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _condition(query: VectorStoreQuery) -> Condition | None:
    own = as_condition(query.filters)
    if not query.doc_ids:
        return own
    of_documents = OneOf(REF_DOC_ID, tuple(as_texts("doc_ids", query.doc_ids)))
    return of_documents if own is None else All((own, of_documents))


def _vector(query: VectorStoreQuery) -> list[float]:
    if query.query_embedding is None:
        raise InvalidInputError(f"expected query_embedding for mode {query.mode.value}, got none")
    return query.query_embedding


def _text(query: VectorStoreQuery) -> str:
    if query.query_str is None:
        raise InvalidInputError(f"expected query_str for mode {query.mode.value}, got none")
    return query.query_str
