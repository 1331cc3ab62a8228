"""The catalogue's LMDB: every commit is durable, the map grows, a failing disk is remembered.

A disk that fails is reported once, and syncing again would succeed although data were lost. So
after a failed write or sync the environment refuses further writes: what it holds was synced
before. (A full disk is no failure: the next transaction writes all its pages again.) LMDB itself
refuses even to read after it failed to write its last page; then it is closed and opened again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

import lmdb

from tv5core.errors import CatalogError, ClosedError, DiskFailureError, InvalidInputError, Tv5Error
from tv5core.files.locking import SharedLock
from tv5core.lmdb_env import registry
from tv5core.lmdb_env.environment import LmdbEnvironment
from tv5core.lmdb_env.lmdb_errors import lmdb_errors, typed_error
from tv5core.lmdb_env.opening import used_end
from tv5core.store.databases import open_lmdb
from tv5core.store.derived import DERIVED
from tv5core.store.permissions import keep_writers_out, may_register
from tv5core.store.transaction import Databases, Derived, Txn

__all__ = ["INITIAL_MAP_BYTES", "Environment"]

INITIAL_MAP_BYTES = 1 << 26
"""Address space of a new catalogue; it doubles whenever it is full."""

_ROOM = 2  # a map has room when it is so many times as large as what is in it
_PAGE = 1 << 16
_GROWTH = (2.0, 1.25, 1.05)  # by how much to grow, where the address space allows no more

T = TypeVar("T")


class Environment(LmdbEnvironment[Databases]):
    """A catalogue's LMDB environment, shared by all handles of this process.

    Attributes
    ----------
    folder : Path
    members : tuple of Derived
        What is derived from titles and changes with them.
    failure : str
        The message of the disk failure after which nothing is written; ``""`` where there was
        none.
    """

    identity_name = "data.mdb"

    def __init__(self, folder: Path, members: tuple[Derived, ...], *, writable: bool) -> None:
        super().__init__(folder)
        self.members = members
        self._writable = writable
        self.failure = ""
        self._barrier: SharedLock | None = None
        with lmdb_errors(self.folder):
            self._open()

    @classmethod
    def acquire(
        cls,
        folder: Path,
        owner: registry.Owner,
        *,
        writable: bool,
        members: tuple[Derived, ...] = DERIVED,
    ) -> Environment:
        """Open a folder's environment, or share the one that is open.

        Parameters
        ----------
        folder : Path
            Where ``data.mdb`` is, or is to be.
        owner : Owner
            Whose reference this is.
        writable : bool
            Whether :meth:`write` will be used; at most one handle may, see ``WriterLock``.
        members : tuple of Derived
            What is derived from titles; the same for all handles of a folder.

        Raises
        ------
        InvalidInputError
            Another handle has the folder open with other members.
        CorruptFileError, FormatVersionError, CatalogError
            The file cannot be opened.
        """

        def join(environment: Environment) -> None:
            if environment.members != members:
                raise InvalidInputError(
                    f"{folder}: expected the derived data of its other handles "
                    f"({_list_names(environment.members)}), got {_list_names(members)}"
                )
            if writable:
                environment._make_writable()

        def create() -> Environment:
            return cls(folder, members, writable=writable)

        return registry.acquire(lambda: cls.identity(folder), create, join, owner)

    # -- writing --------------------------------------------------------------------------

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
        self.check_failure()
        while True:
            try:
                return self._write_once(work)
            except lmdb.MapFullError:
                self._grow()
            except lmdb.MapResizedError:
                self._adopt_map()
            except lmdb.Error as error:
                raise self._failed(error) from error
            except (struct.error, UnicodeDecodeError) as error:  # a key or a value is damaged
                self.raise_typed(error)

    def check_failure(self) -> None:
        """Raise DiskFailureError where the disk failed a write before."""
        if self.failure:
            raise DiskFailureError(self.failure)

    def _failed(self, error: lmdb.Error) -> Tv5Error:
        """Remember what a failed write means for later ones, and keep reads working."""
        typed = typed_error(error, self.folder)
        if isinstance(typed, DiskFailureError):
            self.failure = str(typed)
        # Where that fails, the next read tries again and raises it.
        with suppress(Tv5Error, OSError):
            self._reopen_after_panic()
        return typed

    def copy(self, descriptor: int) -> None:
        """Write the store, as one transaction sees it, to an open file or a pipe."""
        self.make_room()
        with self._gate.shared(), lmdb_errors(self.folder):
            self._ready()[0].copyfd(descriptor)

    # -- what the base class asks for -----------------------------------------------------

    def _open(self) -> None:
        self.check_identity()  # where it is opened again
        fresh_bytes = 0 if _exists(self.folder) else INITIAL_MAP_BYTES
        # The system may have made a disk read-only after it failed.
        writable = self._writable and not self.failure
        register = self._writable or may_register(self.folder)
        self._barrier = None if register else keep_writers_out(self.folder)
        try:
            self._opened = open_lmdb(
                self.folder,
                self.members,
                writable=writable,
                fresh_bytes=fresh_bytes,
                register=register,
            )
        except PermissionError as error:
            raise CatalogError(
                f"{error.filename}: expected to read it, got no permission"
            ) from None

    def _close(self) -> None:
        super()._close()
        if self._barrier is not None:
            self._barrier.release()

    def _closed_error(self) -> Exception:
        return ClosedError(f"expected an open catalogue, got {self.folder} after close()")

    damage = (lmdb.Error, struct.error, UnicodeDecodeError)

    def raise_typed(self, error: Exception) -> NoReturn:
        """Raise an error of tv5core in place of one of LMDB's."""
        raise typed_error(error, self.folder) from error

    def _recover(self, obstacle: lmdb.Error) -> None:
        if isinstance(obstacle, lmdb.PanicError):
            self._reopen_after_panic()
        elif not isinstance(obstacle, lmdb.ReadersFullError) or not self.check_readers():
            super()._recover(obstacle)

    # -- reopening ------------------------------------------------------------------------

    def _make_writable(self) -> None:
        """Open for writing; reopen where the disk failed a writer before."""
        if self._writable and not self.failure:
            return
        with self._gate.exclusive(), lmdb_errors(self.folder):
            before = self._writable, self.failure
            self._close()
            self._writable, self.failure = True, ""
            try:
                self._open()
            except BaseException:  # readers share this environment, and continue
                self._writable, self.failure = before
                raise

    def _reopen_after_panic(self) -> None:
        """Reopen LMDB where it refuses even to read."""
        with self._gate.exclusive(), lmdb_errors(self.folder):
            try:
                self._ready()[0].begin().abort()
            except lmdb.PanicError:
                self._close()
                self._open()

    # -- growing --------------------------------------------------------------------------

    def make_room(self) -> None:
        """Enlarge the map where it is half full.

        Growing waits for every transaction of this process, so what opens a long one does this
        before it: additions then wait for it only if they double what is stored.
        """
        with self._gate.shared():
            raw, _ = self._ready()
            roomy = raw.info()["map_size"] >= _ROOM * used_end(raw)
        if not roomy and self._writable and not self.failure:
            with self._gate.exclusive():
                self._enlarge()

    def _grow(self) -> None:
        """Make room: free what killed readers hold, or else enlarge the map."""
        if not self.check_readers():
            with self._gate.exclusive():
                self._enlarge()

    def _enlarge(self) -> None:
        size = self._ready()[0].info()["map_size"]
        for factor in _GROWTH:
            map_bytes = int(size * factor) // _PAGE * _PAGE
            try:
                return self._resize(map_bytes)
            except lmdb.Error as error:
                refusal = error
        raise CatalogError(
            f"{self.folder}: expected address space for a map of {map_bytes:,} bytes, got "
            f"{refusal}; nothing of this write was stored (see ulimit -v)"
        ) from refusal


def _exists(folder: Path) -> bool:
    path = folder / "data.mdb"
    return path.exists() and path.stat().st_size > 0


def _list_names(members: tuple[Derived, ...]) -> str:
    return ", ".join(member.name for member in members)
