"""The base of every LMDB environment: sharing, transactions, following the map, forks."""

from __future__ import annotations

import ctypes
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from sys import _getframe
from threading import get_ident
from typing import ClassVar, Generic, NoReturn, TypeVar

import lmdb

from tv5core.errors import CatalogError, CatalogReplacedError
from tv5core.lmdb_env import registry
from tv5core.lmdb_env.calls import SUSPENDABLE, Call, this_call
from tv5core.lmdb_env.read_gate import ReadGate
from tv5core.lmdb_env.transaction import Buffers, DatabasesT, Txn

__all__ = ["LmdbEnvironment", "ReadTransaction"]

T = TypeVar("T")

_CHECK_MASK = 63  # one read in so many looks for holders that ended without releasing
_FORK_WAIT_S = 5.0
"""How long a fork waits for transactions of other threads."""


class LmdbEnvironment(ABC, Generic[DatabasesT]):
    """One LMDB environment, shared by all handles of this process.

    A subclass opens the file, decides how commits become durable and what is done about errors;
    its ``acquire`` is a class method that calls :meth:`share`.

    Attributes
    ----------
    folder : Path
    """

    identity_name: ClassVar[str]
    """The file in the folder that tells one environment from another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key: Hashable | None = None
        self._gate = ReadGate()
        self._opening = threading.Lock()
        self._opened: tuple[lmdb.Environment, DatabasesT] | None = None
        self._closed = self._stranded = self._paused = False

    # -- sharing --------------------------------------------------------------------------

    @classmethod
    def identity(cls, folder: Path) -> Hashable | None:
        """Return what identifies a folder's environment in this process; None without a file.

        It is the file, not its path: a folder may be moved away and another take its place.
        """
        try:
            status = os.stat(f"{folder}/{cls.identity_name}")  # noqa: PTH116 - twice as fast
        except OSError:
            return None
        return cls, status.st_dev, status.st_ino

    def check_identity(self) -> None:
        """Check that the folder's path still leads to the file that is open.

        Raises
        ------
        CatalogReplacedError
            It leads to another, or to none.
        """
        found = self.identity(self.folder)
        if found != self.key and self.key is not None:
            got = "none" if found is None else "another one in its place"
            raise CatalogReplacedError(
                f"{self.folder}: expected the catalogue that was opened, got {got}: open it again"
            )

    def is_inside(self) -> bool:
        """Return whether this thread is in a transaction."""
        return self._gate.is_inside()

    def release(self, owner: registry.Owner) -> None:
        """Give back an owner's ``acquire``; the last one closes the environment."""
        registry.release(self, owner)

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

    def begin_read(self, call: Call) -> tuple[Buffers, DatabasesT, int]:
        """Begin a read transaction by hand; :meth:`read` is the way to use it.

        Parameters
        ----------
        call : Call
            What ends before the transaction does, at the latest: without :meth:`end_read` it
            counts as ended then.

        Returns
        -------
        transaction, databases, ticket
            The first and the last are for :meth:`end_read`.
        """
        while True:
            gate = self._gate
            ticket = next(gate.tickets)
            gate.register(ticket, call)
            if gate.closed or not ticket & _CHECK_MASK:
                gate.check(ticket, call)
            try:
                raw, dbs = self._opened or self._open_again()
                return raw.begin(buffers=True), dbs, ticket
            except lmdb.Error as error:
                gate.forget(ticket, None)
                obstacle = error
            except BaseException:
                gate.forget(ticket, None)
                raise
            self._recover(obstacle)

    def end_read(self, raw: Buffers, ticket: int) -> None:
        """End what :meth:`begin_read` began."""
        if self._stranded:
            return  # the transaction is the parent's
        try:
            raw.abort()
        finally:
            self._gate.forget(ticket, None)

    def _write_once(self, work: Callable[[Txn[DatabasesT]], T]) -> T:
        """Run ``work`` in a write transaction; raise what LMDB raises."""
        with self._gate.shared():
            raw, dbs = self._ready()
            self._gate.sweep_others()  # what an interrupted reader left open keeps pages from reuse
            self._before_write(raw)
            with raw.begin(write=True, buffers=True) as txn:
                return work(Txn(txn, dbs))

    def last_transaction(self) -> int:
        """Return the number of the last committed transaction, of any process."""
        ticket = self._gate.acquire_shared((get_ident(), _getframe()))  # by hand: every search
        try:
            raw, _ = self._ready()
            return raw.info()["last_txnid"]
        finally:
            self._gate.forget(ticket, None)

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

    def _stranded_error(self) -> Exception:
        """Return the error to raise in a child of a fork that came amid a transaction."""
        return CatalogError(
            f"{self.folder}: expected a fork while no transaction runs, got one amid an export or "
            "in a report of progress on one: this process cannot use the catalogue; fork at "
            "another moment, or start processes with 'spawn'"
        )

    damage: ClassVar[tuple[type[Exception], ...]] = (lmdb.Error,)
    """What a read transaction may raise because of what is stored; see :meth:`raise_typed`."""

    def raise_typed(self, error: Exception) -> NoReturn:
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
            if self._stranded:
                raise self._stranded_error()
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
        """Close for a fork, once no transaction runs.

        Where this thread is in one, or others do not end, the fork continues: hanging would be
        worse. The child cannot use the environment then, and leaves it alone.
        """
        with suppress(CatalogError):  # this thread is in one
            me = get_ident(), None
            self._paused = self._gate.acquire_exclusive(me, timeout_s=_FORK_WAIT_S)
        if self._paused:
            self._close()

    def after_fork_in_parent(self) -> None:
        """Allow transactions again; the first opens the environment."""
        if self._paused:
            self._paused = False
            self._gate.release_exclusive()

    def after_fork_in_child(self) -> None:
        """Replace locks whose holders do not exist here."""
        self._gate = ReadGate()
        self._opening = threading.Lock()
        self._paused = False
        if self._opened is not None:
            # Closing it would end the parent's transactions, now or when this process ends.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._opened[0]))
            self._opened, self._stranded = None, True


class ReadTransaction(Generic[DatabasesT]):
    """Context manager of one read transaction."""

    __slots__ = ("_environment", "_raw", "_ticket")

    def __init__(self, environment: LmdbEnvironment[DatabasesT]) -> None:
        self._environment = environment

    def __enter__(self) -> Txn[DatabasesT]:
        frame = _getframe(1)
        plain = not frame.f_code.co_flags & SUSPENDABLE  # the common case, without a call
        call = (get_ident(), frame) if plain else this_call(1)
        self._raw, dbs, self._ticket = self._environment.begin_read(call)
        return Txn(self._raw, dbs)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        environment = self._environment
        try:
            if not environment._stranded:  # noqa: SLF001 - as end_read does, without a call
                self._raw.abort()
        finally:
            environment._gate.forget(self._ticket, None)  # noqa: SLF001
        if error is not None and isinstance(error, environment.damage):
            environment.raise_typed(error)
