"""The catalogue's index, sealed: this is where the commit protocol meets it.

Sealing builds new files from the store while searches and additions run, records them in one
transaction, and swaps them in.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import msgspec

from tv5core.catalog.index.background import StoppedError
from tv5core.catalog.index.document_generation import SealedTitles, seal_documents
from tv5core.catalog.index.follower import IndexFollower
from tv5core.catalog.index.generation_files import (
    build_generation,
    grow_generation,
    wanted_recall,
)
from tv5core.catalog.index.seal_policy import Changes, SealPolicy
from tv5core.catalog.index.served import ServedIndex, served_of
from tv5core.cores import usable_cores
from tv5core.errors import CatalogError, Tv5Error
from tv5core.files.failpoints import failpoint
from tv5core.query.document_index import DocumentIndex
from tv5core.store import Store, embeddings, generations, titles, upgrading
from tv5core.store.meta import Meta
from tv5core.store.records import Generation
from tv5core.types import Progress
from tv5core.vectors import Segment, VectorIndex
from tv5core.vectors.growing import growth_of
from tv5core.vectors.sealing import BuildOptions

__all__ = ["IndexManager", "ServedIndex"]

log = logging.getLogger("tv5core")


class IndexManager(IndexFollower):
    """Keep an index in step with a store, and seal it.

    Parameters
    ----------
    store : Store
    auto_seal : bool
        Whether to seal in the background when much has changed.
    """

    keeps_files = True
    """Whether vectors are sealed into files."""

    def __init__(self, store: Store, *, auto_seal: bool) -> None:
        self._seal_policy = SealPolicy(enabled=auto_seal and store.writable)
        super().__init__(store)

    # -- sealing --------------------------------------------------------------------------

    def seal(self, progress: Progress | None = None, *, documents_only: bool = False) -> bool:
        """Build files over all vectors and documents, and serve them.

        Parameters
        ----------
        progress : callable, optional
        documents_only : bool
            Leave the graph as it is, if there is one.

        Returns
        -------
        bool
            Whether that was necessary.
        """
        with self._store.maintain(self.cancellable(progress)):
            self._store.maintaining.begin()
            upgrading.add_checksums(self._store, self.cancellable(progress))
            self._store.environment.check_readers()  # killed ones would keep pages from reuse
            self.current()
            from_vectors, documents = self._changes()
            if documents_only and self._graph() is not None:
                from_vectors = Changes()
            none_yet = self.served.documents.sealed is None and self._has_titles()
            if not (from_vectors.any or documents.any or none_yet):
                return False
            self._seal(from_vectors.any, progress)
            return True

    def _changes(self) -> tuple[Changes, Changes]:
        """Count what has changed since the last sealing, of vectors and of documents."""
        index, documents = self.served.index, self.served.documents
        vectors = Changes()
        if index is not None:
            vectors = Changes(index.live_count, index.removed_sealed_count, index.sealed_count)
        sealed = 0 if documents.sealed is None else len(documents.sealed)
        return vectors, Changes(documents.live_count, documents.removed_count, sealed)

    def _seal(self, vectors: bool, progress: Progress | None) -> None:
        """Seal vectors and documents, or the documents alone, beside the graph there is."""
        index, meta = self.served.index, self._store.meta
        if index is not None and len(index) and (vectors or self._graph() is None):
            grown = self._grown(meta.space, progress)
            self._install(*(grown or self.build(meta.space, index.dim, progress=progress)))
        elif self._has_titles():
            self._install(*self.build_documents(progress=progress))
        else:
            self._serve_nothing()

    def _has_titles(self) -> bool:
        with self._store.read() as txn:
            return titles.count(txn) > 0

    def _graph(self) -> Segment | None:
        """Return the sealed vectors that are served, if any of them are left."""
        index = self.served.index
        if index is None or not len(index):
            return None
        return next((one for one in index.snapshot.segments if one.sealed), None)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Build files of all that is stored and serve them, keeping no earlier ones."""
        with self._store.maintain(self.cancellable(progress)):
            self._store.maintaining.begin()
            self.refresh()
            meta, documents = self._store.meta, self._new_documents()
            with self._store.read() as txn:
                some, any_title = len(embeddings.rows(txn, meta.space)), titles.count(txn) > 0
            if some:
                self._install(*self.build(meta.space, meta.dim, documents, progress=progress))
            elif any_title:
                self._install(*self.build_documents(documents, progress=progress))
            with self._store.lock:
                kept = self._store.meta.generations[: int(some > 0 or any_title)]
                self._store.change_meta(generations=kept)
        self._store.tidy()

    def _serve_nothing(self) -> None:
        with self._store.lock:
            if self._has_titles() or (self.served.index is not None and len(self.served.index)):
                return
            self._store.change_meta(generations=())
            meta = self._store.meta
            documents, embedder = self._new_documents(), self.served.embedder
            served = served_of(meta, documents, self.new_index(meta), embedder)
            served.publish(meta.last_seq)
            self.served = served
        self._store.tidy()

    def _install(self, served: ServedIndex, newest: Generation) -> None:
        try:
            if served.index is not self.served.index:
                self.replay(served)  # most of it, while others may still write
            failpoint("seal: caught up")
            self._record(served, newest)
        except BaseException:
            meta = self._store.meta
            if newest not in meta.generations:
                generations.remove(self._store.folder, newest, meta)
            raise
        failpoint("seal: served")
        self._store.tidy()

    def _record(self, served: ServedIndex, newest: Generation) -> None:
        with self._store.lock:
            self.current()
            if served.index is self.served.index:
                served.publish(self.served.applied)
            elif not self.replay(served):
                raise CatalogError(f"expected the journal after entry {newest.seq}, got less")
            self.take_over_documents(served)
            self._store.change_meta(
                generations=generations.with_newest(self._store.meta, newest),
                next_generation=newest.number + 1,
            )
            failpoint("seal: recorded")
            last = self.served
            served.fingerprint, served.model = last.fingerprint, last.model
            served.embedder = last.embedder
            self.served = served

    def build(
        self,
        space: int,
        dim: int,
        documents: DocumentIndex | None = None,
        *,
        applied: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[ServedIndex, Generation]:
        """Write the files of a new generation; see :func:`build_generation`.

        Its documents are made of those given, or of those served.
        """
        index, newest = build_generation(
            self._store,
            space,
            dim,
            applied=applied,
            threads=self._threads,
            progress=self.cancellable(progress),
            damaged=self.recovery.leave_out,
        )
        return self._with_documents(index, newest, documents, progress)

    @property
    def _threads(self) -> int:
        """Threads to build with: in the background, a core is left to those who search."""
        return max(1, usable_cores() - 1) if self.background.is_current else 0

    @property
    def _build_options(self) -> BuildOptions:
        wanted = wanted_recall(self._store.meta)
        return BuildOptions(threads=self._threads, target_recall=wanted)

    def _grown(
        self, space: int, progress: Progress | None
    ) -> tuple[ServedIndex, Generation] | None:
        """Write a generation that takes in what changed; None where it is to be built anew."""
        applied, vectors = self.served.published_vectors
        if vectors is None or self.served.space != space:
            return None
        growth = growth_of(vectors, self._build_options)
        if growth is None:
            return None
        made = grow_generation(self._store, growth, space, applied, self.cancellable(progress))
        return self._with_documents(*made, None, progress)

    def _with_documents(
        self,
        index: VectorIndex,
        newest: Generation,
        documents: DocumentIndex | None,
        progress: Progress | None,
    ) -> tuple[ServedIndex, Generation]:
        try:
            made = self._made(newest, index.snapshot.segments[0], documents, progress)
        except BaseException:
            generations.remove(self._store.folder, newest, self._store.meta)
            raise
        return self._over(made, newest, newest.space, index, newest.seq)

    def build_documents(
        self, documents: DocumentIndex | None = None, *, progress: Progress | None = None
    ) -> tuple[ServedIndex, Generation]:
        """Write the documents of a new generation beside the graph there is, if any."""
        graph, meta, served = self._graph(), self._store.meta, self.served
        newest = Generation(meta.next_generation, meta.last_seq, meta.space, 0)
        index = self._beside_documents(meta)
        if graph is not None:
            number, index = served.generation, served.index
            base = next(one for one in meta.generations if one.number == number)
            newest = msgspec.structs.replace(base, number=meta.next_generation)
        made = self._made(newest, graph, documents, progress)
        return self._over(made, newest, meta.space, index, served.applied)

    def _beside_documents(self, meta: Meta) -> VectorIndex | None:
        """Return the index beside new documents where there is no graph."""
        return self.new_index(meta)

    def _made(
        self,
        newest: Generation,
        graph: Segment | None,
        documents: DocumentIndex | None,
        progress: Progress | None,
    ) -> SealedTitles | None:
        return seal_documents(
            self._store,
            self.titles.source,
            documents or self.served.documents,
            newest.number,
            graph,
            self.cancellable(progress),
        )

    def _over(
        self,
        made: SealedTitles | None,
        newest: Generation,
        space: int,
        index: VectorIndex | None,
        applied: int,
    ) -> tuple[ServedIndex, Generation]:
        """Return what serves new files, and their record."""
        documents = self._new_documents()
        if made is not None:
            newest = made.of(newest)
            documents = DocumentIndex(self.titles.source, made.seq, made.segment)
        served = ServedIndex(space, documents, index, newest.number)
        served.publish(applied)
        self._verified.add(newest.number)
        return served, newest

    # -- in the background ----------------------------------------------------------------

    def seal_if_due(self) -> None:
        """Start sealing in the background when there are many live or removed rows."""
        if not self._store.environment.failure and any(
            map(self._seal_policy.is_due, self._changes())
        ):
            self.background.start("seal where due", self._seal_where_due)

    def _seal_where_due(self) -> None:
        """Seal what still has many changes: another seal may have come first."""
        from_vectors, documents = map(self._seal_policy.is_due, self._changes())
        if from_vectors or documents:
            self._seal_or_log(documents_only=not from_vectors)

    def seal_in_background(self) -> None:
        """Start sealing in the background, after what is under way there."""
        self.background.start("seal", self._seal_or_log)

    def _seal_or_log(self, *, documents_only: bool = False) -> None:
        try:
            self.seal(documents_only=documents_only)
            self._seal_policy.record_success()
        except StoppedError:
            pass
        except (Tv5Error, OSError) as error:
            # Nothing is lost: all is searchable, and is sealed once twice as much has changed.
            self._seal_policy.record_failure(*self._changes())
            log.warning("%s: sealing in the background failed: %s", self._store.folder, error)

    def check_elsewhere(self) -> list[str]:
        """Say what is wrong with vectors that are not here."""
        return []

    def describe_elsewhere(self) -> dict[str, Any]:
        """Say where vectors are that are not here; nothing where all are."""
        return {}

    def cancellable(self, progress: Progress | None) -> Progress:
        """Wrap a progress function so that long work ends soon once the catalogue closes."""
        return self.background.cancellable(progress)

    def wait(self) -> None:
        """Wait for work in the background."""
        self.background.wait()

    def close(self) -> None:
        """Stop work in the background and close the index."""
        self.background.stop()
        self.wait()
        with suppress(CatalogError), self._store.maintain():
            pass  # a seal in another thread is about to stop
        if self.served.index is not None:
            self.served.index.close()
