"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tv5core.errors import CatalogError, InvalidInputError
from tv5core.files import disk_errors, fsync_folder, make_folder_durably
from tv5core.files.failpoints import failpoint
from tv5core.files.locking import LOCK_NAME, WriterLock

__all__ = ["check_new", "drop_locks", "kept_bytes", "scratch", "staged"]

_SUFFIX = ".partial"
_NOT_KEPT = (LOCK_NAME, "lock.mdb")


def check_new(folder: Path) -> None:
    """Raise InvalidInputError where a folder exists and is not empty, or is a file."""
    if os.path.isdir(folder):  # noqa: PTH112 - False of a name that is too long
        some = sorted(path.name for path in folder.iterdir())
        if some:
            raise InvalidInputError(
                f"expected a new or an empty folder, got {folder} with {', '.join(some[:3])}"
            )
    elif os.path.lexists(folder):
        raise InvalidInputError(f"expected a new or an empty folder, got a file: {folder}")


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give an empty folder inside of this one, for as long as it is needed.

    What a killed process left of one is removed by the next.

    Raises
    ------
    CatalogLockedError
        Someone else uses it.
    """
    lock, process = _claim(folder, keep=False), os.getpid()
    try:
        with disk_errors(folder):
            (folder / "new").mkdir()
        yield folder / "new"
    finally:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


@contextmanager
def staged(folder: Path, *, resumable: bool = False) -> Iterator[Path]:
    """Give a folder to fill that gets its name when all of it is on disk.

    It is beside the target, named ``FOLDER.partial``. After any failure it is gone; what a killed
    process left of one is removed by the next to write there.

    Parameters
    ----------
    folder : Path
    resumable : bool
        Leave what there is after a failure, and give it to the next who asks.

    Raises
    ------
    InvalidInputError
        The folder exists and is not empty.
    CatalogLockedError
        Someone else is filling it.
    """
    folder = folder.absolute()
    check_new(folder)
    partial = folder.with_name(folder.name + _SUFFIX)
    lock, process = _claim(partial, keep=resumable), os.getpid()
    new = partial / "new"
    named = False
    try:
        with disk_errors(folder):
            new.mkdir(exist_ok=resumable)
        yield new
        failpoint("copy: filled")
        with disk_errors(folder):
            drop_locks(new)
            _sync(new)
            failpoint("copy: synced")
            check_new(folder)
            new.replace(folder)
            named = True
            failpoint("copy: named")
            fsync_folder(folder.parent)
    finally:
        if os.getpid() == process:  # a child that was forked amid leaves it to its parent
            if named or not resumable:
                shutil.rmtree(partial, ignore_errors=True)
            lock.release()


def drop_locks(folder: Path) -> None:
    """Remove the files of a copy that belong to whoever has it open."""
    for name in _NOT_KEPT:
        (folder / name).unlink(missing_ok=True)


def kept_bytes(folder: Path) -> int:
    """Count the bytes of a folder that :func:`staged` keeps."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.name not in _NOT_KEPT)


def _claim(partial: Path, *, keep: bool) -> WriterLock:
    try:
        make_folder_durably(partial)
    except OSError as error:
        raise CatalogError(f"{partial}: expected to create it, got {error.strerror}") from error
    lock = WriterLock(partial)
    if not keep:
        shutil.rmtree(partial / "new", ignore_errors=True)
    return lock


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            with suppress(OSError):
                os.close(descriptor)
    fsync_folder(folder)
