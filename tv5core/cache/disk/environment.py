"""LMDB as the cache on disk uses it: no waiting for the disk, forks survived, bad files put aside.

It differs from the catalogue's environment in what it promises. Nothing here needs to be
durable, so no commit waits for the disk; the map has its full size from the start (that is
address space, the file grows as it is filled), so no transaction runs twice; and a file that
cannot be used is put aside instead of reported.

Reads are microseconds long and pass one lock; the writer has another. Who needs the
environment for himself (to close it, to follow another process's map, to fork) first bars
new reads, since under a lock alone busy readers would starve him.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import lmdb

from tv5core.cache.disk.control_page import ControlPage, UnusableError, aside

__all__ = ["DATA_NAME", "Databases", "Environment", "Txn"]

DATA_NAME = "l2.mdb"
CONTROL_NAME = "l2.control"
FORMAT = b"1"

_FORMAT_KEY = b"tv5core.cache"
_MAX_READERS = 1024  # transactions at once, over all processes
_MIN_MAP_BYTES = 1 << 20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_AHEAD_BYTES = 16 << 20

log = logging.getLogger("tv5core")

T = TypeVar("T")
Buffers: TypeAlias = "lmdb.Transaction[memoryview]"


class Databases(NamedTuple):
    """Handles of the sub-databases."""

    meta: lmdb._Database
    entries: lmdb._Database
    expiry: lmdb._Database
    tags: lmdb._Database
    log: lmdb._Database


class Txn(NamedTuple):
    """A transaction and its databases; values are views that end with it."""

    raw: Buffers
    dbs: Databases


class Reading:
    """Context manager of one read transaction."""

    __slots__ = ("_environment", "_raw")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> Txn:
        self._raw, dbs = self._environment.begin_read()
        return Txn(self._raw, dbs)

    def __exit__(self, *_: object) -> None:
        self._environment.end_read(self._raw)


class Environment:
    """One LMDB environment of the cache, shared by all handles of this process.

    Attributes
    ----------
    folder : Path
    warnings : list of str
        What opening found wrong and what was done about it.
    """

    def __init__(self, folder: Path, map_bytes: int) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._path = folder / DATA_NAME
        self._map_bytes = max(map_bytes, _MIN_MAP_BYTES)
        self._references = 1
        self._closed = False
        self._control: ControlPage | None = None
        self._raw: lmdb.Environment | None = None
        self._dbs: Databases | None = None
        self._renew_locks()
        self._open()

    def _renew_locks(self) -> None:
        self._reads = threading.Lock()
        self._writes = threading.Lock()
        self._opening = threading.Lock()
        self._unbarred = threading.Event()
        self._unbarred.set()

    # -- sharing --------------------------------------------------------------------------

    @classmethod
    def acquire(cls, folder: Path, map_bytes: int) -> Environment:
        """Open a folder's environment, or join the handles that have it open.

        Raises
        ------
        UnusableError
        """
        key = os.path.realpath(folder)
        with _REGISTRY_LOCK:
            shared = _REGISTRY.get(key)
            if shared is None:
                shared = _REGISTRY[key] = cls(folder, map_bytes)
            else:
                shared._references += 1
                shared._widen(map_bytes)
            return shared

    def release(self) -> None:
        """Give back one :meth:`acquire`; the last one closes the environment."""
        with _REGISTRY_LOCK:
            self._references -= 1
            if self._references:
                return
            _REGISTRY.pop(os.path.realpath(self.folder), None)
            with self.alone():
                self._closed = True
                self._close_for_good()

    # -- transactions ---------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch of entries that exist; 0, which none has, after closing."""
        control = self._control
        return 0 if control is None else control.epoch

    def renew_epoch(self) -> bool:
        """Empty the cache in every process; say whether that could be written."""
        control = self._control
        return control is not None and control.renew()

    def read(self) -> Reading:
        """Begin a read transaction, as a context manager. Keep it short, begin no other inside.

        Raises
        ------
        UnusableError, lmdb.Error
        """
        return Reading(self)

    def begin_read(self) -> tuple[Buffers, Databases]:
        """Begin a read transaction by hand; :meth:`read` is the way to use it."""
        while True:
            if not self._unbarred.is_set():
                self._unbarred.wait()
            self._reads.acquire()
            try:
                raw, dbs = self._ready()
                return raw.begin(buffers=True), dbs
            except lmdb.MapResizedError:
                self._reads.release()
            except BaseException:
                self._reads.release()
                raise
            self._adopt_map()

    def end_read(self, raw: Buffers) -> None:
        """End what :meth:`begin_read` began."""
        try:
            raw.abort()
        finally:
            self._reads.release()

    def write(self, work: Callable[[Txn], T]) -> T:
        """Run ``work`` in a write transaction; only the writer's thread does this.

        Raises
        ------
        UnusableError, lmdb.Error
            Nothing of the transaction was stored.
        """
        while True:
            try:
                with self._writes:
                    raw, dbs = self._ready()
                    self._extend(raw)
                    with raw.begin(write=True, buffers=True) as txn:
                        return work(Txn(txn, dbs))
            except lmdb.MapResizedError:
                self._adopt_map()

    def last_transaction(self) -> int:
        """Return the number of the last committed transaction, of any process."""
        with self._reads:
            return self._ready()[0].info()["last_txnid"]

    def used_bytes(self, txn: Txn) -> int:
        """Return what all entries and indexes take, in whole pages."""
        pages = size = 0
        for database in txn.dbs:
            stat = txn.raw.stat(database)
            size = stat["psize"]
            pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        return pages * size

    def check_readers(self) -> int:
        """Clear the places of killed readers, which would keep pages from being reused."""
        with self._writes:
            return self._ready()[0].reader_check()

    # -- opening --------------------------------------------------------------------------

    def _ready(self) -> tuple[lmdb.Environment, Databases]:
        raw, dbs = self._raw, self._dbs
        if raw is None or dbs is None:
            with self._opening:
                if self._raw is None and not self._closed:
                    self._reopen()
                raw, dbs = self._raw, self._dbs
        if raw is None or dbs is None:
            raise UnusableError(f"{self.folder}: expected an open cache, got a closed one")
        return raw, dbs

    def _reopen(self) -> None:
        """Open again after a fork: LMDB's file in the parent, everything in the child."""
        if self._control is None:
            self._open()
            return
        try:
            self._open_lmdb()
        except OSError as error:
            raise UnusableError(f"{self._path}: expected a cache's file, got {error}") from error

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnusableError(f"{self.folder}: expected a folder, got {error}") from error
        control = ControlPage(self.folder / CONTROL_NAME)
        try:
            if control.found_foreign is not None:
                self._warn(f"a foreign file is now {control.found_foreign.name}")
            self._open_checked(control)
            if control.alone:
                control.share()
        except BaseException:
            control.close(clean=False)
            raise
        self._control = control

    def _open_checked(self, control: ControlPage) -> None:
        if control.alone and not control.trusted and self._path.exists():
            self._put_aside("it was open when the machine stopped")
        reason = self._try_lmdb(control)
        if reason is None:
            return
        if _is_full(reason, self.folder) or not self._path.exists():
            raise UnusableError(f"{self._path}: expected room for the cache, got {reason}")
        self._put_aside(reason)
        control.renew()
        try:
            self._open_lmdb()
        except (lmdb.Error, OSError) as error:
            raise UnusableError(f"{self._path}: expected a new cache, got {error}") from error

    def _try_lmdb(self, control: ControlPage) -> str | None:
        """Open LMDB's file; where nobody else uses it, return what is wrong with it."""
        try:
            self._open_lmdb()
        except (lmdb.Error, UnusableError, OSError) as error:
            if not control.alone:
                raise UnusableError(
                    f"{self._path}: expected a cache's file, got {error}"
                ) from error
            return str(error)
        return None

    def _put_aside(self, reason: str) -> None:
        if self._path.stat().st_size:
            kept = aside(self._path)
            self._warn(f"starting empty, the file is now {kept.name}: {reason}")
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            Path(f"{self._path}-lock").unlink(missing_ok=True)

    def _warn(self, message: str) -> None:
        self.warnings.append(message)
        log.warning("cache %s: %s", self._path, message)

    def _open_lmdb(self) -> None:
        raw = lmdb.open(
            os.fspath(self._path),
            subdir=False,
            map_size=self._map_bytes,
            max_dbs=len(Databases._fields),
            max_readers=_MAX_READERS,
            max_spare_txns=8,
            lib_version=0,  # the 0.9 file format, as in the catalogue
            metasync=False,
            sync=False,
        )
        try:
            self._check_size(raw)
            raw.reader_check()
            self._dbs = self._open_databases(raw)
        except BaseException:
            raw.close()
            raise
        self._raw = raw

    def _extend(self, raw: lmdb.Environment) -> None:
        """Keep the file longer than a transaction can make it, as a hole, which takes no room.

        LMDB does not write pages at its end that one transaction took and gave back, and what
        is shorter than it says would be taken for cut.
        """
        info = raw.info()
        end = (info["last_pgno"] + 1) * _PAGE_BYTES
        with suppress(OSError):
            if self._path.stat().st_size < min(end + _AHEAD_BYTES, info["map_size"]):
                os.truncate(self._path, min(end + 2 * _AHEAD_BYTES, info["map_size"]))

    def _check_size(self, raw: lmdb.Environment) -> None:
        """Refuse a file that was cut short: reading a page past its end kills the process."""
        want, size = (raw.info()["last_pgno"] + 1) * raw.stat()["psize"], self._path.stat().st_size
        if 0 < size < want:
            raise UnusableError(f"expected {want} bytes, got {size}")

    def _open_databases(self, raw: lmdb.Environment) -> Databases:
        with raw.begin(write=True, buffers=True) as txn:
            fresh = txn.stat()["entries"] == 0
            try:
                dbs = Databases(
                    *(raw.open_db(n.encode(), txn, create=fresh) for n in Databases._fields)
                )
            except lmdb.NotFoundError as error:
                raise UnusableError(
                    "expected a cache, got LMDB's file of something else"
                ) from error
            if fresh:
                txn.put(_FORMAT_KEY, FORMAT, db=dbs.meta)
            elif bytes(txn.get(_FORMAT_KEY, db=dbs.meta) or b"") != FORMAT:
                raise UnusableError("expected a cache of this version's format, got another")
        return dbs

    # -- alone ----------------------------------------------------------------------------

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every transaction of this process out."""
        with self._writes:
            self._unbarred.clear()
            self._reads.acquire()
            try:
                yield
            finally:
                self._reads.release()
                self._unbarred.set()

    def reset(self) -> None:
        """Close LMDB's file after an error it does not recover from; the next use opens it."""
        with self.alone():
            self._close()

    def rebuild(self, reason: str) -> None:
        """Put a damaged file aside and start empty, where nobody else uses it.

        Raises
        ------
        UnusableError
            Others do: all of them must leave first.
        """
        with self.alone():
            self._close()
            control = self._control
            if control is None or not control.take_alone():
                if control is not None:
                    control.share()  # trying to be alone gave that up
                raise UnusableError(f"{self._path}: expected to be its only user, got others")
            try:
                self._put_aside(reason)
                control.renew()
                self._open_lmdb()
            finally:
                control.share()

    def _adopt_map(self) -> None:
        """Take over the size another process gave the map."""
        with self.alone():
            self._ready()[0].set_mapsize(0)

    def _widen(self, map_bytes: int) -> None:
        if map_bytes <= self._map_bytes:
            return
        with self.alone():
            self._map_bytes = map_bytes
            self._ready()[0].set_mapsize(map_bytes)

    def _close(self) -> None:
        raw, self._raw, self._dbs = self._raw, None, None
        if raw is not None:
            raw.close()

    def _close_for_good(self) -> None:
        control, raw = self._control, self._raw
        last = control is not None and raw is not None and control.take_alone()
        clean = False
        if last and raw is not None:
            with suppress(lmdb.Error):
                raw.sync(True)
                clean = True
        self._close()
        if control is not None:
            control.close(clean=clean)
        self._control = None

    # -- forks ----------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Close for a fork, once no transaction runs."""
        self._writes.acquire()
        self._unbarred.clear()
        self._reads.acquire()
        self._close()

    def after_fork_in_parent(self) -> None:
        """Let transactions pass again; the first opens LMDB's file."""
        self._reads.release()
        self._unbarred.set()
        self._writes.release()

    def after_fork_in_child(self) -> None:
        """Forget locks whose holders do not exist here, and the parent's place among users."""
        self._renew_locks()
        if self._control is not None:
            self._control.forget()
            self._control = None


def _is_full(reason: str, folder: Path) -> bool:
    """Say whether opening failed for want of room, in which case nothing is wrong with the file."""
    if "No space" in reason or "quota" in reason:
        return True
    with suppress(OSError):
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize < _MIN_MAP_BYTES
    return False


_REGISTRY: dict[str, Environment] = {}
_REGISTRY_LOCK = threading.RLock()


def _before_fork() -> None:
    _REGISTRY_LOCK.acquire()
    for environment in _REGISTRY.values():
        environment.before_fork()


def _after_fork_in_parent() -> None:
    for environment in _REGISTRY.values():
        environment.after_fork_in_parent()
    _REGISTRY_LOCK.release()


def _after_fork_in_child() -> None:
    for environment in _REGISTRY.values():
        environment.after_fork_in_child()
    _REGISTRY_LOCK.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
