"""Readers without write permission: opened without LMDB's lock, or told what to do.

Readers register in ``lock.mdb``, so that the writer leaves alone the pages they read. One that may
not write that file is safe only where nothing is written: where the folder and ``data.mdb`` are
write-protected for everybody, or their file system is mounted read-only here. Such a reader holds
a shared lock on ``writer.lock``, so that nobody who may write all the same, such as root or another
mount, opens the catalogue for writing meanwhile.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tv5core.errors import CatalogError
from tv5core.files.locking import SharedLock

__all__ = ["keep_writers_out", "may_register"]

_LOCK_FILE = "lock.mdb"


def may_register(folder: Path) -> bool:
    """Return whether this process may write LMDB's lock file, or create it."""
    path = folder / _LOCK_FILE
    return os.access(path if path.exists() else folder, os.W_OK, effective_ids=True)


def keep_writers_out(folder: Path) -> SharedLock:
    """Return a lock under which a folder can be read without registering.

    Raises
    ------
    CatalogError
        Others may write there: the message says what to do.
    CatalogLockedError
        Somebody is writing.
    """
    if not (_is_mounted_read_only(folder) or _is_protected(folder)):
        raise CatalogError(
            f"{folder}: expected to write {_LOCK_FILE}, where readers register, got no permission: "
            f"{_advice(folder)}; or, where nobody is to write there any more, write-protect it "
            f"for everybody (chmod a-w {folder} {folder}/*)"
        )
    return SharedLock(folder)


def _advice(folder: Path) -> str:
    path = folder / _LOCK_FILE
    if path.exists():
        return f"let this user write that file alone (chmod o+w {path})"
    return f"create it, empty, for this user to write (touch {path}; chmod o+w {path})"


def _is_mounted_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _is_protected(folder: Path) -> bool:
    return not any(
        stat.S_IMODE(path.stat().st_mode) & 0o222 for path in (folder, folder / "data.mdb")
    )
