"""SecondSpace: another embedding of the same titles, weighed by searches beside the first.

It lags behind the titles: what changed is embedded by a thread of its own, or by whoever asks for
what is pending. Until every title was embedded once, and wherever its embedder cannot be had,
searches use the first space alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.background import BackgroundWorker, StoppedError
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.index.seal_policy import SealPolicy
from tv5core.catalog.spaces.second_index import SecondIndex
from tv5core.embedding import Embedder, checked_embedding, resolve_second_embedder, unit_rows
from tv5core.errors import EmbedderMismatchError, Tv5Error
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, second_space, titles
from tv5core.store.records import SecondSpace as Record
from tv5core.types import Progress, Title

__all__ = ["SecondSpace", "SecondSpec"]

F32 = npt.NDArray[np.float32]
SecondSpec = str | Embedder | Callable[[list[str]], npt.ArrayLike] | None

log = logging.getLogger("tv5core")


class SecondSpace:
    """Embed titles and queries in the second space.

    Parameters
    ----------
    store : Store
    manager : IndexManager
    spec
        What ``Catalog.open`` was given as ``second_embedder``.
    auto_seal : bool
        Whether to seal it in the background when much has changed.

    Raises
    ------
    EmbedderMismatchError
        The catalogue's second space was made by another embedder.

    Attributes
    ----------
    index : SecondIndex
    """

    def __init__(
        self, store: Store, manager: IndexManager, spec: SecondSpec, *, auto_seal: bool
    ) -> None:
        self._store, self._manager = store, manager
        self._worker = BackgroundWorker(store.lock, store.note_progress)
        self.index = SecondIndex(store, manager.recovery, self._worker)
        self._policy = SealPolicy(enabled=auto_seal and store.writable)
        self._embedding = threading.Lock()  # one block at a time
        self._loading = threading.Lock()
        self._embedder: Embedder | None = None
        self._failure = ""  # why there is no embedder, or it failed last
        name = spec if isinstance(spec, str) else ""
        self._embedder = resolve_second_embedder(spec)
        if self._embedder is not None:
            self._claim(name, self._embedder)

    def _claim(self, name: str, given: Embedder) -> None:
        """Check an embedder that was given, or begin a space for it."""
        record = self._store.meta.second
        if record is not None and record.embedder != given.fingerprint:
            raise EmbedderMismatchError(
                f"{self._store.folder}: expected the embedder of its second space, "
                f"{record.embedder!r}, got {given.fingerprint!r}; drop_second_space() makes room "
                "for another"
            )
        if record is None and self._store.writable:
            second_space.begin(self._store, name, given.fingerprint)

    def after_fork(self) -> None:
        """Restart in a child."""
        self._worker = BackgroundWorker(self._store.lock, self._store.note_progress)
        self._embedding, self._loading = threading.Lock(), threading.Lock()
        self.index.after_fork(self._worker)

    # -- queries --------------------------------------------------------------------------

    def query(self, text: str) -> F32 | None:
        """Embed a query: float32[dim] of unit length; None where it has no vector."""
        record = self._store.meta.second
        embedder = None if record is None else self._usable(record)
        if embedder is None or record is None or not record.dim:
            return None
        made = checked_embedding(embedder.embed_queries([text]), 1, record.dim)
        vector: F32 = unit_rows(made)[0]
        return vector if vector.any() else None

    def _usable(self, record: Record) -> Embedder | None:
        """Return the embedder; None where it cannot be had, which ``readiness`` says."""
        embedder = self._embedder
        if embedder is None and not self._failure:
            with self._loading:
                if self._embedder is None and not self._failure:
                    self._load(record)
                embedder = self._embedder
        return embedder

    def _load(self, record: Record) -> None:
        """Make the embedder that the record names."""
        if not record.name:
            self._failure = f"its embedder, {record.embedder!r}, was not given"
            return
        try:
            found = resolve_second_embedder(record.name)
            if found is not None and found.fingerprint != record.embedder:
                raise EmbedderMismatchError(
                    f"expected {record.embedder!r}, got {found.fingerprint!r}"
                )
        except (Tv5Error, ImportError) as error:
            self._failure = str(error)
            log.warning("%s: the second space is not used: %s", self._store.folder, error)
            return
        self._embedder = found

    # -- titles ---------------------------------------------------------------------------

    def embed_pending(self, progress: Progress | None = None) -> int:
        """Embed all titles that wait for it; return how many there were."""
        record = self._store.meta.second
        embedder = None if record is None else self._usable(record)
        if embedder is None:
            return 0
        report, check = self._worker.cancellable(progress), self._worker.cancellable(None)
        with self._store.read() as txn:
            total = titles.count(txn)
        done = position = 0
        try:
            while (made := self._embed_block(embedder, check)) is not None:
                done += made
                # Work in the background may have done a part: never less than was reported.
                position = max(position, self._position(done, total))
                report(position, total, "embedding in the second space")
        finally:
            _release(embedder)
        return done

    def _position(self, done: int, total: int) -> int:
        """Return how many titles are embedded, also by an earlier run; about, where some went."""
        record, following = self._store.meta.second, self._store.meta.next_row
        if record is None or record.complete or not following:
            return min(done, total)
        return min(total, record.filled * total // following)

    def _embed_block(self, embedder: Embedder, check: Progress) -> int | None:
        """Embed and store what is next; None where nothing is."""
        with self._embedding:
            with self._store.lock, self._store.read() as txn:
                meta = self._store.meta
                try:
                    block = second_space.next_block(txn, meta)
                except LookupError:
                    second_space.restart(self._store)
                    return 0
            if block is None or meta.second is None:
                return None
            vectors = self._vectors(embedder, [title for _, title in block.titles], meta.second)
            by_row = {
                row: vector
                for (row, _), vector in zip(block.titles, vectors, strict=True)
                if vector.any()
            }
            check(0, 0, "")  # ends where the catalogue closes
            failpoint("second: embedded")
            if not second_space.put_block(self._store, meta.second.space, block, by_row):
                return None
            failpoint("second: stored")
        return len(block.titles)

    def _vectors(self, embedder: Embedder, some: list[Title], record: Record) -> F32:
        if not some:
            return np.empty((0, record.dim), np.float32)
        made = checked_embedding(embedder.embed_titles(some), len(some), record.dim)
        return unit_rows(made)

    def embed_behind(self) -> None:
        """Begin to embed what is pending, in a thread of its own; for the writer."""
        meta = self._store.meta
        record = meta.second
        waits = record is not None and (not record.complete or record.seq != meta.last_seq)
        if waits and self._store.writable and not self._store.environment.failure:
            self._worker.start("embed", self._embed_or_log)

    def _embed_or_log(self) -> None:
        record = self._store.meta.second
        if record is None or self._usable(record) is None:
            return
        try:
            self.embed_pending()
            self._seal_if_due()
        except StoppedError:
            pass
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything
            log.warning("%s: embedding in the second space failed: %s", self._store.folder, error)

    # -- sealing and dropping -------------------------------------------------------------

    def _seal_if_due(self) -> None:
        if self._policy.is_due(self.index.changes):
            try:
                self.seal(None)
                self._policy.record_success()
            except (Tv5Error, OSError):
                self._policy.record_failure(self.index.changes)
                raise

    def seal(self, progress: Progress | None, *, anew: bool = False) -> bool:
        """Build its graph; return whether that was necessary."""
        if self._store.meta.second is None:
            return False
        return self.index.seal(self._worker.cancellable(progress), anew=anew)

    def drop(self) -> int:
        """Forget it, with its vectors and files; return how many vectors."""
        with self._embedding, self._store.maintain():
            dropped = second_space.drop(self._store) if self._store.meta.second else 0
        self._embedder, self._failure = None, ""
        self.index.current()
        return dropped

    # -- what is known of it --------------------------------------------------------------

    def readiness(self) -> str:
        """Say why searches do not use it; ``""`` where they do or there is none."""
        record = self._store.meta.second
        if record is None:
            return ""
        if self._usable(record) is None:
            return self._failure
        if not record.complete:
            share = record.filled / max(1, self._store.meta.next_row)
            return f"titles are being embedded: {share:.0%}"
        return "" if record.dim else "there are no titles"

    def describe(self) -> dict[str, object]:
        """Return its figures, empty where there is none."""
        record = self._store.meta.second
        if record is None:
            return {}
        index, reason = self.index.current(), self.readiness()
        return {
            "embedder": record.embedder,
            "dim": record.dim,
            "vectors": 0 if index is None else len(index),
            "sealed": 0 if index is None else index.sealed_count,
            "live": 0 if index is None else index.live_count,
            "complete": record.complete,
            "changes_waiting": self._store.meta.last_seq - record.seq,
            "ready": not reason,
            "reason": reason,
        }

    def wait(self) -> None:
        """Wait for work in the background."""
        self._worker.wait()

    def close(self) -> None:
        """Stop work in the background and close the index."""
        self._worker.stop()
        self._worker.wait()
        with self._embedding:
            self.index.close()


def _release(embedder: Embedder) -> None:
    """Let an embedder end what it needs for many titles, where it has such a method."""
    release = getattr(embedder, "release", None)
    if release is not None:
        release()
