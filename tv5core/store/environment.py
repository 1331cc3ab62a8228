"""LMDB as tv5core uses it: short transactions, a map that grows, forks survived.

LMDB asks for three things that a library cannot leave to its callers:

- An environment may be open only once in a process, so handles to one folder share an
  :class:`Environment` and count themselves.
- The map must not change size, and the environment must not be closed, while a
  transaction runs. Every transaction passes a gate that can be shut for such moments.
- A child made by ``fork`` must not use its parent's environment, nor close it (that
  clears the parent's places in the reader table). So it is closed before the fork and
  opened again, on first use, on both sides of it.

A disk that fails is reported once, and syncing again would succeed although data were lost. So
after a failed write or sync the environment takes no more of them: what it holds was synced
before. (A full disk is no failure: the next transaction writes all its pages anew.) LMDB itself
refuses even to read after it failed to write its last page; then it is closed and opened again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import lmdb

from tv5core.errors import CatalogError, ClosedError, DiskFailureError, Tv5Error
from tv5core.lmdb_env.lmdb_errors import lmdb_errors, translated
from tv5core.lmdb_env.read_gate import Gate
from tv5core.store.databases import Buffers, Databases, Txn, open_lmdb

__all__ = ["INITIAL_MAP_BYTES", "Databases", "Environment", "ReadTransaction", "Txn"]

INITIAL_MAP_BYTES = 1 << 26
"""Address space a new catalogue starts with; it doubles whenever it is full."""

_ROOM = 2  # a map has room when it is so many times as large as what is in it
_PAGE = 1 << 16
_GROWTH = (2.0, 1.25, 1.05)  # by how much to grow, where the address space allows no more

T = TypeVar("T")


class ReadTransaction:
    """Context manager of one read transaction."""

    __slots__ = ("_environment", "_raw", "_ticket")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> Txn:
        self._raw, dbs, self._ticket = self._environment.begin_read()
        return Txn(self._raw, dbs)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._environment.end_read(self._raw, self._ticket)
        if isinstance(error, lmdb.Error):
            raise translated(error, self._environment.folder) from error


class Environment:
    """One LMDB environment, shared by all handles of this process; see :meth:`acquire`."""

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self.folder = folder
        self._writable = writable
        self._references = 1
        self._gate = Gate()
        self._raw: lmdb.Environment | None = None
        self._dbs: Databases | None = None
        self._closed = False
        self.failure = ""
        self._opening = threading.Lock()
        with lmdb_errors(self.folder):
            self._open()

    # -- sharing --------------------------------------------------------------------------

    @classmethod
    def acquire(cls, folder: Path, *, writable: bool) -> Environment:
        """Open a folder's environment, or join the handles that already have it open.

        Parameters
        ----------
        folder : Path
            Where ``data.mdb`` is, or is to be.
        writable : bool
            Whether :meth:`write` will be used; at most one handle may, see ``WriterLock``.

        Raises
        ------
        CorruptFileError, FormatVersionError, CatalogError
            The file cannot be opened.
        """
        key = os.path.realpath(folder)
        with _REGISTRY_LOCK:
            shared = _REGISTRY.get(key)
            if shared is None:
                shared = _REGISTRY[key] = cls(folder, writable=writable)
                return shared
            if writable:
                shared._make_writable()
            shared._references += 1
            return shared

    def release(self) -> None:
        """Give back one :meth:`acquire`; the last one closes the environment."""
        with _REGISTRY_LOCK:
            self._references -= 1
            if self._references:
                return
            _REGISTRY.pop(os.path.realpath(self.folder), None)
            with self._gate.alone():
                self._closed = True
                self._close()

    # -- transactions ---------------------------------------------------------------------

    def read(self) -> ReadTransaction:
        """Begin a read transaction, as a context manager giving a :class:`Txn`.

        Keep it short, never begin another inside, and call no foreign code in it.
        """
        return ReadTransaction(self)

    def write(self, work: Callable[[Txn], T]) -> T:
        """Run ``work`` in a write transaction and commit it durably.

        Parameters
        ----------
        work : callable
            Runs again from the start, on an unchanged database, when the map had to grow.

        Raises
        ------
        DiskFullError
            Nothing of the transaction was stored.
        DiskFailureError
            The disk failed, now or before. Whether the transaction is stored, wholly or not at
            all, shows when the catalogue is opened again.
        """
        self.check_sound()
        while True:
            try:
                return self._write_once(work)
            except lmdb.MapFullError:
                self._grow()
            except lmdb.MapResizedError:
                self._adopt_map()
            except lmdb.Error as error:
                raise self._failed(error) from error

    def check_sound(self) -> None:
        """Raise DiskFailureError where the disk failed a write before."""
        if self.failure:
            raise DiskFailureError(self.failure)

    def _failed(self, error: lmdb.Error) -> Tv5Error:
        """Note what a failed write means for later ones, and keep reads working."""
        typed = translated(error, self.folder)
        if isinstance(typed, DiskFailureError):
            self.failure = str(typed)
        # Where that fails, whoever reads next tries again and is told.
        with suppress(Tv5Error, OSError):
            self._revive()
        return typed

    def _write_once(self, work: Callable[[Txn], T]) -> T:
        with self._gate.passing():
            raw, dbs = self._ready()
            with raw.begin(write=True, buffers=True) as txn:
                return work(Txn(txn, dbs))

    def begin_read(self) -> tuple[Buffers, Databases, int]:
        """Begin a read transaction by hand; :meth:`read` is the way to use it."""
        while True:
            ticket = self._gate.enter()
            try:
                raw, dbs = self._ready()
                return raw.begin(buffers=True), dbs, ticket
            except (lmdb.MapResizedError, lmdb.PanicError, lmdb.ReadersFullError) as error:
                self._gate.leave(ticket)
                obstacle = error
            except lmdb.Error as error:
                self._gate.leave(ticket)
                raise translated(error, self.folder) from error
            except BaseException:
                self._gate.leave(ticket)
                raise
            self._clear(obstacle)

    def _clear(self, obstacle: lmdb.Error) -> None:
        """Remove what kept a transaction from beginning."""
        if isinstance(obstacle, lmdb.MapResizedError):
            self._adopt_map()
        elif isinstance(obstacle, lmdb.PanicError):
            self._revive()
        elif not self.check_readers():
            raise translated(obstacle, self.folder) from obstacle

    def end_read(self, raw: Buffers, ticket: int) -> None:
        """End what :meth:`begin_read` began."""
        try:
            raw.abort()
        finally:
            self._gate.leave(ticket)

    def last_transaction(self) -> int:
        """Return the number of the last committed transaction, of any process."""
        ticket = self._gate.enter()  # by hand, because every search of a reader comes here
        try:
            raw, _ = self._ready()
            return raw.info()["last_txnid"]
        finally:
            self._gate.leave(ticket)

    def check_readers(self) -> int:
        """Clear the places of killed readers, which would keep pages from being reused."""
        with self._gate.passing():
            return self._ready()[0].reader_check()

    def copy(self, descriptor: int, *, compact: bool) -> None:
        """Write the store, as one transaction sees it, to an open file or a pipe."""
        self.make_room()
        with self._gate.passing():
            try:
                self._ready()[0].copyfd(descriptor, compact=compact)
            except lmdb.Error as error:
                raise translated(error, self.folder) from error

    @property
    def map_bytes(self) -> int:
        """Present size of the map."""
        with self._gate.passing():
            return self._ready()[0].info()["map_size"]

    # -- opening and growing --------------------------------------------------------------

    def _ready(self) -> tuple[lmdb.Environment, Databases]:
        """Return the open environment; called inside the gate."""
        raw, dbs = self._raw, self._dbs
        if raw is None or dbs is None:
            with self._opening:
                if self._raw is None:
                    self._open()
                raw, dbs = self._raw, self._dbs
        if raw is None or dbs is None:
            raise ClosedError(f"expected an open catalogue, got {self.folder} after close()")
        return raw, dbs

    def _open(self) -> None:
        if self._closed:
            return
        fresh_bytes = 0 if _exists(self.folder) else INITIAL_MAP_BYTES
        # A disk that failed may have been made read-only by the system since.
        writable = self._writable and not self.failure
        self._raw, self._dbs = open_lmdb(self.folder, writable=writable, fresh_bytes=fresh_bytes)

    def _close(self) -> None:
        raw, self._raw, self._dbs = self._raw, None, None
        if raw is not None:
            raw.close()

    def _make_writable(self) -> None:
        """Open for writing, anew where a writer met a failing disk before."""
        if self._writable and not self.failure:
            return
        with self._gate.alone(), lmdb_errors(self.folder):
            before = self._writable, self.failure
            self._close()
            self._writable, self.failure = True, ""
            try:
                self._open()
            except BaseException:  # those who read share this environment, and go on
                self._writable, self.failure = before
                raise

    def _grow(self) -> None:
        """Make room: free what killed readers hold, or else enlarge the map."""
        if not self.check_readers():
            with self._gate.alone():
                self._enlarge()

    def make_room(self) -> None:
        """Enlarge the map where it is half full.

        Growing waits for every transaction of this process, so what opens a long one does this
        before it: additions then wait for it only if they double what is stored.
        """
        with self._gate.passing():
            raw, _ = self._ready()
            used = (raw.info()["last_pgno"] + 1) * raw.stat()["psize"]
            roomy = raw.info()["map_size"] >= _ROOM * used
        if not roomy and self._writable and not self.failure:
            with self._gate.alone():
                self._enlarge()

    def _enlarge(self) -> None:
        raw, _ = self._ready()
        size = raw.info()["map_size"]
        for times in _GROWTH:
            wanted = int(size * times) // _PAGE * _PAGE
            try:
                raw.set_mapsize(wanted)
            except lmdb.Error as error:
                # LMDB has unmapped the old map before it failed to map the new one.
                self._close()
                self._open()
                raw, _ = self._ready()
                refusal = error
            else:
                return
        raise CatalogError(
            f"{self.folder}: expected address space for a map of {wanted:,} bytes, got "
            f"{refusal}; nothing of this write was stored (see ulimit -v)"
        ) from refusal

    def _adopt_map(self) -> None:
        """Take over the size another process gave the map."""
        with self._gate.alone(), lmdb_errors(self.folder):
            try:
                self._ready()[0].set_mapsize(0)
            except lmdb.Error:
                self._close()
                raise

    def _revive(self) -> None:
        """Open LMDB anew where it refuses even to read."""
        with self._gate.alone(), lmdb_errors(self.folder):
            try:
                self._ready()[0].begin().abort()
            except lmdb.PanicError:
                self._close()
                self._open()

    # -- forks ----------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Close for a fork, once no transaction runs."""
        self._gate.shut()
        self._close()

    def after_fork_in_parent(self) -> None:
        """Let transactions pass again; the first opens the environment."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Forget locks whose holders do not exist here."""
        self._gate = Gate()
        self._opening = threading.Lock()


def _exists(folder: Path) -> bool:
    path = folder / "data.mdb"
    return path.exists() and path.stat().st_size > 0


_REGISTRY: dict[str, Environment] = {}
_REGISTRY_LOCK = threading.RLock()
_PAUSED: list[Environment] = []


def _before_fork() -> None:
    _REGISTRY_LOCK.acquire()
    for environment in _REGISTRY.values():
        environment.before_fork()
        _PAUSED.append(environment)


def _after_fork_in_parent() -> None:
    while _PAUSED:
        _PAUSED.pop().after_fork_in_parent()
    _REGISTRY_LOCK.release()


def _after_fork_in_child() -> None:
    while _PAUSED:
        _PAUSED.pop().after_fork_in_child()
    _REGISTRY_LOCK.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
