"""CatalogRetriever: a film catalogue as a retriever of LlamaIndex."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from tv5core.arguments import check_type
from tv5core.catalog import Catalog
from tv5core.integrations.titles import hit_metadata, title_text

__all__ = ["CatalogRetriever"]


class CatalogRetriever(BaseRetriever):
    """Titles of a catalogue, found as ``Catalog.search`` finds them, as nodes.

    A node's text has the title's name, facts and overview; its metadata the facts; its score is
    the hit's relevance, 0 to 1.

    Parameters
    ----------
    catalog : Catalog
        Closed by whoever opened it.
    k : int
        How many titles.
    where : Expression or str, optional
        Filters, as of ``Catalog.search``.
    **options
        Other options of ``Catalog.search``, such as ``mode="keyword"``.
    """

    def __init__(self, catalog: Catalog, k: int = 10, *, where: Any = None, **options: Any) -> None:
        check_type("catalog", catalog, Catalog)
        self._catalog = catalog
        self._options = {"k": k, "where": where, **options}
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._catalog.search(query_bundle.query_str, **self._options)
        return [NodeWithScore(node=_node(hit), score=float(hit.relevance)) for hit in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(hit: Any) -> TextNode:
    metadata = hit_metadata(hit)
    hidden = [name for name in metadata if name != "id"]  # the text says them already
    return TextNode(
        id_=hit.id,
        text=title_text(hit.title),
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=list(metadata),
    )
