"""Object storage in a folder of this machine; a name such as ``chunks/ab12`` is a path in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tv5core.errors import ObjectStoreAccessError, ObjectStoreError
from tv5core.files import FAILURE_CODES, FULL_CODES, disk_errors, fsync_folder, make_folder_durably
from tv5core.object_storage.store import StoredObject

__all__ = ["UNFINISHED", "FolderStore"]

UNFINISHED = "unfinished"
"""Objects that are being written; what a killed process leaves is removed when it is old."""

_numbers = count()


class FolderStore:
    """Objects as files, which appear whole and synced.

    Parameters
    ----------
    root : Path
        Made where it is missing, by the first object.
    url : str
    """

    def __init__(self, root: Path, url: str) -> None:
        self.url, self._root = url, root

    def entries(self, folder: str) -> list[StoredObject]:
        """Return the files of a folder."""
        found = []
        with self._errors(), suppress(FileNotFoundError), os.scandir(self._root / folder) as files:
            for file in files:
                with suppress(FileNotFoundError):
                    status = file.stat(follow_symlinks=False)
                    if file.is_file(follow_symlinks=False):
                        name = f"{folder}/{file.name}"
                        found.append(StoredObject(name, status.st_size, status.st_mtime))
        return found

    def get(self, name: str, limit_bytes: int) -> bytes | None:
        """Return the bytes of a file, or None."""
        with self._errors():
            try:
                with (self._root / name).open("rb") as file:
                    return file.read(limit_bytes + 1)
            except FileNotFoundError:
                return None

    def put(self, name: str, data: bytes) -> None:
        """Write a file in place of one there may be."""
        with self._errors(), self._written(name, data) as (made, path):
            made.replace(path)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file where there is none: a link never replaces one."""
        with self._errors(), self._written(name, data) as (made, path):
            try:
                os.link(made, path)
            except FileExistsError:
                return False
        return True

    def delete(self, names: Iterable[str]) -> None:
        """Remove files."""
        with self._errors():
            for name in names:
                (self._root / name).unlink(missing_ok=True)

    @contextmanager
    def _written(self, name: str, data: bytes) -> Iterator[tuple[Path, Path]]:
        """Give a synced file of another name, and the path it is for; sync what becomes of it."""
        path, scratch = self._root / name, self._root / UNFINISHED
        made = scratch / f"{os.getpid()}.{threading.get_ident()}.{next(_numbers)}"
        for folder in (path.parent, scratch):
            if not folder.is_dir():
                make_folder_durably(folder)
        try:
            with made.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield made, path
        finally:
            made.unlink(missing_ok=True)
        fsync_folder(path.parent)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with disk_errors(self._root):
                yield
        except PermissionError as error:
            raise ObjectStoreAccessError(
                f"{self.url}: expected the right to use it, got {error.strerror}"
            ) from error
        except OSError as error:
            if error.errno in FULL_CODES | FAILURE_CODES:
                raise
            raise ObjectStoreError(
                f"{self.url}: expected a folder of objects, got {error.strerror}"
            ) from error
