"""LMDB as the cache on disk uses it: no waiting for the disk, bad files replaced.

It promises less than the catalogue's environment. Nothing here needs to be durable, so no
commit waits for the disk. The map has its full size from the start (that is address space, the
file grows as it is filled), so no transaction runs twice. A file that cannot be used is renamed
and replaced by an empty one instead of an error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import lmdb

from tv5core.cache.disk.control_page import ControlPage, UnusableError, quarantine
from tv5core.cache.disk.databases import Databases, Txn, open_lmdb, used_bytes
from tv5core.lmdb_env import registry
from tv5core.lmdb_env.environment import LmdbEnvironment
from tv5core.lmdb_env.opening import used_end

__all__ = ["CONTROL_NAME", "DATA_NAME", "Databases", "Environment", "Txn"]

DATA_NAME = "l2.mdb"
CONTROL_NAME = "l2.control"

_MIN_MAP_BYTES = 1 << 20
_AHEAD_BYTES = 16 << 20

log = logging.getLogger("tv5core")

T = TypeVar("T")


class Environment(LmdbEnvironment[Databases]):
    """One LMDB environment of the cache, shared by all handles of this process.

    Attributes
    ----------
    folder : Path
    warnings : list of str
        What was wrong at opening, and what was done about it.
    """

    identity_name = CONTROL_NAME  # it stays where the data is replaced

    def __init__(self, folder: Path, map_bytes: int) -> None:
        super().__init__(folder)
        self.warnings: list[str] = []
        self._path = folder / DATA_NAME
        self._map_bytes = max(map_bytes, _MIN_MAP_BYTES)
        self._control: ControlPage | None = None
        self._open()

    @classmethod
    def acquire(cls, folder: Path, map_bytes: int, owner: registry.Owner) -> Environment:
        """Open a folder's environment, or share the one that is open.

        Raises
        ------
        UnusableError
        """

        def join(environment: Environment) -> None:
            environment._widen(map_bytes)

        create = partial(cls, folder, map_bytes)
        return registry.acquire(lambda: cls.identity(folder), create, join, owner)

    # -- entries --------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch of valid entries; 0, which none has, after closing."""
        control = self._control
        return 0 if control is None else control.epoch

    def renew_epoch(self) -> bool:
        """Empty the cache in every process; return whether that could be written."""
        control = self._control
        return control is not None and control.renew_epoch()

    def write(self, work: Callable[[Txn], T]) -> T:
        """Run ``work`` in a write transaction; only the writer thread does this.

        Raises
        ------
        UnusableError, lmdb.Error
            Nothing of the transaction was stored.
        """
        while True:
            try:
                return self._write_once(work)
            except lmdb.MapResizedError:
                self._adopt_map()

    def wait_for_readers(self) -> None:
        """Wait until the read transactions of this process have ended.

        The pages they may read are not reused, and one whose thread waits for the GIL lasts
        through many write transactions.
        """
        with self._gate.exclusive():
            pass

    def used_bytes(self, txn: Txn) -> int:
        """Return what all entries and indexes take, in whole pages."""
        return used_bytes(txn)

    def _before_write(self, raw: lmdb.Environment) -> None:
        """Keep the file longer than a transaction can make it, as a hole, which takes no room.

        LMDB does not write pages at its end that one transaction took and gave back, and a file
        shorter than LMDB's record of it counts as truncated.
        """
        map_bytes, end = raw.info()["map_size"], used_end(raw)
        with suppress(OSError):
            if self._path.stat().st_size < min(end + _AHEAD_BYTES, map_bytes):
                os.truncate(self._path, min(end + 2 * _AHEAD_BYTES, map_bytes))

    # -- opening --------------------------------------------------------------------------

    def _open(self) -> None:
        """Open everything; after a fork LMDB's file in the parent, everything in the child."""
        if self._control is None:
            self._open_controlled()
            return
        try:
            self._open_lmdb()
        except OSError as error:
            raise UnusableError(f"{self._path}: expected a cache's file, got {error}") from error

    def _closed_error(self) -> Exception:
        return UnusableError(f"{self.folder}: expected an open cache, got a closed one")

    def _stranded_error(self) -> Exception:
        return UnusableError(
            f"{self.folder}: expected a fork while no transaction runs, got one amid one"
        )

    def _open_lmdb(self) -> None:
        self._opened = open_lmdb(self._path, self._map_bytes)

    def _open_controlled(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnusableError(f"{self.folder}: expected a folder, got {error}") from error
        control = ControlPage(self.folder / CONTROL_NAME)
        try:
            if control.quarantined is not None:
                self._warn(f"a foreign file is now {control.quarantined.name}")
            self._open_checked(control)
            if control.exclusive:
                control.lock_shared()
        except BaseException:
            control.close(clean=False)
            raise
        self._control = control

    def _open_checked(self, control: ControlPage) -> None:
        if control.exclusive and not control.trusted and self._path.exists():
            self._quarantine("it was open when the machine stopped")
        reason = self._try_lmdb(control)
        if reason is None:
            return
        if _is_full(reason, self.folder) or not self._path.exists():
            raise UnusableError(f"{self._path}: expected room for the cache, got {reason}")
        self._quarantine(reason)
        control.renew_epoch()
        try:
            self._open_lmdb()
        except (lmdb.Error, OSError) as error:
            raise UnusableError(f"{self._path}: expected a new cache, got {error}") from error

    def _try_lmdb(self, control: ControlPage) -> str | None:
        """Open LMDB's file; where nobody else uses it, return what is wrong with it."""
        try:
            self._open_lmdb()
        except (lmdb.Error, UnusableError, OSError) as error:
            if not control.exclusive:
                raise UnusableError(
                    f"{self._path}: expected a cache's file, got {error}"
                ) from error
            return str(error)
        return None

    def _quarantine(self, reason: str) -> None:
        if self._path.stat().st_size:
            kept = quarantine(self._path)
            self._warn(f"starting empty, the file is now {kept.name}: {reason}")
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            Path(f"{self._path}-lock").unlink(missing_ok=True)

    def _warn(self, message: str) -> None:
        self.warnings.append(message)
        log.warning("cache %s: %s", self._path, message)

    # -- replacing, resizing, closing -----------------------------------------------------

    def reset(self) -> None:
        """Close LMDB's file after an error it does not recover from; the next use opens it."""
        with self._gate.exclusive():
            self._close()

    def rebuild(self, reason: str) -> None:
        """Rename a damaged file and start empty, where nobody else uses it.

        Raises
        ------
        UnusableError
            Others use it: all of them must close it first.
        """
        with self._gate.exclusive():
            self._close()
            control = self._control
            if control is None or not control.try_exclusive():
                if control is not None:
                    control.lock_shared()  # trying for the exclusive lock gave it up
                raise UnusableError(f"{self._path}: expected to be its only user, got others")
            try:
                self._quarantine(reason)
                control.renew_epoch()
                self._open_lmdb()
            finally:
                control.lock_shared()

    def _widen(self, map_bytes: int) -> None:
        if map_bytes <= self._map_bytes:
            return
        with self._gate.exclusive():
            self._map_bytes = map_bytes
            self._resize(map_bytes)

    def _close_for_good(self) -> None:
        control, opened = self._control, self._opened
        clean = False
        if control is not None and opened is not None and control.try_exclusive():
            with suppress(lmdb.Error):
                opened[0].sync(True)
                clean = True
        self._close()
        if control is not None:
            control.close(clean=clean)
        self._control = None

    def after_fork_in_child(self) -> None:
        """Replace locks whose holders do not exist here, and keep the parent's file lock."""
        super().after_fork_in_child()
        if self._control is not None:
            self._control.close_file()
            self._control = None


def _is_full(reason: str, folder: Path) -> bool:
    """Return whether opening failed for lack of room, in which case the file is sound."""
    if "No space" in reason or "quota" in reason:
        return True
    with suppress(OSError):
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize < _MIN_MAP_BYTES
    return False
