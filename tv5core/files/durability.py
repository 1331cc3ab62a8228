"""Making renames and small files survive a crash.

A failed fsync is never retried: the system reports a lost write once, to the file it was lost
from, and may then call the same data clean. So the file that was being written is removed.
Other files report their own failures at their own fsync; so a failed file of the index ends its
sealing, while the store takes further titles, each synced in its own file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tv5core.errors import DiskFailureError, DiskFullError
from tv5core.files.failpoints import failpoint

__all__ = [
    "FAILURE_CODES",
    "FULL_CODES",
    "disk_errors",
    "fill_durably",
    "fsync_folder",
    "make_folder_durably",
    "replace_durably",
    "write_durably",
]

FULL_CODES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""What the system says where there is no room."""

FAILURE_CODES = frozenset((errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV, errno.ESTALE))
"""What it says where the disk, or the way to it, is broken, or was shut off after that."""


@contextmanager
def disk_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise errors of tv5core for the system's errors of a disk.

    Raises
    ------
    DiskFullError
        No space, or over quota.
    DiskFailureError
        An input/output error, also one of fsync. It is reported once and the data may be lost
        from the system's cache, so the file must be discarded: syncing again would succeed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL_CODES:
            raise DiskFullError(f"{path}: expected room to write, got {error.strerror}") from error
        if error.errno in FAILURE_CODES:
            raise DiskFailureError(
                f"{path}: expected the disk to store it, got {error.strerror}"
            ) from error
        raise


def fsync_folder(path: str | os.PathLike[str]) -> None:
    """Make the folder's entries (new names, renames, removals) durable."""
    if os.name == "nt":  # folders cannot be opened there, and renames are journalled
        return
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder_durably(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it where they are missing, so that a loss of power leaves them.

    A folder's own sync covers what is in it; that it exists is an entry of the one above.

    Raises
    ------
    OSError
        It cannot be made, or there is something else of that name.
    DiskFullError, DiskFailureError
    """
    folder = Path(path).absolute()
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        with suppress(PermissionError):  # a folder that may be written but not read
            fsync_folder(one.parent)


def replace_durably(temp: str | os.PathLike[str], final: str | os.PathLike[str]) -> None:
    """Rename a file that is already fsynced, and make the rename itself durable."""
    with disk_errors(final):
        Path(temp).replace(final)
        failpoint("file: replaced")
        fsync_folder(Path(final).parent)


def write_durably(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a small file that is, after a crash, wholly the old or wholly the new one.

    The temporary file beside it is named ``NAME.tmp``.
    """
    path = Path(path)
    temp = path.with_name(path.name + ".tmp")
    _replacing(temp, path, lambda file: file.write(data))


def fill_durably(path: str | os.PathLike[str], fill: Callable[[BinaryIO], object]) -> int:
    """Write a large file as :func:`write_durably` does a small one; return its size in bytes.

    Parameters
    ----------
    path : path-like
    fill : callable
        Writes to a file that is open for it; where it raises, ``path`` stays as it was.
    """
    path, size = Path(path), 0

    def filled(file: BinaryIO) -> None:
        nonlocal size
        fill(file)
        size = file.tell()

    _replacing(path.with_name(path.name + ".tmp"), path, filled)
    return size


def _replacing(temp: Path, path: Path, fill: Callable[[BinaryIO], object]) -> None:
    try:
        with disk_errors(path), temp.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        replace_durably(temp, path)
    except BaseException:
        with suppress(OSError):
            temp.unlink(missing_ok=True)
        raise
