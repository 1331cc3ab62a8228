"""LMDB's errors in tv5core's terms."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path

import lmdb

from tv5core.errors import (
    CatalogError,
    CorruptFileError,
    DiskFullError,
    FormatVersionError,
    Tv5Error,
)

__all__ = ["translated"]

_LITTLE_ROOM_BYTES = 1 << 26
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.NotFoundError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
)


def translated(error: lmdb.Error, folder: Path) -> Tv5Error:
    """Return the error to raise for one of LMDB's in a catalogue's folder."""
    code = getattr(error, "code", 0)
    if code in _FULL or (code == errno.EIO and _short_of_room(folder)):
        return DiskFullError(
            f"{folder}: expected room to write, got {error}; nothing of this write was stored"
        )
    if isinstance(error, lmdb.VersionMismatchError):
        return FormatVersionError(f"{folder}: expected LMDB's format of 0.9, got {error}")
    if isinstance(error, _DAMAGE):
        return CorruptFileError(f"{folder}: expected a sound data.mdb, got {error}")
    return CatalogError(f"{folder}: expected LMDB to work, got {error}")


def _short_of_room(folder: Path) -> bool:
    """Say whether an input/output error was a full disk.

    LMDB reports a write that the system cut short as EIO, whatever cut it.
    """
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    with suppress(OSError):
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize < _LITTLE_ROOM_BYTES
    return False
