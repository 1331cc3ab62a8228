"""A catalogue's folder: LMDB, the writer's lock, and the record of what is current."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from tv5core.errors import CatalogError, NotACatalogError, ReadOnlyError, Tv5Error
from tv5core.files import fsync_folder, make_folder_durably
from tv5core.files.failpoints import failpoint
from tv5core.files.locking import LOCK_NAME, WriterLock
from tv5core.lmdb_env.calls import UnfinishedCall
from tv5core.lmdb_env.environment import ReadTransaction
from tv5core.lmdb_env.registry import Owner
from tv5core.store import generations, journal, reconciliation, titles
from tv5core.store.derived import DERIVED
from tv5core.store.environment import Environment
from tv5core.store.maintenance import Maintaining, Turns
from tv5core.store.meta import FORMAT, Meta, MetaCache, read_meta, write_meta
from tv5core.store.transaction import Databases, Derived, Txn
from tv5core.types import Progress

__all__ = ["Store"]

T = TypeVar("T")

_INSIDE_WAIT_S = 2.0
_LMDB_NAMES = {"data.mdb", "lock.mdb"}


class Store:
    """An open folder; see :meth:`open`.

    Attributes
    ----------
    folder : Path
    writable : bool
    doubts : int
        How often a write that failed, or was interrupted, turned out to be stored.
    lock : threading.RLock
        Held to change the store, or to keep it unchanged.
    turns : Turns
        Whose turn it is to seal or to refit.
    """

    def __init__(
        self,
        folder: Path,
        environment: Environment,
        owner: Owner,
        lock: WriterLock | None,
        meta: Meta,
    ) -> None:
        self.folder = folder
        self.environment, self._owner = environment, owner
        self.writable = lock is not None
        self.doubts = 0
        self._meta = meta
        self._records = MetaCache()
        self._write = UnfinishedCall()
        self._released = False
        self.lock = threading.RLock()
        self.turns = Turns()
        self._writer = lock

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        create: bool,
        read_only: bool,
        metric: str,
        rescoring: str,
        derived: tuple[Derived, ...] = DERIVED,
    ) -> Store:
        """Open a catalogue's folder.

        Parameters
        ----------
        folder : Path
        create : bool
            Make a catalogue where there is none: in a new or an empty folder only.
        read_only : bool
            Read beside a writer; nothing is created.
        metric, rescoring : str
            Of a catalogue that is created.
        derived : tuple of Derived
            What is derived from titles, and changes with them in the same transaction.

        Raises
        ------
        NotACatalogError, CatalogLockedError, CorruptFileError, FormatVersionError, CatalogError
        """
        try:
            _check_folder(folder, create=create and not read_only)
        except OSError as error:
            raise CatalogError(
                f"{folder}: expected a folder to use, got {error.strerror}"
            ) from error
        if read_only:
            return cls._open_reader(folder, derived)
        lock = WriterLock(folder)
        try:
            fresh = Meta(FORMAT, metric, rescoring, checked=True, uid=os.urandom(8).hex())
            return cls._open_writer(folder, lock, fresh, derived)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_reader(cls, folder: Path, derived: tuple[Derived, ...]) -> Store:
        owner = Owner()
        environment = Environment.acquire(folder, owner, writable=False, members=derived)
        try:
            environment.check_readers()
            meta, _ = _look(environment)
            return cls(folder, environment, owner, None, _known(folder, meta))
        except BaseException:
            environment.release(owner)
            raise

    @classmethod
    def _open_writer(
        cls, folder: Path, lock: WriterLock, fresh: Meta, derived: tuple[Derived, ...]
    ) -> Store:
        owner = Owner()
        environment = Environment.acquire(folder, owner, writable=True, members=derived)
        try:
            lock.check_held()  # the folder may have been replaced between the two
            environment.check_readers()
            environment.make_room()
            meta, empty = _look(environment)
            if meta is None and empty:  # new, or making it was cut short
                environment.write(lambda txn: write_meta(txn, fresh))
                fsync_folder(folder)
                meta = fresh
            meta = reconciliation.upgrade(environment, _known(folder, meta))
            return cls(folder, environment, owner, lock, meta)
        except BaseException:
            environment.release(owner)
            raise

    def after_fork(self) -> None:
        """Replace, in a child, what another thread of the parent may have been at work with."""
        self.lock, self.turns = threading.RLock(), Turns()
        self._write = UnfinishedCall()

    def close(self) -> None:
        """Release LMDB and the writer's lock; again does nothing."""
        if not self._released:
            self._released = True  # first: a release too many would close it under others
            self.environment.release(self._owner)
        if self._writer is not None:
            self._writer.release()

    # -- transactions ---------------------------------------------------------------------

    def read(self) -> ReadTransaction[Databases]:
        """Begin a short read transaction."""
        return self.environment.read()

    def write(self, work: Callable[[Txn, Meta], tuple[Meta, T]]) -> T:
        """Run ``work`` in a write transaction that also stores the record it returns.

        Parameters
        ----------
        work : callable
            Takes a transaction and the present record; returns the record to store and a
            result. Runs again where the map had to grow.

        Returns
        -------
        The result.

        Raises
        ------
        DiskFullError
            Nothing was stored.
        DiskFailureError
            The disk failed, now or before; see ``Environment.write``.
        """
        self.check_writable()

        def run(txn: Txn) -> tuple[Meta, T]:
            before = self._read_meta(txn)
            meta, result = work(txn, before)
            if meta.next_seq != before.next_seq:
                meta = self._with_short_journal(txn, meta)
            if meta is not before:
                self._records.write(txn, meta)
            return meta, result

        with self.lock:
            self.environment.check_identity()
            self._write.begin()
            self._meta, result = self.environment.write(run)
            self._write.done()
            return result

    def _read_meta(self, txn: Txn) -> Meta:
        """Read the record in a write transaction: what is in memory may be older.

        Rows and journal entries are numbered by it, and a write that was interrupted after its
        commit has used up the numbers that are in memory.
        """
        meta = _known(self.folder, self._records.read(txn))
        if meta is not self._meta and meta != self._meta:
            self.doubts += 1  # the index checks this count; see IndexManager
        return meta

    def _with_short_journal(self, txn: Txn, meta: Meta) -> Meta:
        if journal.count(txn) < journal.FOLD_ENTRIES:
            return meta
        # Nothing is dropped that a generation, or the filling of a new space, still needs.
        waits = meta.generations or meta.second is not None or meta.sent is not None
        return journal.fold(txn, meta, forget=not waits and not self.maintenance.locked())

    @property
    def meta(self) -> Meta:
        """The record: a writer's is always current, a reader's as of its last :meth:`refresh`."""
        self.resolve_doubt()
        return self._meta

    def resolve_doubt(self) -> None:
        """Read the record after a write that ended by an exception: it may be stored all the same.

        Where that fails it is tried again at the next use, and by the next write.
        """
        if self._write.call is None or not self._write.was_interrupted():
            return
        with suppress(Tv5Error), self.lock:
            if self._write.was_interrupted():
                with self.read() as txn:
                    meta = _known(self.folder, read_meta(txn))
                if meta != self._meta:
                    self.doubts += 1  # first: interrupted here, it is counted once more
                    self._meta = meta
                self._write.done()

    @property
    def maintenance(self) -> threading.Lock:
        """Held to seal or to refit; acquired before ``lock``."""
        return self.turns.lock

    @property
    def maintaining(self) -> Maintaining:
        """What is sealed or refitted, by whom."""
        return self.turns.work

    def maintain(self, progress: Progress | None = None) -> threading.Lock:
        """Return the lock to hold while sealing or refitting; then call ``maintaining.begin``.

        Parameters
        ----------
        progress : callable, optional
            Called while somebody else is at it, with what that reports.

        Raises
        ------
        CatalogError
            This thread holds it, or reports that it waits for it, and would wait for itself.
        """
        return self.turns.next(progress)

    def note_progress(self, done: int, total: int, stage: str) -> None:
        """Note what this thread reports, for those who wait until it has sealed or refitted."""
        self.turns.work.note(done, total, stage)

    def check_writable(self) -> None:
        """Raise ReadOnlyError or DiskFailureError where nothing can be written."""
        if not self.writable:
            raise ReadOnlyError(
                f"{self.folder}: expected a catalogue opened for writing, "
                "got one opened with read_only=True"
            )
        self.environment.check_failure()
        if self.environment.is_inside():
            self._check_lock()

    def _check_lock(self) -> None:
        """Check, within a transaction, that no writer holds the lock who may wait for its end."""
        if not self.lock.acquire(timeout=_INSIDE_WAIT_S):
            raise CatalogError(
                "expected no change to a catalogue from within a report of progress on it while "
                "another thread changes it, got one: make it from another thread, or afterwards"
            )
        self.lock.release()

    def change_meta(self, **changes: object) -> None:
        """Replace fields of the record in a transaction of its own."""
        self.write(lambda _, meta: (msgspec.structs.replace(meta, **changes), None))

    def refresh(self, txn: Txn) -> Meta:
        """Return the record as a transaction sees it; a reader keeps it."""
        meta = read_meta(txn)
        if meta is None:
            raise CatalogError(f"{self.folder}: expected a catalogue, got none any more")
        if not self.writable:
            self._meta = meta
        return meta

    # -- housekeeping ---------------------------------------------------------------------

    def tidy(self) -> list[str]:
        """Remove files the record does not name, and journal nobody needs; return the names."""
        removed = generations.remove_orphans(self.folder, self.meta)
        failpoint("tidy: orphans removed")  # first, for that makes room
        meta = self.meta
        if meta.generations:
            needed = [one.journal_seq for one in meta.all_generations]
            needed += [one.seq for one in (meta.second, meta.sent) if one is not None]
            self._trim_journal(min(needed))
        failpoint("tidy: journal trimmed")
        return removed

    def _trim_journal(self, seq: int) -> None:
        with self.lock:
            with self.read() as txn:
                first = journal.first_seq(txn)
            if self.meta.journal_from and first is not None and first <= seq:
                self.change_meta(journal_from=0)  # the folded entry goes
        journal.trim(self.environment, seq)


