"""Haystack's suites for document stores, awaited ones too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.testing import document_store as suites
from haystack.testing import document_store_async as awaited

from tv5core.integrations.haystack import Tv5DocumentStore


class _Compared:
    """Embeddings come back as float32, documents in the order of their ids."""

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        received, expected = (sorted(some, key=lambda one: one.id) for some in (received, expected))
        assert [one.id for one in received] == [one.id for one in expected]
        for one, other in zip(received, expected, strict=True):
            if other.embedding is not None:
                assert one.embedding == pytest.approx(other.embedding, rel=1e-6)
            assert replace(one, embedding=None) == replace(other, embedding=None)


class _Stored(_Compared):
    @pytest.fixture
    def document_store(self, tmp_path: Path) -> Iterator[Tv5DocumentStore]:
        with Tv5DocumentStore(tmp_path / "documents") as store:
            yield store


class _Typed(_Compared):
    @pytest.fixture
    def document_store(self) -> Iterator[Tv5DocumentStore]:
        fields = {"name": "keyword", "chapter": "keyword", "number": "int", "page": "keyword"}
        with Tv5DocumentStore(fields=fields) as store:  # type: ignore[arg-type]
            yield store


class _Written:
    def test_write_documents(self, document_store: Tv5DocumentStore) -> None:
        documents = [Document(content="test doc")]
        assert document_store.write_documents(documents) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents(documents)


class TestDocumentStore(_Stored, _Written, suites.DocumentStoreBaseExtendedTests):
    pass


class TestDeclaredFields(_Typed, _Written, suites.DocumentStoreBaseTests):
    pass


class TestMetadata(
    _Stored,
    suites.CountDocumentsByFilterTest,
    suites.CountUniqueMetadataByFilterTest,
    suites.GetMetadataFieldsInfoTest,
    suites.GetMetadataFieldMinMaxTest,
    suites.GetMetadataFieldUniqueValuesTest,
):
    pass


class TestAwaited(
    _Stored,
    awaited.CountDocumentsAsyncTest,
    awaited.DeleteDocumentsAsyncTest,
    awaited.FilterDocumentsAsyncTest,
    awaited.DeleteAllAsyncTest,
    awaited.DeleteByFilterAsyncTest,
    awaited.UpdateByFilterAsyncTest,
    awaited.CountDocumentsByFilterAsyncTest,
    awaited.CountUniqueMetadataByFilterAsyncTest,
    awaited.GetMetadataFieldsInfoAsyncTest,
    awaited.GetMetadataFieldMinMaxAsyncTest,
    awaited.GetMetadataFieldUniqueValuesAsyncTest,
):
    pass


class TestWrittenAwaited(_Stored, awaited.WriteDocumentsAsyncTest):
    async def test_write_documents_async(self, document_store: Tv5DocumentStore) -> None:
        documents = [Document(content="test doc")]
        assert await document_store.write_documents_async(documents) == 1
        with pytest.raises(DuplicateDocumentError):
            await document_store.write_documents_async(documents)
