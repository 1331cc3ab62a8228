"""CatalogRetriever: a film catalogue as a retriever of LangChain."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from tv5core.catalog import Catalog
from tv5core.integrations.titles import hit_metadata, title_text

__all__ = ["CatalogRetriever"]


class CatalogRetriever(BaseRetriever):
    """Titles of a catalogue, found as ``Catalog.search`` finds them, as documents.

    A document's text has the title's name, facts and overview; its metadata the facts, ``score``
    and ``relevance``. What is passed to ``invoke`` replaces the settings for that call:
    ``retriever.invoke("heist films", k=3, where="year:>=2000")``.

    Parameters
    ----------
    catalog : Catalog
        Closed by whoever opened it.
    k : int
        How many titles.
    where : Expression or str, optional
        Filters, as of ``Catalog.search``.
    options : dict
        Other options of ``Catalog.search``, such as ``{"mode": "keyword"}``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    catalog: Catalog
    k: int = 10
    where: Any = None
    options: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it
        **given: Any,
    ) -> list[LangChainDocument]:
        options = {"k": self.k, "where": self.where, **self.options, **given}
        return [
            LangChainDocument(
                id=hit.id, page_content=title_text(hit.title), metadata=hit_metadata(hit)
            )
            for hit in self.catalog.search(query, **options)
        ]
