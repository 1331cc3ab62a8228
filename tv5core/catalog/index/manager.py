"""The catalogue's index, sealed: this is where the commit protocol meets it.

Sealing builds new files from the store while searches and additions run, records them in one
transaction, and swaps them in.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress

from tv5core.catalog.index.background import StoppedError
from tv5core.catalog.index.follower import IndexFollower
from tv5core.catalog.index.generation_files import build_generation
from tv5core.catalog.index.seal_policy import SealPolicy
from tv5core.catalog.index.served import ServedIndex, empty_index, served_of
from tv5core.errors import CatalogError, Tv5Error
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, generations, upgrading
from tv5core.store.meta import Generation
from tv5core.types import Progress

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

    def __init__(self, store: Store, *, auto_seal: bool) -> None:
        self._seal_policy = SealPolicy(enabled=auto_seal and store.writable)
        super().__init__(store)

    # -- sealing --------------------------------------------------------------------------

    def seal(self, progress: Progress | None = None) -> bool:
        """Build files over all vectors and serve them; return whether that was necessary."""
        with self._store.maintain():
            self._store.maintaining.begin()
            upgrading.add_checksums(self._store, self.cancellable(progress))
            self._store.environment.check_readers()  # killed ones would keep pages from reuse
            index = self.current().index
            if index is None or not (index.live_count or index.removed_count):
                return False
            if len(index):
                self._install(*self.build(self._store.meta.space, index.dim, progress=progress))
            else:
                self._serve_live_only()
            return True

    def rebuild(self, progress: Progress | None = None) -> None:
        """Build files over all stored vectors and serve them, keeping no earlier ones."""
        with self._store.maintain():
            self._store.maintaining.begin()
            self.refresh()
            meta = self._store.meta
            with self._store.read() as txn:
                some = len(embeddings.rows(txn, meta.space)) > 0
            if some:
                self._install(*self.build(meta.space, meta.dim, progress=progress))
            with self._store.lock:
                self._store.change_meta(generations=self._store.meta.generations[: int(some)])
        self._store.tidy()

    def _serve_live_only(self) -> None:
        with self._store.lock:
            if self.served.index is None or len(self.served.index):
                return
            self._store.change_meta(generations=())
            meta = self._store.meta
            last = self.served
            served = served_of(meta, last.documents, empty_index(meta), last.embedder)
            served.publish(meta.last_seq)
            self.served = served
        self._store.tidy()

    def _install(self, served: ServedIndex, newest: Generation) -> None:
        try:
            self.replay(served)  # most of it, while others may still write
            failpoint("seal: caught up")
            self._record(served, newest)
        except BaseException:
            if newest not in self._store.meta.generations:
                generations.remove(self._store.folder, newest)
            raise
        failpoint("seal: served")
        self._store.tidy()

    def _record(self, served: ServedIndex, newest: Generation) -> None:
        with self._store.lock:
            if not self.replay(served):
                raise CatalogError(f"expected the journal after entry {newest.seq}, got less")
            self._store.change_meta(
                generations=generations.with_newest(self._store.meta, newest),
                next_generation=newest.number + 1,
            )
            failpoint("seal: recorded")
            served.model, served.embedder = self.served.model, self.served.embedder
            self.served = served

    def build(
        self,
        space: int,
        dim: int,
        *,
        applied: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[ServedIndex, Generation]:
        """Write the files of a new generation; see :func:`build_generation`."""
        cores = os.cpu_count() or 1
        served, generation = build_generation(
            self._store,
            space,
            dim,
            self.served.documents,
            applied=applied,
            # In the background, a core is left to those who search.
            threads=max(1, cores - 1) if self.background.is_current else 0,
            progress=self.cancellable(progress),
            damaged=self.recovery.leave_out,
        )
        self._verified.add(generation.number)
        return served, generation

    # -- in the background ----------------------------------------------------------------

    def seal_if_due(self) -> None:
        """Start sealing in the background when there are many live or removed rows."""
        if not self._store.environment.failure and self._seal_policy.is_due(self.served.index):
            self.background.start("seal", self._seal_or_log)

    def seal_in_background(self) -> None:
        """Start sealing in the background, after what is under way there."""
        self.background.start("seal", self._seal_or_log)

    def _seal_or_log(self) -> None:
        try:
            self.seal()
            self._seal_policy.record_success()
        except StoppedError:
            pass
        except (Tv5Error, OSError) as error:
            # Nothing is lost: all is searchable, and is sealed once twice as much has changed.
            self._seal_policy.record_failure(self.served.index)
            log.warning("%s: sealing in the background failed: %s", self._store.folder, error)

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
