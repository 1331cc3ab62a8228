"""One writer at a time: a lock file that names its holder."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from contextlib import suppress
from pathlib import Path

import msgspec

from tv5core.errors import CatalogError, CatalogLockedError

__all__ = ["LOCK_NAME", "SharedLock", "WriterLock", "try_lock"]

LOCK_NAME = "writer.lock"


class _Holder(msgspec.Struct, frozen=True):
    pid: int
    host: str
    since: str

    @classmethod
    def me(cls) -> _Holder:
        return cls(os.getpid(), os.uname().nodename, time.strftime("%Y-%m-%dT%H:%M:%S%z"))


class WriterLock:
    """An advisory lock on ``writer.lock``, held until :meth:`release` or the process's end.

    It belongs to the open file, so a second handle in the same process is refused too. The
    file itself stays: removing it would let two writers lock two files of one name.

    Raises
    ------
    CatalogLockedError
        Someone holds it.
    CatalogError
        The file cannot be opened for writing, or the file system has no locks.
    """

    _descriptor = -1  # also where making it is interrupted before its first step

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._path, self._descriptor = path, os.open(path, flags, 0o644)
        except OSError as error:
            raise CatalogError(f"{path}: expected a file to write, got {error.strerror}") from error
        try:
            self._lock()
            self._name_holder()
        except BaseException:  # out of a signal handler, too: nobody would know of the lock
            self.release()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogLockedError(
                f"{self._path.parent}: expected to be the only writer, got one at work: "
                f"{_holder(self._descriptor)}"
            ) from error
        except OSError as error:
            raise CatalogError(
                f"{self._path}: expected to lock it, got {error.strerror}"
            ) from error

    def _name_holder(self) -> None:
        _HELD.add(self)
        # A full disk must not keep a writer out: deleting is what makes room.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, msgspec.json.encode(_Holder.me()), 0)

    def check_held(self) -> None:
        """Check that this process is still the folder's only writer.

        Raises
        ------
        CatalogError
            The lock was released or is a forked parent's, or the folder is another one now.
        """
        with suppress(OSError):
            if self._descriptor >= 0 and os.path.samestat(
                os.fstat(self._descriptor), self._path.stat()
            ):
                return
        raise CatalogError(
            f"{self._path.parent}: expected to be its writer, got a lock that another process "
            "holds, or a folder that was replaced: open it again"
        )

    def release(self) -> None:
        """Let the next writer in, even where a forked child still has the file open."""
        if self._descriptor >= 0:
            with suppress(OSError):  # a file system without locks; closing it gives it back, too
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the file without unlocking it for others who share it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


class SharedLock:
    """Keeps writers out while it is held, by any number; it needs no permission to write.

    Where there is no ``writer.lock``, nothing is locked.

    Raises
    ------
    CatalogLockedError
        A writer is at work.
    CatalogError
        The file cannot be read, or the file system has no locks.
    """

    _descriptor = -1  # also where making it is interrupted before its first step

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return
        except BlockingIOError as error:
            holder = _describe(os.pread(self._descriptor, 4096, 0))
            self.release()
            raise CatalogLockedError(
                f"{folder}: expected nobody to write, since this process may not register as a "
                f"reader there, got a writer at work: {holder}; let this process write lock.mdb, "
                "where readers register, or read a backup"
            ) from error
        except OSError as error:
            self.release()
            raise CatalogError(f"{path}: expected to lock it, got {error.strerror}") from error

    def release(self) -> None:
        """Give it back; a forked child keeps its own reference."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


def _holder(descriptor: int) -> str:
    """Describe who keeps a writer out."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _describe(os.pread(descriptor, 4096, 0))
    return "readers that may not register there, for want of permission to write"


def _describe(raw: bytes) -> str:
    try:
        holder = msgspec.json.decode(raw, type=_Holder)
    except msgspec.MsgspecError:
        return "an unnamed process"
    return f"process {holder.pid} on {holder.host} since {holder.since}"


_HELD: weakref.WeakSet[WriterLock] = weakref.WeakSet()


def _release_in_child() -> None:
    # A child shares the open file; keeping it would hold the lock after its parent's end.
    for lock in list(_HELD):
        lock.forget()


os.register_at_fork(after_in_child=_release_in_child)


def try_lock(path: Path) -> int | None:
    """Lock a file, made where it is missing; return its descriptor, None where another has it.

    The lock goes with the descriptor, so with the process, however that ends.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
