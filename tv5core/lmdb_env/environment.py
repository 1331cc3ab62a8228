"""The base of every LMDB environment: sharing, transactions, following the map, forks."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import lmdb

from tv5core.lmdb_env import registry
from tv5core.lmdb_env.read_gate import ReadGate
from tv5core.lmdb_env.transaction import Buffers, DatabasesT, Txn

__all__ = ["LmdbEnvironment", "ReadTransaction"]

T = TypeVar("T")


class LmdbEnvironment(ABC, Generic[DatabasesT]):
    """One LMDB environment, shared by all handles of this process.

    A subclass opens the file, decides how commits become durable and what is done about errors;
    its ``acquire`` is a class method that calls :meth:`share`.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = self.key(folder)
        self._gate = ReadGate()
        self._opening = threading.Lock()
        self._opened: tuple[lmdb.Environment, DatabasesT] | None = None
        self._closed = False

    # -- sharing --------------------------------------------------------------------------

    @classmethod
    def key(cls, folder: Path) -> Hashable:
        """Return what identifies a folder's environment of this class in this process."""
        return cls, os.path.realpath(folder)

    def release(self) -> None:
        """Give back one ``acquire``; the last one closes the environment."""
        registry.release(self._key, self)

    def close(self) -> None:
        """Close for good; called by the registry."""
        with self._gate.exclusive():
            self._closed = True
            self._close_for_good()

    # -- transactions ---------------------------------------------------------------------

    def read(self) -> ReadTransaction[DatabasesT]:
        """Begin a read transaction, as a context manager giving a :class:`Txn`.

        Keep it short, never begin another inside, and call no foreign code in it.
        """
        return ReadTransaction(self)

    def begin_read(self) -> tuple[Buffers, DatabasesT, int]:
        """Begin a read transaction by hand; :meth:`read` is the way to use it.

        Returns
        -------
        transaction, databases, ticket
            The first and the last are for :meth:`end_read`.
        """
        while True:
            ticket = self._gate.acquire_shared()
            try:
                raw, dbs = self._opened or self._open_again()
                return raw.begin(buffers=True), dbs, ticket
            except lmdb.Error as error:
                self._gate.release_shared(ticket)
                obstacle = error
            except BaseException:
                self._gate.release_shared(ticket)
                raise
            self._recover(obstacle)

    def end_read(self, raw: Buffers, ticket: int) -> None:
        """End what :meth:`begin_read` began."""
        try:
            raw.abort()
        finally:
            self._gate.release_shared(ticket)

    def _write_once(self, work: Callable[[Txn[DatabasesT]], T]) -> T:
        """Run ``work`` in a write transaction; raise what LMDB raises."""
        with self._gate.shared():
            raw, dbs = self._ready()
            self._before_write(raw)
            with raw.begin(write=True, buffers=True) as txn:
                return work(Txn(txn, dbs))

    def last_transaction(self) -> int:
        """Return the number of the last committed transaction, of any process."""
        ticket = self._gate.acquire_shared()  # by hand: every search of a reader comes here
        try:
            raw, _ = self._ready()
            return raw.info()["last_txnid"]
        finally:
            self._gate.release_shared(ticket)

    def check_readers(self) -> int:
        """Clear the slots of killed readers, which keep pages from being reused."""
        with self._gate.shared():
            return self._ready()[0].reader_check()

    @property
    def map_bytes(self) -> int:
        """Present size of the map."""
        with self._gate.shared():
            return self._ready()[0].info()["map_size"]

    # -- for subclasses -------------------------------------------------------------------

    @abstractmethod
    def _open(self) -> None:
        """Open LMDB's file and set ``_opened``; called at first use and after a fork."""

    @abstractmethod
    def _closed_error(self) -> Exception:
        """Return the error to raise where a closed environment is used."""

    def raise_typed(self, error: lmdb.Error) -> NoReturn:
        """Raise what callers expect in place of an error of LMDB; here the error itself."""
        raise error

    def _before_write(self, raw: lmdb.Environment) -> None:
        """Prepare the file for a write transaction."""

    def _close_for_good(self) -> None:
        """Close once the last handle is gone; called exclusively."""
        self._close()

    def _recover(self, obstacle: lmdb.Error) -> None:
        """Remove what kept a transaction from beginning, or raise it."""
        if not isinstance(obstacle, lmdb.MapResizedError):
            self.raise_typed(obstacle)
        self._adopt_map()

    # -- opening and closing --------------------------------------------------------------

    def _ready(self) -> tuple[lmdb.Environment, DatabasesT]:
        """Return the open environment; called while the gate is held."""
        return self._opened or self._open_again()

    def _open_again(self) -> tuple[lmdb.Environment, DatabasesT]:
        with self._opening:
            if self._opened is None and not self._closed:
                self._open()
            opened = self._opened
        if opened is None:
            raise self._closed_error()
        return opened

    def _close(self) -> None:
        """Close LMDB's file; called exclusively. The next use opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].close()

    # -- the map --------------------------------------------------------------------------

    def _resize(self, map_bytes: int) -> None:
        """Give the map another size, 0 for the one on disk; called exclusively."""
        raw, _ = self._ready()
        try:
            raw.set_mapsize(map_bytes)
        except lmdb.Error:
            self._close()  # LMDB removes the old map before it fails to make the new one
            raise

    def _adopt_map(self) -> None:
        """Take over the size another process gave the map."""
        with self._gate.exclusive():
            try:
                self._resize(0)
            except lmdb.Error as error:
                self.raise_typed(error)

    # -- forks ----------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Close for a fork, once no transaction runs."""
        self._gate.acquire_exclusive()
        self._close()

    def after_fork_in_parent(self) -> None:
        """Allow transactions again; the first opens the environment."""
        self._gate.release_exclusive()

    def after_fork_in_child(self) -> None:
        """Replace locks whose holders do not exist here."""
        self._gate = ReadGate()
        self._opening = threading.Lock()


class ReadTransaction(Generic[DatabasesT]):
    """Context manager of one read transaction."""

    __slots__ = ("_environment", "_raw", "_ticket")

    def __init__(self, environment: LmdbEnvironment[DatabasesT]) -> None:
        self._environment = environment

    def __enter__(self) -> Txn[DatabasesT]:
        self._raw, dbs, self._ticket = self._environment.begin_read()
        return Txn(self._raw, dbs)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._environment.end_read(self._raw, self._ticket)
        if isinstance(error, lmdb.Error):
            self._environment.raise_typed(error)
