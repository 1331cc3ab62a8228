"""Tv5DocumentStore: Haystack's document store over documents in a folder."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial, wraps
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from haystack import Document as HaystackDocument
from haystack import default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy

from tv5core.arguments import as_list, check_int, check_type
from tv5core.errors import DuplicateKeyError, InvalidInputError
from tv5core.integrations.documents import Document, DocumentStore
from tv5core.integrations.documents.store import IfExists
from tv5core.integrations.haystack import metadata
from tv5core.integrations.haystack.converting import as_document, as_haystack
from tv5core.integrations.haystack.filters import as_condition
from tv5core.types import ExtraType

__all__ = ["Tv5DocumentStore"]

P = ParamSpec("P")
T = TypeVar("T")
Filters = dict[str, Any]

_POLICIES: Mapping[DuplicatePolicy, IfExists] = {
    DuplicatePolicy.NONE: "fail",
    DuplicatePolicy.FAIL: "fail",
    DuplicatePolicy.SKIP: "skip",
    DuplicatePolicy.OVERWRITE: "replace",
}


def _awaited(
    method: Callable[Concatenate[Tv5DocumentStore, P], T],
) -> Callable[Concatenate[Tv5DocumentStore, P], Coroutine[Any, Any, T]]:
    """Make a method that does what another does, in a thread."""

    @wraps(method)
    async def call(self: Tv5DocumentStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(partial(method, self, *args, **kwargs))

    return call


class Tv5DocumentStore:
    """Documents in a folder, found by vectors, words and metadata.

    What a write returned from is on disk. The folder is opened when it is first needed, and shared
    by all stores of a process, as where a pipeline with a writer and a retriever is loaded.

    Parameters
    ----------
    path : path-like, optional
        The folder; None for a temporary one, removed when the store is closed.
    fields, metric, read_only
        As of ``DocumentStore``: ``fields`` makes filters on these fields fast.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        fields: Mapping[str, ExtraType] | None = None,
        metric: Literal["cosine", "ip"] | None = None,
        read_only: bool = False,
    ) -> None:
        self.path = None if path is None else os.fspath(path)
        self.fields = dict(fields or {})
        self.metric, self.read_only = metric, read_only
        self._opening = threading.Lock()
        self._documents: DocumentStore | None = None

    @property
    def documents(self) -> DocumentStore:
        """The store that this one is thin over."""
        with self._opening:
            if self._documents is None:
                self._documents = DocumentStore(
                    self.path, fields=self.fields, metric=self.metric, read_only=self.read_only
                )
            return self._documents

    def close(self) -> None:
        """Close the folder; the next use opens it again."""
        with self._opening:
            if self._documents is not None:
                self._documents.close()
            self._documents = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- serialisation ------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the settings, without the documents."""
        return default_to_dict(
            self,
            path=self.path,
            fields=self.fields,
            metric=self.metric,
            read_only=self.read_only,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a store with the settings of another."""
        made: Self = default_from_dict(cls, data)
        return made

    # -- documents ----------------------------------------------------------------------------

    def count_documents(self) -> int:
        """Count all documents."""
        return len(self.documents)

    def filter_documents(self, filters: Filters | None = None) -> list[HaystackDocument]:
        """Return the documents that filters are true of, in the order of their ids.

        Raises
        ------
        FilterError
        """
        found = self.documents.documents(as_condition(filters), vectors=True)
        return [as_haystack(one) for one in found]

    def write_documents(
        self, documents: list[HaystackDocument], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Store documents; durable on return.

        Parameters
        ----------
        documents : list of Document
        policy : DuplicatePolicy
            NONE is FAIL.

        Returns
        -------
        int
            How many were written.

        Raises
        ------
        DuplicateDocumentError
            FAIL, and an id is there or twice among these; nothing was stored.
        InvalidInputError
            Not documents, or metadata that is no JSON; nothing was stored.
        """
        check_type("policy", policy, DuplicatePolicy)
        given = [as_document(one) for one in as_list("documents", documents)]
        try:
            written = self.documents.add(given, if_exists=_POLICIES[policy])
        except DuplicateKeyError as error:
            raise DuplicateDocumentError(str(error)) from error
        return len(given) if policy is DuplicatePolicy.OVERWRITE else len(written)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Remove documents by id; unknown ids are ignored."""
        self.documents.delete(document_ids)

    def delete_all_documents(self) -> None:
        """Remove all documents."""
        self.documents.clear()

    def delete_by_filter(self, filters: Filters) -> int:
        """Remove the documents that filters are true of; return how many.

        Raises
        ------
        InvalidInputError
            No filters: ``delete_all_documents`` removes all.
        """
        condition = as_condition(filters)
        if condition is None:
            raise InvalidInputError("expected filters of what to delete, got none")
        return self.documents.delete(condition=condition)

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Set metadata of the documents that filters are true of; return how many."""
        condition = as_condition(filters)
        if condition is None:
            raise InvalidInputError("expected filters of what to update, got none")
        return self.documents.update(condition, meta)

    # -- metadata -----------------------------------------------------------------------------

    def count_documents_by_filter(self, filters: Filters) -> int:
        """Count the documents that filters are true of."""
        return self.documents.count(as_condition(filters))

    def count_unique_metadata_by_filter(
        self, filters: Filters, metadata_fields: list[str]
    ) -> dict[str, int]:
        """Count the values of fields among the documents that filters are true of."""
        return metadata.count_values(self._filtered(filters), metadata_fields)

    def get_metadata_fields_info(self) -> dict[str, dict[str, str]]:
        """Return the fields there are, each with the type of its values."""
        return metadata.field_types(self._filtered(None))

    def get_metadata_field_min_max(self, metadata_field: str) -> dict[str, Any]:
        """Return the least and the greatest value of a field."""
        return metadata.extremes(self._filtered(None), metadata.field_name(metadata_field))

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        """Return a page of a field's values, and how many there are."""
        start, size = check_int("from_", from_, 0), check_int("size", size, 0)
        name = metadata.field_name(metadata_field)
        values = metadata.unique_values(self._filtered(filters), name, search_term or "")
        return values[start : start + size], len(values)

    def _filtered(self, filters: Filters | None) -> Iterable[Document]:
        return self.documents.documents(as_condition(filters))

    # -- awaited ------------------------------------------------------------------------------

    count_documents_async = _awaited(count_documents)
    filter_documents_async = _awaited(filter_documents)
    write_documents_async = _awaited(write_documents)
    delete_documents_async = _awaited(delete_documents)
    delete_all_documents_async = _awaited(delete_all_documents)
    delete_by_filter_async = _awaited(delete_by_filter)
    update_by_filter_async = _awaited(update_by_filter)
    count_documents_by_filter_async = _awaited(count_documents_by_filter)
    count_unique_metadata_by_filter_async = _awaited(count_unique_metadata_by_filter)
    get_metadata_fields_info_async = _awaited(get_metadata_fields_info)
    get_metadata_field_min_max_async = _awaited(get_metadata_field_min_max)
    get_metadata_field_unique_values_async = _awaited(get_metadata_field_unique_values)
