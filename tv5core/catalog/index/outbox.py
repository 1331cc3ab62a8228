"""The outbox: vectors on their way from the journal to a collection elsewhere.

A transaction that changes titles writes the journal, and the journal is the outbox: the record says
up to which entry the collection has the vectors. Applying an entry brings each row it names to its
*current* value there, so it may be done twice; the record moves on once the server has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.collection_labels import SERVED, Labels, check_fits
from tv5core.errors import CollectionMismatchError, CorruptFileError, VectorDatabaseError
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, journal, titles
from tv5core.store.meta import Meta
from tv5core.store.records import SentVectors
from tv5core.store.transaction import Txn
from tv5core.vector_databases import CollectionAddress, Described, GuardedCollection

__all__ = ["Outbox"]

I64 = npt.NDArray[np.int64]

_BATCH = 512
"""Rows sent at once: some 6 MB of JSON at 768 dimensions; servers take 32 MB."""
_NONE = np.empty(0, np.int64)


class _Block(NamedTuple):
    rows: I64
    sent: SentVectors
    """The record once they are there."""


class Outbox:
    """What a collection lacks, and how it gets there.

    Parameters
    ----------
    store : Store
    address : CollectionAddress
    collection : GuardedCollection
    """

    def __init__(
        self, store: Store, address: CollectionAddress, collection: GuardedCollection
    ) -> None:
        self._store, self._place, self._address = store, str(address), address
        self._collection = collection
        self._ready = False

    # -- what is waiting ------------------------------------------------------------------

    def waiting(self, txn: Txn, meta: Meta, space: int) -> I64:
        """Return the rows of a space that the collection may not have as they are, ascending."""
        sent = self._sent(meta)
        if sent is None or sent.space != space:
            return embeddings.rows(txn, space)
        changed = self._changed(txn, meta, sent)
        if changed is None:
            return embeddings.rows(txn, space)
        if sent.filled < 0:
            return changed
        rows = embeddings.rows(txn, space)
        return np.union1d(changed, rows[rows >= sent.filled])

    def changed_since(self, txn: Txn, meta: Meta) -> I64:
        """Return the rows that have changed after what the record says was sent."""
        sent = self._sent(meta)
        changed = None if sent is None else self._changed(txn, meta, sent)
        return embeddings.rows(txn, meta.space) if changed is None else changed

    def lag(self, meta: Meta) -> int:
        """Return how many journal entries the collection is behind; -1 before all was sent once."""
        sent = self._sent(meta)
        if sent is None or sent.filled >= 0 or sent.space != meta.space:
            return -1
        return meta.last_seq - sent.seq

    def is_due(self, meta: Meta) -> bool:
        """Return whether there is something to send."""
        return bool(meta.dim) and self.lag(meta) != 0

    def _sent(self, meta: Meta) -> SentVectors | None:
        return meta.sent if meta.sent is not None and meta.sent.place == self._place else None

    @staticmethod
    def _changed(txn: Txn, meta: Meta, sent: SentVectors) -> I64 | None:
        try:
            return journal.rows_after(txn, sent.seq, meta)
        except CorruptFileError:
            return None

    # -- sending --------------------------------------------------------------------------

    def check(self, found: Described | None) -> None:
        """Raise CollectionMismatchError where a collection is not the one to search."""
        meta = self._store.meta
        if found is None:
            raise CollectionMismatchError(f"expected a collection at {self._address}, got none")
        check_fits(found, meta, SERVED, self._address)

    def refuse_others(self, found: Described) -> None:
        """Raise CollectionMismatchError where it is not one that this catalogue made to search."""
        meta = self._store.meta
        theirs = Labels.read(found.labels, self._address)
        if theirs.catalog != meta.uid or theirs.use != SERVED:
            check_fits(found, meta, SERVED, self._address)

    def send_some(self) -> I64 | None:
        """Send the next rows; return them once they are there, None where nothing is due.

        Raises
        ------
        VectorDatabaseError
        """
        if not self.is_due(self._store.meta):
            return None
        if not self._ready:
            self._collection.call(self._prepare)
            self._ready = True
        try:
            return self._send_some()
        except VectorDatabaseError:
            self._ready = False  # looks at it again when it is back
            raise

    def _send_some(self) -> I64 | None:
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
            sent = self._sent(meta)
            if sent is None or sent.space != meta.space:
                self._ready = False
                return _NONE
            block = self._next(txn, meta, sent)
            if block is None:
                self._ready = False  # the journal does not lead on: begins anew
                self._store.change_meta(sent=None)
                return _NONE
            found = embeddings.gather(txn, meta.space, block.rows, meta.dim)
            payloads = [{"id": self._id(txn, row)} for row in found.rows.tolist()]
        there = self._collection
        gone = np.concatenate([found.absent, found.damaged]).tolist()
        there.call(lambda: self._apply(found.rows.tolist(), found.vectors, payloads, gone))
        failpoint("outbox: applied")
        self._store.write(lambda _, now: (self._moved(now, sent, block.sent), None))
        failpoint("outbox: recorded")
        return block.rows

    def _apply(
        self,
        keys: Sequence[int],
        vectors: npt.NDArray[np.float32],
        payloads: Sequence[dict[str, str]],
        gone: Sequence[int],
    ) -> None:
        self._collection.collection.put(keys, vectors, payloads)
        self._collection.collection.delete(gone)

    @staticmethod
    def _id(txn: Txn, row: int) -> str:
        title = titles.readable(txn, row)
        return "" if title is None else title.id

    @staticmethod
    def _moved(now: Meta, before: SentVectors, after: SentVectors) -> Meta:
        return msgspec.structs.replace(now, sent=after) if now.sent == before else now

    @staticmethod
    def _next(txn: Txn, meta: Meta, sent: SentVectors) -> _Block | None:
        """Return what is to be sent next; None where the journal does not say any more."""
        if sent.filled >= 0:
            rows = embeddings.rows_from(txn, sent.space, sent.filled, _BATCH)
            filled = int(rows[-1]) + 1 if len(rows) else -1
            return _Block(rows, msgspec.structs.replace(sent, filled=filled))
        first = journal.begin(txn, meta)
        if sent.seq == meta.last_seq:
            return _Block(_NONE, sent)
        if first is None or first > sent.seq + 1:
            return None
        found: list[I64] = [_NONE]
        last = sent.seq
        try:
            for last, vectors, _ in journal.entries_after(txn, sent.seq):  # noqa: B007
                found.append(vectors)
                if sum(map(len, found)) >= _BATCH:
                    break
        except CorruptFileError:
            return None
        return _Block(np.unique(np.concatenate(found)), msgspec.structs.replace(sent, seq=last))

    def restart(self) -> None:
        """Have all vectors sent again, into a collection that is made anew."""
        self._ready = False
        self._store.change_meta(sent=None)

    # -- the collection -------------------------------------------------------------------

    def _prepare(self) -> None:
        """Make the collection, or see that it is the one that vectors were sent to.

        Raises
        ------
        CollectionMismatchError
            It is another catalogue's, or of others.
        """
        meta, there = self._store.meta, self._collection.collection
        found, sent = there.describe(), self._sent(meta)
        labels = Labels.of(meta, SERVED)
        if found is not None:
            self.refuse_others(found)
            theirs = Labels.read(found.labels, self._address)
            same = (theirs.space, theirs.embedder) == (labels.space, labels.embedder)
            if same and sent is not None and sent.space == meta.space:
                return
            there.drop()  # ours, of an earlier space, or of nobody knows when
        there.create(meta.dim, meta.metric, labels.stored())
        begun = SentVectors(self._place, meta.space, 0, meta.last_seq)
        self._store.change_meta(sent=begun)
