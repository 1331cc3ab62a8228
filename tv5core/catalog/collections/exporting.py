"""Exports to a collection: what has a vector becomes a point, under the number of its row.

Points are sent in the order of their keys, and the collection's labels say from which journal entry
on changes have to be sent again. So what an interrupted export has sent stays, and a later export
sends what has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.collection_labels import COPY, Labels, check_fits, check_has_vectors
from tv5core.catalog.collections.sampling import Exact, check_points, recall_of
from tv5core.catalog.copies.export import title_line
from tv5core.errors import VectorDatabaseError
from tv5core.store import Store, embeddings, journal, titles
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn
from tv5core.types import Progress
from tv5core.vector_databases import CollectionAddress, VectorCollection, open_collection

__all__ = ["CollectionReport", "export_collection", "payload_of"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BATCH = 256
"""Points sent at once: some 3 MB of JSON at 768 dimensions; servers take 32 MB."""
_KEYS = 4_096
_PASSES = 5
_SAMPLED = 20


class CollectionReport(msgspec.Struct, frozen=True):
    """What was copied into a collection, or out of one.

    Attributes
    ----------
    path : str
        The collection's URL, without credentials.
    titles : int
        Of the catalogue; those without a vector are in no collection.
    vectors : int
        Points that the collection has now.
    sent, removed : int
        What this call had to change; 0 where nothing has changed since the last.
    sampled : int
        Points that were fetched, compared and searched for.
    recall : float
        Share of their ten true neighbours that the collection found.
    """

    path: str
    titles: int
    vectors: int
    sent: int = 0
    removed: int = 0
    sampled: int = 0
    recall: float = 1.0


class _Plan(NamedTuple):
    rows: I64
    """All that are to be sent or, where they have no vector any more, deleted; ascending."""
    meta: Meta
    labels: Labels


def export_collection(
    store: Store, url: str, exact: Exact, report: Progress, *, replace: bool = False
) -> CollectionReport:
    """Copy the catalogue's titles and vectors into a collection; see ``Catalog.export``.

    Parameters
    ----------
    store : Store
    url : str
    exact : callable
        The catalogue's own exact search, to compare with.
    report : callable
    replace : bool
        Delete what is there first, whatever it is.
    """
    address = CollectionAddress.parse(url)
    collection = open_collection(address)
    try:
        sent = removed = 0
        for _ in range(_PASSES):  # a writer may go on meanwhile
            plan = _begin(store, collection, address, replace=replace)
            replace = False
            done = _send(store, collection, plan, report)
            sent, removed = sent + done[0], removed + done[1]
            labels = msgspec.structs.replace(plan.labels, seq=plan.meta.last_seq, complete=True)
            collection.label(labels.stored())
            if _last_seq(store) == plan.meta.last_seq:
                break
        removed += _remove_unknown(store, collection, plan.meta)
        checked = _checked(store, collection, plan.meta, exact, report)
        return CollectionReport(str(address), *checked[:2], sent, removed, *checked[2:])
    finally:
        collection.close()


def _last_seq(store: Store) -> int:
    with store.read() as txn:
        return store.refresh(txn).last_seq


def _begin(
    store: Store, collection: VectorCollection, address: CollectionAddress, *, replace: bool
) -> _Plan:
    with store.read() as txn:
        meta = store.refresh(txn)
        check_has_vectors(meta)
        rows = embeddings.rows(txn, meta.space)
    if replace:
        collection.drop()
    found = collection.describe()
    if found is None:
        labels = Labels.of(meta, COPY)
        collection.create(meta.dim, meta.metric, labels.stored())
        return _Plan(rows, meta, labels)
    labels = check_fits(found, meta, COPY, address)
    with store.read() as txn:
        changed = journal.rows_after(txn, labels.seq, store.refresh(txn), titles=True)
    if changed is None:  # the journal does not reach back so far
        return _Plan(rows, meta, labels)
    last = meta.next_row if labels.complete else _last_key(collection, meta.next_row)
    return _Plan(np.union1d(changed, rows[rows > last]), meta, labels)


def _last_key(collection: VectorCollection, above: int) -> int:
    """Return the last key that is there, -1 where none is."""
    low, high = -1, above
    while high - low > 1:
        middle = (low + high) // 2
        found = collection.page(middle, 1, vectors=False, payloads=False)
        if found:
            low = found[0].key
        else:
            high = middle
    return low


def _send(
    store: Store, collection: VectorCollection, plan: _Plan, report: Progress
) -> tuple[int, int]:
    sent = removed = 0
    total = len(plan.rows)
    for start in range(0, total, _BATCH):
        report(start, total, "exporting")
        some = plan.rows[start : start + _BATCH]
        with store.read() as txn:
            found = embeddings.gather(txn, plan.meta.space, some, plan.meta.dim)
            payloads = [payload_of(txn, row) for row in found.rows.tolist()]
        collection.put(found.rows.tolist(), found.vectors, payloads)
        collection.delete(found.absent.tolist())
        sent, removed = sent + len(found.rows), removed + len(found.absent)
    report(total, total, "exporting")
    return sent, removed


def payload_of(txn: Txn, row: int) -> dict[str, Any]:
    """Return a title's fields as JSON has them, with all that makes it again."""
    data = titles.bytes_of(txn, row)
    if data is None:
        raise VectorDatabaseError(f"row {row}: expected a title beside its vector, got none")
    line = title_line(titles.decode(data), titles.body(data))
    payload: dict[str, Any] = msgspec.json.decode(line)
    return payload


def _remove_unknown(store: Store, collection: VectorCollection, meta: Meta) -> int:
    """Delete points whose rows are gone, where their number says that there are some."""
    with store.read() as txn:
        rows = embeddings.rows(txn, meta.space)
    if collection.count() <= len(rows):
        return 0
    removed, start = 0, 0
    while page := collection.page(start, _KEYS, vectors=False, payloads=False):
        keys = np.asarray([point.key for point in page], np.int64)
        unknown = np.setdiff1d(keys, rows)
        collection.delete(unknown.tolist())
        removed, start = removed + len(unknown), int(keys[-1]) + 1
    return removed


def _checked(
    store: Store, collection: VectorCollection, meta: Meta, exact: Exact, report: Progress
) -> tuple[int, int, int, float]:
    """Count what is there and compare some of it; return titles, vectors, samples, recall.

    Raises
    ------
    VectorDatabaseError
    """
    report(0, 1, "checking")
    with store.read() as txn:
        rows, count = embeddings.rows(txn, meta.space), titles.count(txn)
        chosen = _sample(rows)
        vectors = embeddings.gather(txn, meta.space, chosen, meta.dim).vectors
        ids = [title.id for row in chosen.tolist() if (title := titles.readable(txn, row))]
    there = collection.count()
    if there != len(rows):
        raise VectorDatabaseError(f"expected {len(rows):,} points in the collection, got {there:,}")
    check_points(collection, chosen, vectors, ids)
    recall = recall_of(collection, vectors, exact)
    report(1, 1, "checking")
    return count, there, len(chosen), recall


def _sample(rows: I64) -> I64:
    chosen: Sequence[int] = np.random.default_rng(0).permutation(len(rows))[:_SAMPLED].tolist()
    return np.sort(rows[chosen])
