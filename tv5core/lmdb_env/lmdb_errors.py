"""LMDB's errors as errors of tv5core, for a catalogue's folder."""

from __future__ import annotations

import errno
import os
import resource
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lmdb

from tv5core.errors import (
    CatalogError,
    CorruptFileError,
    DiskFailureError,
    DiskFullError,
    FormatVersionError,
    Tv5Error,
)
from tv5core.files import FAILURE_CODES, FULL_CODES

__all__ = ["lmdb_errors", "typed_error"]

_LITTLE_ROOM_BYTES = 1 << 26
_PROBE_BYTES = 1 << 22
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.NotFoundError,
    lmdb.PageNotFoundError,
    struct.error,  # of a key or a value, where it has another length than it was given
    UnicodeDecodeError,
)


@contextmanager
def lmdb_errors(folder: Path) -> Iterator[None]:
    """Raise errors of tv5core in place of LMDB's."""
    try:
        yield
    except lmdb.Error as error:
        raise typed_error(error, folder) from error


def typed_error(error: Exception, folder: Path) -> Tv5Error:
    """Return the error to raise for one of LMDB's in a catalogue's folder."""
    code = getattr(error, "code", 0)
    if code in FULL_CODES or (code == errno.EIO and _is_short_of_room(folder)):
        return DiskFullError(
            f"{folder}: expected room to write, got {error}; nothing of this write was stored"
        )
    if code in FAILURE_CODES or isinstance(error, lmdb.PanicError):
        return DiskFailureError(
            f"{folder}: expected the disk to store a write, got {error}; no more is written until "
            "the catalogue is opened again, so check the disk first; reads still succeed"
        )
    if isinstance(error, lmdb.VersionMismatchError):
        return FormatVersionError(f"{folder}: expected LMDB's format of 0.9, got {error}")
    if isinstance(error, _DAMAGE):
        return CorruptFileError(f"{folder}: expected a sound data.mdb, got {error}")
    if isinstance(error, lmdb.MemoryError):
        return CatalogError(
            f"{folder}: expected memory and address space for a transaction, got {error}; nothing "
            "of it was stored"
        )
    return CatalogError(f"{folder}: expected LMDB to work, got {error}")


def _is_short_of_room(folder: Path) -> bool:
    """Return whether an input/output error was a full disk.

    LMDB reports a write that the system cut short as EIO, whatever cut it. Taking a failing disk
    for a full one, where it is both, does no harm: LMDB never writes to a page in use, so the
    next transaction writes and syncs again every page that the failed one had written.
    """
    with suppress(OSError):
        status = os.statvfs(folder)
        return (
            status.f_bavail * status.f_frsize < _LITTLE_ROOM_BYTES
            or _is_near_size_limit(folder)
            or _is_over_quota(folder)
        )
    return False


def _is_near_size_limit(folder: Path) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    size = (folder / "data.mdb").stat().st_size
    return limit != resource.RLIM_INFINITY and size > limit - _LITTLE_ROOM_BYTES


def _is_over_quota(folder: Path) -> bool:
    """Try to reserve a little room: a quota shows in no figure of the disk's."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, _PROBE_BYTES)
            else:  # macOS
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return error.errno in FULL_CODES
    return False
