"""fetch: the files of a snapshot, made of chunks that are here already and of chunks from afar.

A chunk is taken from the file itself, where an earlier fetch was interrupted; from a snapshot that
is on this machine; else from object storage. Wherever it comes from, its SHA-256 decides. A file
that an earlier snapshot has too is linked, so that processes share its pages.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tv5core.errors import CorruptFileError, DiskFullError
from tv5core.files import disk_errors, fsync_folder
from tv5core.files.failpoints import failpoint
from tv5core.object_storage import ObjectStore
from tv5core.snapshots.manifest import Manifest, SnapshotFile, chunk_name
from tv5core.types import Progress

__all__ = ["Earlier", "Fetched", "fetch"]

_THREADS = 8
_TRIES = 2
"""Of a chunk that arrives damaged."""


class Earlier(NamedTuple):
    """A snapshot that is on this machine.

    Attributes
    ----------
    folder : Path
    manifest : Manifest
    """

    folder: Path
    manifest: Manifest


class Fetched(NamedTuple):
    """What was fetched.

    Attributes
    ----------
    whole : bool
        False where a chunk is no longer there, because the snapshot was removed.
    received_bytes : int
        From object storage.
    """

    whole: bool
    received_bytes: int


def fetch(
    store: ObjectStore,
    manifest: Manifest,
    folder: Path,
    earlier: Earlier | None,
    report: Progress,
) -> Fetched:
    """Make the files of a snapshot in a folder, and sync them.

    Parameters
    ----------
    store : ObjectStore
    manifest : Manifest
    folder : Path
        May hold what an interrupted fetch left; what does not belong there is removed.
    earlier : Earlier or None
        Where chunks may be found, too.
    report : callable
        An exception it raises ends the work; what was fetched stays in ``folder``.

    Raises
    ------
    CorruptFileError
        A chunk is not what the manifest says.
    DiskFullError
        There is no room for it; where that shows before, nothing was fetched.
    DiskFailureError, ObjectStoreError
    """
    with disk_errors(folder):
        wanted = {file.name for file in manifest.files}
        for path in folder.iterdir():
            if path.name not in wanted:
                path.unlink()
        linked = set(_link(manifest, folder, earlier))
        missing = [file for file in manifest.files if file.name not in linked]
        _check_room(folder, missing)
        fetching = _Fetching(store, manifest, folder, earlier)
        whole = fetching.run(missing, report)
        if whole:
            fsync_folder(folder)
    return Fetched(whole, fetching.received_bytes)


def _link(manifest: Manifest, folder: Path, earlier: Earlier | None) -> Iterator[str]:
    """Link the files that an earlier snapshot has, too; yield their names."""
    if earlier is None:
        return
    for file in set(earlier.manifest.files) & set(manifest.files):
        source, path = earlier.folder / file.name, folder / file.name
        try:
            if source.stat().st_size == file.bytes:
                path.unlink(missing_ok=True)
                os.link(source, path)
                yield file.name
        except OSError:  # no links there, or it is gone: then it is made of chunks
            continue


def _check_room(folder: Path, files: list[SnapshotFile]) -> None:
    own = [status for path in folder.iterdir() if (status := path.stat()).st_nlink == 1]
    needed = sum(file.bytes for file in files) - sum(status.st_blocks * 512 for status in own)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFullError(
            f"{folder}: expected {needed:,} bytes of room for a snapshot, got {free:,}: make room, "
            "or keep it in another folder"
        )


class _Fetching:
    def __init__(
        self, store: ObjectStore, manifest: Manifest, folder: Path, earlier: Earlier | None
    ) -> None:
        self._store, self._manifest, self._folder = store, manifest, folder
        self._near = {} if earlier is None else _places(earlier)
        self._lock, self.received_bytes = threading.Lock(), 0

    def run(self, files: list[SnapshotFile], report: Progress) -> bool:
        """Make files; return whether all chunks were to be had."""
        total, done = sum(file.bytes for file in files), 0
        report(0, total, "fetching")
        for file in files:
            with closing(self._file(file)) as sizes:
                for size in sizes:
                    if size is None:
                        return False
                    done += size
                    report(done, total, "fetching")
            failpoint("fetch: file made")
        return True

    def _file(self, file: SnapshotFile) -> Generator[int | None]:
        """Make one file; yield the bytes of each chunk, None for one that is gone."""
        path = self._folder / file.name
        if path.exists() and path.stat().st_nlink > 1:
            path.unlink()  # the other name is a snapshot's that is in use
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            begun = os.fstat(descriptor).st_size > 0
            _reserve(descriptor, file.bytes)
            make = partial(self._chunk, descriptor, file, begun)
            with ThreadPoolExecutor(_THREADS, "tv5-fetch") as pool:
                try:
                    yield from pool.map(make, range(len(file.chunks)))
                finally:
                    pool.shutdown(wait=True, cancel_futures=True)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _chunk(self, descriptor: int, file: SnapshotFile, begun: bool, place: int) -> int | None:
        """Put a chunk in its place; return its bytes."""
        size, digest = self._manifest.chunk_size(file, place), file.chunks[place]
        at = place * self._manifest.chunk_bytes
        if begun and _digest(os.pread(descriptor, size, at)) == digest:
            return size
        data = self._from_near(digest, size) or self._from_afar(digest, size)
        if data is None:
            return None
        written = 0
        while written < size:
            written += os.pwrite(descriptor, data[written:], at + written)
        failpoint("fetch: chunk written")
        return size

    def _from_near(self, digest: str, size: int) -> bytes | None:
        found = self._near.get(digest)
        if found is None:
            return None
        path, at = found
        try:
            with path.open("rb") as file:
                data = os.pread(file.fileno(), size, at)
        except OSError:
            return None
        return data if _digest(data) == digest else None

    def _from_afar(self, digest: str, size: int) -> bytes | None:
        got = 0
        for _ in range(_TRIES):
            data = self._store.get(chunk_name(digest), size)
            if data is None:
                return None
            if len(data) == size and _digest(data) == digest:
                with self._lock:
                    self.received_bytes += size
                return data
            got = len(data)
        raise CorruptFileError(
            f"{self._store.url}/{chunk_name(digest)}: expected {size} bytes of that SHA-256, got "
            f"{got} of another: remove this object and publish again"
        )


def _reserve(descriptor: int, count: int) -> None:
    """Give a file its size, and take the room for it now, where the file system can."""
    os.ftruncate(descriptor, count)
    try:
        if count:
            os.posix_fallocate(descriptor, 0, count)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _places(earlier: Earlier) -> dict[str, tuple[Path, int]]:
    """Return where an earlier snapshot has each chunk."""
    step = earlier.manifest.chunk_bytes
    return {
        digest: (earlier.folder / file.name, place * step)
        for file in earlier.manifest.files
        for place, digest in enumerate(file.chunks)
    }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