def _nothing_here(folder: Path, got: str) -> NotACatalogError:
    return NotACatalogError(f"expected a catalogue in {folder}, got {got}")


def _look(environment: Environment) -> tuple[Meta | None, bool]:
    """Return the record, and whether there are no titles.

    In a call of its own, which has ended before an interrupted opening releases the environment.
    """
    with environment.read() as txn:
        meta, empty = read_meta(txn), titles.count(txn) == 0
        titles.check_version(txn)
    return meta, empty


def _known(folder: Path, meta: Meta | None) -> Meta:
    if meta is None:
        raise _nothing_here(folder, "an LMDB file without a catalogue's record")
    return meta


def _check_folder(folder: Path, *, create: bool) -> None:
    """Check that a folder holds a catalogue, or may become one."""
    if folder.exists() and not folder.is_dir():
        raise _nothing_here(folder, "a file")
    data = folder / "data.mdb"
    if data.is_file() and data.stat().st_size:
        return
    if data.exists() and not data.is_file():
        raise _nothing_here(folder, f"a {data.name} that is no file")
    if not create:
        raise _nothing_here(folder, "a folder without one" if folder.exists() else "no folder")
    try:
        make_folder_durably(folder)
    except OSError as error:
        raise CatalogError(f"{folder}: expected to create it, got {error.strerror}") from error
    foreign = sorted({p.name for p in folder.iterdir()} - _LMDB_NAMES - {LOCK_NAME})
    if foreign:
        raise _nothing_here(folder, f"a folder with other files ({', '.join(foreign[:3])})")
