"""Embed all titles into a new space beside the one that is served, then switch to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.background import give_way
from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.index.seal_policy import MAX_LIVE_ROWS
from tv5core.embedding import Embedder, LsaEmbedder, checked_embedding
from tv5core.embedding.lsa_processes import LsaProcesses
from tv5core.errors import Tv5Error
from tv5core.files import SealedFile
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, generations, journal, repair, titles
from tv5core.store.meta import Meta, with_entry
from tv5core.store.records import Generation
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title
from tv5core.worker_pool import processes_for

__all__ = ["drop_abandoned_spaces", "embed_into_new_space"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BLOCK = 1_000
_SMALL_BLOCK = 64
"""Rows written in one transaction in the background: additions wait for its end."""
_AT_ONCE = 8
_FEW = 16
"""Rows left to catch up with before the store's lock is taken, which additions wait for."""


def embed_into_new_space(
    store: Store,
    manager: IndexManager,
    given: Embedder | None,
    progress: Progress | None,
    *,
    due: Callable[[], bool] | None = None,
) -> None:
    """Embed all titles again, with a given embedder or with one fitted on them.

    Searches and additions use the old space meanwhile. After a crash at any moment the
    old one is served, and what was written of the new one is removed by the next opening.

    Parameters
    ----------
    given : Embedder or None
        None fits the default one.
    due : callable, optional
        Called once nobody else refits; False ends the work.
    """
    report = manager.cancellable(progress)
    with store.maintain(report):
        store.maintaining.begin()
        if due is not None and not due():
            return
        drop_abandoned_spaces(store)
        work = _NewSpace(store, manager, report)
        try:
            work.run(given)
        except BaseException:
            work.discard()
            raise


def drop_abandoned_spaces(store: Store) -> int:
    """Delete the vectors of spaces that a crash left half filled.

    Returns
    -------
    int
        How many of them a flipped bit had moved there; these were put back.
    """
    with store.read() as txn:
        found = embeddings.has_other_spaces(txn, store.meta.spaces)
    if not found:
        return 0
    put_back = repair.put_back_vectors(store)
    embeddings.drop_spaces(store.environment, store.meta.spaces)
    return put_back


