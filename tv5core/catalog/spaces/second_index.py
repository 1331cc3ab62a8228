"""SecondIndex: the graph and live rows of the second space, in step with the record.

A change of its vectors moves ``filled`` or ``seq`` of the record in the same transaction, so the
record alone says what an index lacks: what the journal names between its ``seq`` and the record's.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.background import BackgroundWorker
from tv5core.catalog.index.follower import apply_rows
from tv5core.catalog.index.generation_files import build_generation, open_generation
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.index.seal_policy import Changes
from tv5core.errors import CatalogError, CorruptFileError, Tv5Error
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, generations, journal
from tv5core.store.meta import Meta
from tv5core.store.records import Generation, SecondSpace
from tv5core.store.transaction import Txn
from tv5core.types import Progress
from tv5core.vectors import SearchSettings, VectorIndex

__all__ = ["SecondIndex"]

I64 = npt.NDArray[np.int64]

_BLOCK_ROWS = 4_096


@dataclass
class _Served:
    """An index, the files under it, and how far it follows the journal."""

    space: int
    index: VectorIndex
    generation: int
    applied: int


class SecondIndex:
    """What searches the second space.

    Parameters
    ----------
    store : Store
    recovery : RecoveryLog
        Where damaged files and vectors are noted.
    background : BackgroundWorker
        Opens what the writer sealed.
    """

    def __init__(self, store: Store, recovery: RecoveryLog, background: BackgroundWorker) -> None:
        self._store, self._recovery, self._background = store, recovery, background
        self._lock = threading.RLock()
        self._served: _Served | None = None
        self._record: SecondSpace | None = None  # what the one served is in step with
        self._verified: set[int] = set()
        self._damaged: set[int] = set()
        self._out_of_reach: set[int] = set()  # the journal does not lead on from these

    def after_fork(self, background: BackgroundWorker) -> None:
        """Restart in a child: another thread may have been changing the index."""
        self._lock, self._background = threading.RLock(), background
        self._served = self._record = None

    def current(self) -> VectorIndex | None:
        """Return the index, in step with the record; None until every title was embedded."""
        if self._store.meta.second != self._record:
            with self._lock:
                self._follow()
        served = self._served
        return None if served is None else served.index

    @property
    def damaged(self) -> bool:
        """Whether a file of it could not be used."""
        return bool(self._damaged)

    @property
    def applied(self) -> int:
        """The last journal entry whose titles the index shows."""
        return -1 if self._served is None else self._served.applied

    @property
    def changes(self) -> Changes:
        """What has changed since it was sealed."""
        index = self.current()
        if index is None:
            return Changes()
        return Changes(index.live_count, index.removed_sealed_count, index.sealed_count)

    @property
    def settings(self) -> SearchSettings:
        """How hard searches of it look."""
        record, index = self._store.meta.second, self._served
        if record is not None and record.settings is not None:
            return msgspec.convert(record.settings, SearchSettings)
        return SearchSettings() if index is None else index.index.settings

    # -- following ------------------------------------------------------------------------

    def _follow(self) -> None:
        while True:
            with self._store.read() as txn:
                meta = self._store.refresh(txn)
                record, served = meta.second, self._served
                if record is None or not record.complete or not record.dim:
                    self._served, self._record = None, record
                    return
                if served is not None and served.space != record.space:
                    served = None
                rows = None if served is None else self._changed(txn, served, meta)
            if served is None or rows is None:
                served = self._open(meta, record)
            else:
                self._reload(served, rows, record)
            if served is not None:
                self._served, self._record = served, record
                self._follow_files(served, record)
                return

    def _follow_files(self, served: _Served, record: SecondSpace) -> None:
        newest = record.generations[:1]
        if newest and not self._store.writable and newest[0].number != served.generation:
            self._background.start("second", lambda: self._swap_in(newest[0]))

    def _changed(self, txn: Txn, served: _Served, meta: Meta) -> I64 | None:
        """Return the rows that an index lacks; None where the journal does not reach back."""
        try:
            vectors = journal.rows_after(txn, served.applied, meta)
            both = journal.rows_after(txn, served.applied, meta, titles=True)
        except CorruptFileError as error:
            self._recovery.add(f"the second space is read anew: {error}")
            return None
        if vectors is None or both is None:
            return None
        here = [
            row
            for row in np.setdiff1d(both, vectors).tolist()  # most change nothing it embeds
            if (row in served.index) != (embeddings.bytes_of(txn, served.space, row) is not None)
        ]
        return np.concatenate([vectors, np.asarray(here, np.int64)])

    def _reload(self, served: _Served, rows: I64, record: SecondSpace) -> None:
        """Bring rows to their stored values: a vector, or none."""
        for start in range(0, len(rows), _BLOCK_ROWS):
            with self._store.read() as txn:
                some = rows[start : start + _BLOCK_ROWS]
                found = embeddings.gather(txn, served.space, some, served.index.dim)
            gone = np.concatenate([found.absent, found.damaged])
            apply_rows(served.index, found.rows, found.vectors, gone)
            self._recovery.leave_out(found.damaged)
        served.applied = record.seq

    # -- opening --------------------------------------------------------------------------

    def _open(self, meta: Meta, record: SecondSpace) -> _Served | None:
        """Return an index in step with the record; None where a writer has sealed meanwhile."""
        for generation in record.generations:
            served = self._opened(meta, record, generation)
            if served is not None:
                with self._store.read() as txn:
                    now = self._store.refresh(txn)
                    rows = self._changed(txn, served, now)
                if rows is not None:
                    self._reload(served, rows, record)
                    return served
                self._out_of_reach.add(generation.number)
        with self._store.read() as txn:
            if self._store.refresh(txn).second != record:
                return None
            rows = embeddings.rows(txn, record.space)
        if record.generations:
            self._recovery.add("the second space's index was rebuilt from the stored vectors")
        index = VectorIndex.empty(record.dim, metric=meta.metric, rescoring=meta.rescoring)
        served = _Served(record.space, index, 0, 0)
        self._reload(served, rows, record)
        return served

    def _opened(self, meta: Meta, record: SecondSpace, generation: Generation) -> _Served | None:
        like = msgspec.structs.replace(meta, dim=record.dim, settings=None)
        number = generation.number
        try:
            index = open_generation(
                self._store.folder, like, generation, verify=number not in self._verified
            )
        except (Tv5Error, OSError) as error:
            if isinstance(error, CorruptFileError):
                self._damaged.add(number)
            self._recovery.add(f"generation {number} of the second space cannot be used: {error}")
            return None
        if index is None:
            return None
        self._verified.add(number)
        return _Served(record.space, index, number, generation.seq)

    def _swap_in(self, generation: Generation) -> None:
        """Swap in what the writer sealed; until then the journal keeps what is served in step."""
        served = self._served
        useless = self._damaged | self._out_of_reach
        if generation.number in {*useless, -1 if served is None else served.generation}:
            return
        meta = self._store.meta
        record = meta.second
        if record is None or generation not in record.generations:
            return
        try:
            served = self._opened(meta, record, generation)
        except Tv5Error:
            return
        if served is not None:
            self._serve(served)

    def _serve(self, served: _Served) -> None:
        with self._lock:
            self._served, self._record = served, None
            self.current()

    # -- sealing --------------------------------------------------------------------------

    def seal(self, progress: Progress, *, anew: bool = False) -> bool:
        """Build files over all its vectors and serve them; return whether that was necessary.

        Parameters
        ----------
        progress : callable
        anew : bool
            Whatever there is, and keep no earlier files.
        """
        with self._store.maintain(progress):
            self._store.maintaining.begin()
            index, record = self.current(), self._store.meta.second
            if index is None or record is None or not (anew or self.changes.any):
                return False
            if not len(index):
                self._record_generations(())
                return True
            index, newest = build_generation(
                self._store,
                record.space,
                record.dim,
                applied=record.seq,
                threads=0,
                progress=progress,
                damaged=self._recovery.leave_out,
            )
            try:
                failpoint("second: built")
                kept = () if anew else record.generations
                self._record_generations((newest, *kept)[: generations.KEPT], newest.number + 1)
            except BaseException:
                if newest not in self._store.meta.all_generations:
                    generations.remove(self._store.folder, newest, self._store.meta)
                raise
            failpoint("second: recorded")
            self._verified.add(newest.number)
            self._serve(_Served(record.space, index, newest.number, newest.seq))
            self._damaged.clear()
        self._store.tidy()
        return True

    def _record_generations(self, some: tuple[Generation, ...], following: int = 0) -> None:
        def work(_: Txn, meta: Meta) -> tuple[Meta, None]:
            if meta.second is None:
                raise CatalogError("expected a second space to seal, got none any more")
            second = msgspec.structs.replace(meta.second, generations=some)
            number = max(meta.next_generation, following)
            return msgspec.structs.replace(meta, second=second, next_generation=number), None

        self._store.write(work)

    def close(self) -> None:
        """Close the files."""
        served, self._served = self._served, None
        if served is not None:
            served.index.close()
