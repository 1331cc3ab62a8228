"""langchain-tests' standard suites over the vector store and the retriever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)

from tv5core import Catalog
from tv5core.integrations.langchain import CatalogRetriever, Tv5VectorStore


class TestTv5VectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with Tv5VectorStore(self.get_embeddings(), tmp_path / "documents") as store:
            yield store


class TestTemporaryVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:
        with Tv5VectorStore(self.get_embeddings()) as store:
            yield store


@pytest.fixture(autouse=True)
def _opened(films: Catalog) -> None:
    TestCatalogRetriever.films = films


class TestCatalogRetriever(RetrieversIntegrationTests):
    films: Catalog

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return CatalogRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, object]:
        return {"catalog": self.films}

    @property
    def retriever_query_example(self) -> str:
        return "a shark at the beach"
