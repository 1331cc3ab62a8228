"""The catalogue's index, opened and kept in step with the store.

- Opening takes the newest generation whose files are sound, else the one before, else rebuilds
  the index from the stored vectors; then it replays the journal.
- A writer applies its own changes after their commit; a reader follows the journal.
"""

from __future__ import annotations

import logging
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.background import BackgroundWorker
from tv5core.catalog.index.document_generation import open_documents
from tv5core.catalog.index.generation_files import open_generation
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.index.served import ServedIndex, empty_index, served_of
from tv5core.catalog.index.title_source import StoredTitles
from tv5core.errors import CatalogError, CorruptFileError, DiskFullError, Tv5Error
from tv5core.lmdb_env.calls import UnfinishedCall
from tv5core.query.document_index import DocumentIndex
from tv5core.store import Store, embeddings, journal
from tv5core.store.meta import Meta
from tv5core.store.records import Generation
from tv5core.store.transaction import Txn
from tv5core.vectors import VectorIndex

__all__ = ["IndexFollower", "apply_rows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

log = logging.getLogger("tv5core")

_BLOCK_ROWS = 4_096


class IndexFollower:
    """Keep an index in step with a store.

    Attributes
    ----------
    served : ServedIndex
        What searches use; replaced, never mixed.
    recovered : list of str
        What opening found damaged and what was done about it.
    change : UnfinishedCall
        Begun before a commit, done once the index is in step; else the journal is replayed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.background = BackgroundWorker(store.lock, store.note_progress)
        self._damaged: set[int] = set()  # generations found damaged, or of no use to a reader
        self._verified: set[int] = set()  # generations whose every byte was checked
        self._behind = self._journal_damaged = False
        self._doubts, self._seen = store.doubts, -1  # what the index is in step with
        self.change = UnfinishedCall()
        self.recovery = RecoveryLog(store.folder)
        self.recovered = self.recovery.messages
        self.titles = StoredTitles(store, self.recovery, self.background)
        self.served = self._nothing()
        self.served = self._open()

    def _nothing(self) -> ServedIndex:
        """Return what serves no space, and has yet to be opened."""
        return ServedIndex(-1, self._new_documents())

    def _new_documents(self) -> DocumentIndex:
        """Return documents of all titles, which are made when a search needs them."""
        return DocumentIndex(self.titles.source, self._store.meta.last_seq)

    # -- opening --------------------------------------------------------------------------

    def _open(self) -> ServedIndex:
        while True:
            with self._store.read() as txn:
                meta = self._store.refresh(txn)
            served = None if self._journal_damaged else self._open_sealed(meta)
            if served is None and not self._store.writable:
                with self._store.read() as txn:
                    if self._store.refresh(txn).generations != meta.generations:
                        continue  # the writer has sealed again, and removed what we looked for
            served = served or self._rebuild(meta)
            if self.replay(served):
                self._drop_damaged()
                return served

    def _open_sealed(self, meta: Meta) -> ServedIndex | None:
        for place, generation in enumerate(meta.generations):
            try:
                served = self._open_generation(meta, generation)
                # An older one is of use only where the journal reaches back that far.
                if not place or self.replay(served):
                    return served
            except CorruptFileError as error:
                self._damaged.add(generation.number)
                self.recovery.add(f"generation {generation.number} cannot be used: {error}")
            except (CatalogError, OSError) as error:  # too many open files: not its fault
                self.recovery.add(f"generation {generation.number} cannot be opened now: {error}")
        return None

    def _open_generation(self, meta: Meta, generation: Generation) -> ServedIndex:
        unknown = generation.number not in self._verified
        self._store.environment.check_identity()
        index = self._open_vectors(meta, generation, verify=unknown)
        documents = open_documents(
            self._store.folder,
            generation,
            self.titles.source,
            None if index is None else index.snapshot.segments[0],
            lambda wrong: self._note_damaged_documents(generation, wrong),
            verified=not unknown,
        )
        self._store.environment.check_identity()
        index_or_none = index or self.new_index(meta)
        served = served_of(meta, documents or self.served.documents, index_or_none)
        served.space, served.generation = generation.space, generation.number
        if index is None:
            self._read_vectors(served, meta)
        else:
            served.publish(generation.seq)
        self._verified.add(generation.number)
        return served

    def new_index(self, meta: Meta, dim: int = 0) -> VectorIndex | None:
        """Return an index without rows; None until the catalogue has a vector."""
        return empty_index(meta, dim)

    def _open_vectors(
        self, meta: Meta, generation: Generation, *, verify: bool
    ) -> VectorIndex | None:
        return open_generation(self._store.folder, meta, generation, verify=verify)

    def _note_damaged_documents(self, generation: Generation, wrong: str) -> None:
        self.recovery.add(
            f"documents of generation {generation.number} are made again from the titles: {wrong}"
        )

    def _drop_damaged(self) -> None:
        """Remove damaged generations from the record, so that sealing replaces them."""
        meta = self._store.meta
        kept = tuple(g for g in meta.generations if g.number not in self._damaged)
        if self._store.writable and kept != meta.generations:
            with suppress(DiskFullError):  # they are skipped next time as well
                self._store.change_meta(generations=kept)

    def _rebuild(self, meta: Meta) -> ServedIndex:
        """Index all stored vectors in memory."""
        if meta.generations:
            self.recovery.add("the index was rebuilt from the stored vectors")
        served = served_of(meta, self.served.documents, self.new_index(meta))
        self._read_vectors(served, meta)
        return served

    def _read_vectors(self, served: ServedIndex, meta: Meta) -> None:
        """Index all stored vectors of a space in memory."""
        with self._store.read() as txn:
            rows = embeddings.rows(txn, served.space)
        self.reload_rows(served, rows)
        served.publish(meta.last_seq)

    # -- following the store --------------------------------------------------------------

    def current(self) -> ServedIndex:
        """Return what to search, in step with every committed change."""
        if self.served.documents.is_fragmented:
            self.background.start("documents", self.served.documents.merge_large)
        if self._store.writable:
            if self._is_behind():
                self._follow()
            return self.served
        last = self._store.environment.last_transaction()
        if last != self._seen or self._behind:
            self._follow()
            self._seen = last
        return self.served

    def _is_behind(self) -> bool:
        """Return whether what was committed may have passed a writer's index by."""
        self._store.resolve_doubt()
        change = self.change.call is not None and self.change.was_interrupted()
        return change or self._behind or self._doubts != self._store.doubts

    def after_fork(self) -> None:
        """Restart in a child: another thread may have been changing the index."""
        self.change = UnfinishedCall()
        self.background = BackgroundWorker(self._store.lock, self._store.note_progress)
        self.served = self._nothing()
        self._behind = True

    def refresh(self) -> None:
        """Bring the index in step with changes that were made beside it."""
        self._behind = True
        self.current()

    def _follow(self) -> None:
        with self._store.lock:
            doubts = self._store.doubts
            if not self.replay(self.served):
                self.served = self._open()
            self._behind, self._doubts = False, doubts
            self.change.done()
            newest = self._store.meta.generations[:1]
        if newest and not self._store.writable and newest[0].number != self.served.generation:
            self.background.start("follow", lambda: self._swap_in(newest[0]))

    def _swap_in(self, generation: Generation) -> None:
        """Swap in what the writer sealed; until then the journal kept us in step."""
        if generation.number in {*self._damaged, self.served.generation}:
            return
        try:
            served = self._open_generation(self._store.meta, generation)
        except (Tv5Error, OSError) as error:
            # The writer may have replaced it already; what is served now stays in step.
            self._damaged.add(generation.number)
            log.info("%s: generation %d: %s", self._store.folder, generation.number, error)
            return
        served.documents = served.documents.checked() or self.served.documents
        with self._store.lock:
            if served.space != self.served.space:
                return
            if not self.replay(served):  # nor will it be: not to be opened at every change
                self._damaged.add(generation.number)
                return
            if self.replay(self.served):
                self.take_over_documents(served)
            served.embedder = self.served.embedder
            self.served = served

    def take_over_documents(self, served: ServedIndex) -> None:
        """Give an index over newer files the documents that are live in the one served.

        Called with the store's lock held, and the one served in step.
        """
        files = served.documents
        if files is self.served.documents or files.sealed is None:
            return
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
            changed = self._rows_after(txn, files.sealed_seq, meta, titles=True)
        if changed is not None:
            served.documents = self.served.documents.on(files, changed)
            served.publish(served.applied)

    def replay(self, served: ServedIndex) -> bool:
        """Replay the journal onto an index.

        Return False when it cannot be done: the space is no longer the one served, or the journal
        was trimmed past what this index contains. ``applied`` moves last, for what is interrupted.
        """
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
            if meta.space != served.space:
                return False
            rows = self._rows_after(txn, served.applied, meta)
            if rows is None:
                return False
            changed = self._rows_after(txn, served.documents.applied, meta, titles=True)
        self._prepare(served, meta)
        if changed is None:
            served.documents = self._new_documents()
        else:
            served.documents.note(changed, meta.last_seq)
        self.reload_rows(served, rows)
        served.publish(meta.last_seq)
        return True

    def _rows_after(self, txn: Txn, seq: int, meta: Meta, *, titles: bool = False) -> I64 | None:
        try:
            return journal.rows_after(txn, seq, meta, titles=titles)
        except CorruptFileError as error:
            self._journal_damaged = True
            self.recovery.add(f"the journal does not say any more what changed: {error}")
            return None

    def reload_rows(self, served: ServedIndex, rows: I64) -> None:
        """Bring rows to their stored values: a vector, or none."""
        index = served.index
        if index is None:
            return
        for start in range(0, len(rows), _BLOCK_ROWS):
            with self._store.read() as txn:
                some = rows[start : start + _BLOCK_ROWS]
                found = embeddings.gather(txn, served.space, some, index.dim)
            gone = np.concatenate([found.absent, found.damaged])
            apply_rows(index, found.rows, found.vectors, gone)
            self.recovery.leave_out(found.damaged)

    def apply(self, rows: I64, vectors: F32, removed: I64, changed: I64) -> None:
        """Apply to the index what was just committed; called with the store's lock held.

        Where an earlier change did not get this far the journal is replayed instead.

        Parameters
        ----------
        rows : int64[n]
        vectors : float32[n, dim]
        removed : int64[m]
            Rows whose vectors were removed.
        changed : int64[k]
            Rows whose titles are new, changed or gone.
        """
        served, meta = self.served, self._store.meta
        if served.applied != meta.last_seq - 1:
            self._follow()
            return
        self._prepare(served, meta)
        served.documents.note(changed, meta.last_seq)
        if served.index is not None:
            apply_rows(served.index, rows, vectors, removed)
        served.publish(meta.last_seq)
        if served.documents.are_due:
            self.background.start("make documents", self._make_documents)

    def _prepare(self, served: ServedIndex, meta: Meta) -> None:
        """Adopt the dimension and the embedder of the first vectors."""
        served.fingerprint = meta.embedder
        if served.index is None:
            served.index = self.new_index(meta)

    def _make_documents(self) -> None:
        """Make documents of what was noted, so that the next search need not."""
        report = self.background.cancellable(None)
        with suppress(Tv5Error, OSError):  # the next search meets it, unless all is closing
            self.served.make_documents(lambda done, total: report(done, total, "documents"))


def apply_rows(index: VectorIndex, rows: I64, vectors: F32, removed: I64) -> None:
    """Put rows into an index, and take others out, of which some may not be there.

    Parameters
    ----------
    index : VectorIndex
    rows : int64[n]
    vectors : float32[n, dim]
    removed : int64[m]
    """
    gone = np.asarray([row for row in removed.tolist() if row in index], np.int64)
    if len(gone):
        index.remove(gone)
    if len(rows):
        index.add(vectors, rows)