class _NewSpace:
    def __init__(self, store: Store, manager: IndexManager, report: Progress) -> None:
        self._store, self._manager, self._report = store, manager, report
        self._space = store.meta.space + 1
        self._dim = 0
        self._block = _SMALL_BLOCK if manager.background.is_current else _BLOCK

    def run(self, given: Embedder | None) -> None:
        with self._store.lock, self._store.read() as txn:
            mark, count = self._store.meta.last_seq, titles.count(txn)
        if not count:
            return
        embedder, model = (given, None) if given is not None else self._fit(count)
        failpoint("refit: fitted")
        self._fill(embedder, count)
        failpoint("refit: filled")
        mark = self._catch_up(embedder, mark)
        served, newest = self._index(mark)
        failpoint("refit: indexed")
        changes = {
            "space": self._space,
            "embedder": embedder.fingerprint,
            "model": model,
            "fitted_on": 0 if model is None else count,
            "generations": () if newest is None else (newest,),
        }
        self._take_over(embedder, served, mark, changes)
        failpoint("refit: taken over")
        embeddings.drop_spaces(self._store.environment, self._store.meta.spaces)
        failpoint("refit: old space dropped")
        self._store.tidy()

    def discard(self) -> None:
        """Remove what a failed refit left; where that fails too, the next opening does it."""
        with suppress(Tv5Error, OSError):
            if self._store.meta.space != self._space:
                embeddings.drop_spaces(self._store.environment, self._store.meta.spaces)
                self._store.tidy()

    # -- fitting and filling --------------------------------------------------------------

    def _fit(self, count: int) -> tuple[Embedder, SealedFile]:
        model = LsaEmbedder()
        model.fit(lambda: self._all_titles(count), self._report)
        path = generations.model_path(self._store.folder, self._space)
        record = generations.publish(path, model.save(generations.temporary(path)))
        self._report(count, count, "fitting")
        return model, record

    def _all_titles(self, count: int) -> Iterator[Title]:
        done = 0
        for rows in self._row_blocks():
            self._report(min(done, count), count, "reading")
            yield from (title for _, title in self._load(rows))
            done += len(rows)

    def _row_blocks(self) -> Iterator[list[int]]:
        last = -1
        while True:
            with self._store.read() as txn:
                rows = titles.rows_after(txn, last, self._block)
            if not rows:
                return
            yield rows
            last = rows[-1]

    def _load(self, rows: Sequence[int]) -> list[tuple[int, Title]]:
        with self._store.read() as txn:
            found = ((row, titles.readable(txn, row)) for row in rows)
            return [(row, title) for row, title in found if title is not None]

    def _fill(self, embedder: Embedder, count: int) -> None:
        done = 0
        with self._processes(embedder, count) as processes:
            some = self._one_by_one(embedder) if processes is None else self._blockwise(processes)
            for rows in some:
                done += len(rows)
                self._report(min(done, count), count, "embedding")

    def _one_by_one(self, embedder: Embedder) -> Iterator[list[int]]:
        for rows in self._row_blocks():
            self._embed(embedder, rows)
            yield rows

    @contextmanager
    def _processes(self, embedder: Embedder, count: int) -> Iterator[LsaProcesses | None]:
        """Have processes that embed all titles; None where they are not worth it, or cannot."""
        behind = self._manager.background.is_current
        number = processes_for(count, behind=behind)
        if not number or not isinstance(embedder, LsaEmbedder):
            yield None  # a function of the user's is in this process only
            return
        path = generations.model_path(self._store.folder, self._space)
        with LsaProcesses(embedder, path, number, behind=behind) as processes:
            yield processes

    def _blockwise(self, processes: LsaProcesses) -> Iterator[list[int]]:
        for (rows, found), vectors in processes.blocks(self._blocks()):
            self._put(rows, found, checked_embedding(vectors, len(found), self._dim))
            yield rows

    def _blocks(self) -> Iterator[tuple[tuple[list[int], list[int]], list[Title]]]:
        for rows in self._row_blocks():
            loaded = self._load(rows)
            yield (rows, [row for row, _ in loaded]), [title for _, title in loaded]
            if self._manager.background.is_current:
                give_way()

    def _embed(self, embedder: Embedder, rows: Sequence[int]) -> None:
        """Bring rows of the new space to the vectors of their present titles."""
        loaded = self._load(rows)
        vectors = np.empty((0, self._dim), np.float32)
        if loaded:
            vectors = self._vectors(embedder, [title for _, title in loaded])
        self._put(rows, [row for row, _ in loaded], vectors)

    def _put(self, rows: Sequence[int], found: Sequence[int], vectors: F32) -> None:
        """Store the vectors of those of some rows that have a title; the others get none."""
        if found:
            self._dim = vectors.shape[1]
        by_row = {row: v for row, v in zip(found, vectors, strict=True) if v.any()}

        def work(txn: Txn) -> None:
            for row in rows:
                embeddings.put_or_delete(txn, self._space, row, by_row.get(row))

        self._store.environment.write(work)

    def _vectors(self, embedder: Embedder, some: Sequence[Title]) -> F32:
        """Embed titles; in the background a few at a time, so that others get the GIL."""
        if not self._manager.background.is_current:
            return checked_embedding(embedder.embed_titles(some), len(some), self._dim)
        made = []
        for start in range(0, len(some), _AT_ONCE):
            part = some[start : start + _AT_ONCE]
            made.append(checked_embedding(embedder.embed_titles(part), len(part), self._dim))
            give_way()
        return np.concatenate(made)

    # -- catching up and taking over ------------------------------------------------------

    def _touched(self, mark: int) -> tuple[I64, int]:
        """Return the rows changed since ``mark`` and the newest entry; nothing trims it now."""
        with self._store.lock, self._store.read() as txn:
            meta = self._store.meta
            rows = journal.rows_after(txn, mark, meta, titles=True)
            return np.empty(0, np.int64) if rows is None else rows, meta.last_seq

    def _catch_up(self, embedder: Embedder, mark: int) -> int:
        while True:
            rows, newest = self._touched(mark)
            self._embed_all(embedder, rows)
            mark = newest
            if len(rows) < _FEW:
                return mark

    def _embed_all(self, embedder: Embedder, rows: I64) -> None:
        for start in range(0, len(rows), self._block):
            self._embed(embedder, rows[start : start + self._block].tolist())

    def _index(self, applied: int) -> tuple[ServedIndex, Generation | None]:
        """Index the new space: in files where it is large, else in memory."""
        with self._store.read() as txn:
            rows = embeddings.rows(txn, self._space)
        if len(rows) > MAX_LIVE_ROWS and self._manager.keeps_files:
            return self._manager.build(
                self._space, self._dim, applied=applied, progress=self._report
            )
        meta = self._store.meta
        index = self._manager.new_index(meta, self._dim)
        served = ServedIndex(self._space, self._manager.served.documents, index)
        self._manager.reload_rows(served, rows)
        served.publish(applied)
        return served, None

    def _take_over(
        self, embedder: Embedder, served: ServedIndex, mark: int, changes: dict[str, object]
    ) -> None:
        with self._store.lock:  # from here on there are no more changes to catch up with
            self._manager.current()
            late, _ = self._touched(mark)
            self._embed_all(embedder, late)
            self._manager.reload_rows(served, late)
            self._manager.change.begin()
            self._record(changes, late)
            failpoint("refit: recorded")
            meta = self._store.meta
            served.fingerprint, served.model = meta.embedder, meta.model
            served.embedder = embedder if meta.model is not None else None
            self._manager.take_over_documents(served)
            served.documents.note(late, meta.last_seq)
            served.publish(meta.last_seq)
            self._manager.served = served
            self._manager.change.done()

    def _record(self, changes: dict[str, object], late: I64) -> None:
        newest = bool(changes["generations"])

        def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
            txn.raw.drop(txn.dbs.pending, delete=False)  # every title was embedded
            # Where only the title of a late row changed, its vector still is new in this space.
            journal.append(txn, meta.next_seq, late.tolist(), ())
            meta = msgspec.structs.replace(
                with_entry(meta), dim=self._dim, next_generation=meta.next_generation + newest
            )
            return msgspec.structs.replace(meta, **changes), None

        self._store.write(work)
