"""LMDB as tv5core uses it: short transactions, a map that grows, forks survived.

LMDB asks for three things that a library cannot leave to its callers:

- An environment may be open only once in a process, so handles to one folder share an
  :class:`Environment` and count themselves.
- The map must not change size, and the environment must not be closed, while a
  transaction runs. Every transaction passes a gate that can be shut for such moments.
- A child made by ``fork`` must not use its parent's environment, nor close it (that
  clears the parent's places in the reader table). So it is closed before the fork and
  opened again, on first use, on both sides of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import lmdb

from tv5core.errors import ClosedError, CorruptFileError, NotACatalogError
from tv5core.store.failures import translated
from tv5core.store.gate import Gate

__all__ = ["INITIAL_MAP_BYTES", "Databases", "Environment", "ReadTransaction", "Txn"]

INITIAL_MAP_BYTES = 1 << 26
"""Address space a new catalogue starts with; it doubles whenever it is full."""

_MAX_READERS = 1024  # transactions at once, over all processes
_SPARE_TXNS = 8

T = TypeVar("T")
Buffers: TypeAlias = "lmdb.Transaction[memoryview]"


class Databases(NamedTuple):
    """Handles of the sub-databases, valid within one transaction."""

    meta: lmdb._Database
    titles: lmdb._Database
    ids: lmdb._Database
    aliases: lmdb._Database
    vectors: lmdb._Database
    pending: lmdb._Database
    journal: lmdb._Database


class Txn(NamedTuple):
    """A transaction and the databases it may touch.

    Values are views of the map: they must be copied or decoded before it ends.
    """

    raw: Buffers
    dbs: Databases


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
        self._opening = threading.Lock()
        with self._lmdb_errors():
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
            shared._references += 1
            if writable:
                shared._make_writable()
            return shared

    def release(self) -> None:
        """Give back one :meth:`acquire`; the last one closes the environment."""
        with _REGISTRY_LOCK:
            self._references -= 1
            if self._references:
                return
            _REGISTRY.pop(os.path.realpath(self.folder), None)
            with self._alone():
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
        """
        while True:
            try:
                return self._write_once(work)
            except lmdb.MapFullError:
                self._grow()
            except lmdb.MapResizedError:
                self._adopt_map()
            except lmdb.Error as error:
                raise translated(error, self.folder) from error

    def _write_once(self, work: Callable[[Txn], T]) -> T:
        with self._passing():
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
            except lmdb.MapResizedError:
                self._gate.leave(ticket)
            except lmdb.Error as error:
                self._gate.leave(ticket)
                raise translated(error, self.folder) from error
            except BaseException:
                self._gate.leave(ticket)
                raise
            self._adopt_map()

    def end_read(self, raw: Buffers, ticket: int) -> None:
        """End what :meth:`begin_read` began."""
        try:
            raw.abort()
        finally:
            self._gate.leave(ticket)

    @contextmanager
    def _passing(self) -> Iterator[None]:
        ticket = self._gate.enter()
        try:
            yield
        finally:
            self._gate.leave(ticket)

    def last_transaction(self) -> int:
        """Return the number of the last committed transaction, of any process."""
        ticket = self._gate.enter()
        try:
            raw, _ = self._ready()
            return raw.info()["last_txnid"]
        finally:
            self._gate.leave(ticket)

    def check_readers(self) -> int:
        """Clear the places of killed readers, which would keep pages from being reused."""
        with self._passing():
            return self._ready()[0].reader_check()

    @property
    def map_bytes(self) -> int:
        """Present size of the map."""
        with self._passing():
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
        raw = lmdb.open(
            os.fspath(self.folder),
            # A map of size 0 is as large as its last writer made it.
            map_size=0 if self._exists() else INITIAL_MAP_BYTES,
            readonly=not self._writable,
            create=self._writable,
            max_dbs=len(Databases._fields),
            max_readers=_MAX_READERS,
            max_spare_txns=_SPARE_TXNS,
            lib_version=0,  # the 0.9 file format, which every LMDB reads
        )
        try:
            self._check_size(raw)
            self._dbs = self._open_databases(raw)
        except BaseException:
            raw.close()
            raise
        self._raw = raw

    def _check_size(self, raw: lmdb.Environment) -> None:
        """Refuse a file that was cut short: reading a page past its end kills the process."""
        want = (raw.info()["last_pgno"] + 1) * raw.stat()["psize"]
        size = (self.folder / "data.mdb").stat().st_size
        if 0 < size < want:
            raise CorruptFileError(f"{self.folder}/data.mdb: expected {want} bytes, got {size}")

    def _exists(self) -> bool:
        path = self.folder / "data.mdb"
        return path.exists() and path.stat().st_size > 0

    def _open_databases(self, raw: lmdb.Environment) -> Databases:
        with raw.begin() as txn:
            fresh = self._writable and txn.stat()["entries"] == 0
        if fresh:
            with raw.begin(write=True, buffers=True) as txn:  # all of them are created, or none
                return Databases(*(_open_database(raw, n, txn) for n in Databases._fields))
        try:
            return Databases(*(_open_database(raw, n) for n in Databases._fields))
        except lmdb.NotFoundError as error:
            raise NotACatalogError(
                f"expected a catalogue in {self.folder}, got an LMDB file of something else"
            ) from error

    def _close(self) -> None:
        raw, self._raw, self._dbs = self._raw, None, None
        if raw is not None:
            raw.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._gate.shut()
        try:
            yield
        finally:
            self._gate.open()

    def _make_writable(self) -> None:
        if self._writable:
            return
        with self._alone(), self._lmdb_errors():
            self._close()
            self._writable = True
            self._open()

    def _grow(self) -> None:
        with self._alone(), self._lmdb_errors():
            raw, _ = self._ready()
            raw.set_mapsize(2 * raw.info()["map_size"])

    def _adopt_map(self) -> None:
        """Take over the size another process gave the map."""
        with self._alone(), self._lmdb_errors():
            self._ready()[0].set_mapsize(0)

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

    @contextmanager
    def _lmdb_errors(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise translated(error, self.folder) from error


def _open_database(
    raw: lmdb.Environment, name: str, creating: Buffers | None = None
) -> lmdb._Database:
    several = name == "aliases"
    return raw.open_db(
        name.encode(), creating, create=creating is not None, dupsort=several, dupfixed=several
    )


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
