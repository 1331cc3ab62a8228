"""RemoteIndexManager: documents in files here, vectors in a collection elsewhere.

What the collection lacks is live here, so searches read their own writes: a row is moved there once
the server has acknowledged it. Readers learn from the record how far it has come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.index.outbox import Outbox
from tv5core.catalog.index.seal_policy import Changes
from tv5core.catalog.index.sender import Sender
from tv5core.errors import VectorDatabaseError, VectorDatabaseUnavailableError
from tv5core.query.document_index import DocumentIndex
from tv5core.store import Store, embeddings
from tv5core.store.meta import Meta
from tv5core.store.records import Generation
from tv5core.types import Progress
from tv5core.vector_databases import (
    CollectionAddress,
    GuardedCollection,
    RemoteIndex,
    open_collection,
)
from tv5core.vectors import SearchSettings, Segment, VectorIndex

__all__ = ["RemoteIndexManager"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class RemoteIndexManager(IndexManager):
    """Keep an index in step with a store and a collection.

    Parameters
    ----------
    store : Store
    url : str
        The collection's.
    auto_seal : bool
        Of documents.

    Raises
    ------
    CollectionMismatchError
        The collection is another catalogue's, or of others.
    """

    keeps_files = False

    def __init__(self, store: Store, url: str, *, auto_seal: bool) -> None:
        self._address = CollectionAddress.parse(url)
        collection = open_collection(self._address)
        self.collection = GuardedCollection(collection, self._address, self._check)
        self._outbox = Outbox(store, self._address, self.collection)
        self._sender = Sender(self._send, str(store.folder))
        try:
            super().__init__(store, auto_seal=auto_seal)
            self._meet(store)
        except BaseException:
            self._sender.stop()
            collection.close()
            raise

    def _check(self, found: Any) -> None:
        self._outbox.check(found)

    def _meet(self, store: Store) -> None:
        """Refuse a collection of others at once; one that is away is met later."""
        meta = store.meta
        try:
            found = self.collection.call(self.collection.collection.describe)
        except VectorDatabaseUnavailableError:
            found = None
        if found is not None and meta.dim:
            self._outbox.refuse_others(found)
        self.poke()

    def poke(self) -> None:
        """Have what waits sent, where this process writes."""
        if self._store.writable and self._outbox.is_due(self._store.meta):
            self._sender.poke()

    # -- the index ------------------------------------------------------------------------

    def new_index(self, meta: Meta, dim: int = 0) -> VectorIndex | None:
        """Return an index of which nothing is elsewhere."""
        if not dim and not meta.dim:
            return None
        settings: SearchSettings | None = None
        how = meta.metric, meta.rescoring, settings, self.collection
        return RemoteIndex(dim or meta.dim, *how)

    def _open_vectors(
        self,
        meta: Meta,  # noqa: ARG002
        generation: Generation,  # noqa: ARG002
        *,
        verify: bool,  # noqa: ARG002
    ) -> VectorIndex | None:
        return None

    def _read_vectors(self, served: ServedIndex, meta: Meta) -> None:
        """Find elsewhere what is there, and read what is not."""
        with self._store.read() as txn:
            now = self._store.refresh(txn)
            waiting = self._outbox.waiting(txn, now, served.space)
            rows = embeddings.rows(txn, served.space)
        if isinstance(served.index, RemoteIndex):
            served.index.start(np.setdiff1d(rows, waiting))
            self.reload_rows(served, waiting)
        served.publish(max(now.last_seq, meta.last_seq) if now.space == served.space else 0)

    def replay(self, served: ServedIndex) -> bool:
        """Replay the journal onto an index, and find elsewhere what has arrived there."""
        if not super().replay(served):
            return False
        index = served.index
        if isinstance(index, RemoteIndex):
            with self._store.read() as txn:
                meta = self._store.refresh(txn)
                waiting = self._outbox.waiting(txn, meta, served.space)
            lacking = index.settle(waiting)
            self.reload_rows(served, lacking)
            served.publish(served.applied)
        return True

    def apply(self, rows: I64, vectors: F32, removed: I64, changed: I64) -> None:
        """Apply what was just committed, and have it sent."""
        super().apply(rows, vectors, removed, changed)
        self.poke()

    def current(self) -> ServedIndex:
        """Return what to search; a space that has just been taken over is sent."""
        served = super().current()
        sent = self._store.meta.sent
        if sent is None or sent.space != served.space:
            self.poke()
        return served

    # -- sending --------------------------------------------------------------------------

    def _send(self) -> bool:
        rows = self._outbox.send_some()
        if rows is None:
            return False
        with self._store.lock:
            served = self.served
            if not isinstance(served.index, RemoteIndex) or served.space != self._store.meta.space:
                return True
            with self._store.read() as txn:
                changed = self._outbox.changed_since(txn, self._store.refresh(txn))
            served.index.arrived(np.setdiff1d(rows, changed))
            served.publish(served.applied)
        return True

    def describe_elsewhere(self) -> dict[str, Any]:
        """Return where vectors are, what waits to be sent, and whether it can be."""
        meta, index = self._store.meta, self.served.index
        failure = self._sender.failure or self.collection.failure
        return {
            "url": str(self._address),
            "vectors": 0 if index is None else len(index) - index.live_count,
            "waiting": 0 if index is None else index.live_count,
            "lag": self._outbox.lag(meta),
            "sent_at": self._sender.sent_at,
            "reachable": not failure,
            "reason": failure,
        }

    # -- sealing: documents alone ---------------------------------------------------------

    def _changes(self) -> tuple[Changes, Changes]:
        return Changes(), super()._changes()[1]

    def _graph(self) -> Segment | None:
        return None

    def _seal(self, vectors: bool, progress: Progress | None) -> None:  # noqa: ARG002
        if self._has_titles():
            self._install(*self.build_documents(progress=progress))
        else:
            self._serve_nothing()

    def _beside_documents(self, meta: Meta) -> VectorIndex | None:  # noqa: ARG002
        return self.served.index

    def rebuild(self, progress: Progress | None = None) -> None:
        """Make the documents anew, and have all vectors sent again."""
        super().rebuild(progress)
        if self._store.writable:
            self._outbox.restart()
            with self._store.lock:
                self.replay(self.served)
            self.wait()

    def check_elsewhere(self) -> list[str]:
        """Say what is wrong with the collection; nothing while vectors are on their way."""
        meta = self._store.meta
        if self._outbox.lag(meta):
            return []
        with self._store.read() as txn:
            expected = len(embeddings.rows(txn, meta.space))
            before = self._store.refresh(txn).last_seq
        try:
            got = self.collection.call(self.collection.collection.count)
        except VectorDatabaseError as error:
            return [str(error)]
        if got == expected or self._store.meta.last_seq != before:
            return []
        return [f"expected {expected:,} points in {self._address}, got {got:,}"]

    def build(
        self,
        space: int,  # noqa: ARG002
        dim: int,  # noqa: ARG002
        documents: DocumentIndex | None = None,
        *,
        applied: int | None = None,  # noqa: ARG002
        progress: Progress | None = None,
    ) -> tuple[ServedIndex, Generation]:
        """Write the documents of a new generation: there are no files of vectors."""
        return self.build_documents(documents, progress=progress)

    # -- the end --------------------------------------------------------------------------

    def wait(self) -> None:
        """Wait for work in the background, and until all is sent or cannot be."""
        super().wait()
        self.poke()
        self._sender.wait()

    def after_fork(self) -> None:
        """Restart in a child, which reads, with a connection of its own."""
        collection = open_collection(self._address)
        self.collection = GuardedCollection(collection, self._address, self._check)
        self._outbox = Outbox(self._store, self._address, self.collection)
        self._sender = Sender(self._send, str(self._store.folder))
        super().after_fork()

    def close(self) -> None:
        """Stop sending, and close the index and the connection."""
        self._sender.stop()
        super().close()
        self.collection.close()
