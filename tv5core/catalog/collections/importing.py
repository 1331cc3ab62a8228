"""Imports of a collection that an export made: titles with their vectors, in the order of keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.collection_labels import COPY, Labels
from tv5core.catalog.collections.exporting import CollectionReport
from tv5core.catalog.collections.sampling import recall_of
from tv5core.catalog.copies.export import EXACT_FIELD
from tv5core.errors import CollectionMismatchError, VectorDatabaseError
from tv5core.results import SearchResult
from tv5core.store import titles
from tv5core.types import Progress, Title
from tv5core.vector_databases import (
    CollectionAddress,
    Point,
    VectorCollection,
    open_collection,
)

__all__ = ["Importing", "import_collection"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BATCH = 256
_SAMPLED = 20


class Importing(Protocol):
    """What an import needs of a catalogue."""

    def add(
        self,
        titles: Sequence[Title],
        vectors: Sequence[F32] | None = None,
        *,
        checkpoint: tuple[str, bytes],
    ) -> Any:
        """Store titles and vectors with how far the import has come."""

    def checkpoint(self, key: str) -> bytes | None:
        """Return how far it has come."""

    def clear_checkpoints(self, prefix: str) -> int:
        """Forget how far it has come."""

    def count(self) -> int:
        """Count titles."""

    def search(self, query: F32, k: int, *, exact: bool) -> SearchResult:
        """Find neighbours of a vector."""


def import_collection(
    catalog: Importing, url: str, report: Progress, *, embed: bool = False
) -> CollectionReport:
    """Bring an exported collection into a catalogue; see ``Catalog.import_collection``."""
    address = CollectionAddress.parse(url)
    collection = open_collection(address)
    try:
        _check(collection, address)
        total, keys = collection.count(), []
        mark = f"collection:{address}"
        start = int(catalog.checkpoint(mark) or b"0")
        sent = 0
        while page := collection.page(start, _BATCH, vectors=True, payloads=True):
            start = page[-1].key + 1
            _store(catalog, page, embed, (mark, str(start).encode()))
            keys += [point.key for point in page]
            sent += len(page)
            report(sent, max(total, sent), "importing")
        sampled = [] if embed else _compared(collection, keys)
        recall = recall_of(collection, np.asarray(sampled), _Exact(catalog, collection))
        catalog.clear_checkpoints(mark)
        return CollectionReport(str(address), catalog.count(), total, sent, 0, len(sampled), recall)
    finally:
        collection.close()


def extra_fields_of(url: str) -> dict[str, str]:
    """Return the types of the own fields of the catalogue that a collection was made from.

    Raises
    ------
    CollectionMismatchError, VectorDatabaseError, InvalidInputError
    """
    address = CollectionAddress.parse(url)
    collection = open_collection(address)
    try:
        return _check(collection, address).extra_fields
    finally:
        collection.close()


def _check(collection: VectorCollection, address: CollectionAddress) -> Labels:
    found = collection.describe()
    if found is None:
        raise CollectionMismatchError(f"expected a collection at {address}, got none")
    labels = Labels.read(found.labels, address)
    if labels.use != COPY or not labels.complete:
        raise CollectionMismatchError(
            f"expected a whole export at {address}, got "
            + ("one that was interrupted" if labels.use == COPY else f"one made as {labels.use}")
            + ": export it first"
        )
    return labels


def _store(catalog: Importing, page: Sequence[Point], embed: bool, mark: tuple[str, bytes]) -> None:
    some = [_title(point) for point in page]
    if embed:
        catalog.add(some, checkpoint=mark)
        return
    catalog.add(some, [_vector(point) for point in page], checkpoint=mark)


def _vector(point: Point) -> F32:
    if point.vector is None:
        raise VectorDatabaseError(f"expected a vector with point {point.key}, got none")
    return point.vector


def _title(point: Point) -> Title:
    payload: Mapping[str, Any] = point.payload
    try:
        if exact := payload.get(EXACT_FIELD):
            return titles.decode(titles.framed(base64.b64decode(exact, validate=True)))
        return msgspec.convert(payload, Title)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise VectorDatabaseError(
            f"expected a title with point {point.key}, got {error}"
        ) from error


def _compared(collection: VectorCollection, keys: list[int]) -> list[F32]:
    """Return some vectors of those imported by this call."""
    chosen = np.random.default_rng(0).permutation(len(keys))[:_SAMPLED].tolist()
    points = collection.get([keys[place] for place in chosen]) if chosen else []
    return [_vector(point) for point in points]


class _Exact:
    """The catalogue's own neighbours, by the keys that the collection has for them."""

    def __init__(self, catalog: Importing, collection: VectorCollection) -> None:
        self._catalog, self._collection = catalog, collection

    def __call__(self, vector: F32, k: int) -> tuple[I64, F32]:
        hits = self._catalog.search(vector, k, exact=True)
        scores = np.asarray([hit.score for hit in hits], np.float32)
        return np.full(len(hits), -1, np.int64), scores
