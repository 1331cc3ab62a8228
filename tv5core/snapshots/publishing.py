"""publish: store what is new of some files, then a manifest that names all of it.

What a listing shows is not stored again, as far as it lasts: nobody removes chunks of the newest
snapshot, nor what is younger than a day (half a day counts here). All others are stored again. So
what a manifest names is there, whoever prunes meanwhile, as long as publishing takes less than half
of that day.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

import msgspec

from tv5core.errors import CorruptFileError, ObjectStoreError, SnapshotConflictError
from tv5core.files.failpoints import failpoint
from tv5core.object_storage import ObjectStore
from tv5core.snapshots.manifest import (
    CHUNK_BYTES,
    GRACE_S,
    Manifest,
    Origin,
    SnapshotFile,
    chunk_name,
    encode,
    manifest_name,
    stored_chunks,
)
from tv5core.types import Progress

__all__ = ["Published", "publish"]

_THREADS = 8


class Published(msgspec.Struct, frozen=True):
    """What :func:`publish` stored.

    Attributes
    ----------
    manifest : Manifest
    sent_bytes : int
        Of the chunks that were not there yet.
    is_new : bool
        False where the newest snapshot has the same files already.
    """

    manifest: Manifest
    sent_bytes: int
    is_new: bool = True


def publish(
    store: ObjectStore,
    folder: Path,
    origin: Origin,
    newest: Manifest | None,
    *,
    lineage: int,
    report: Progress,
    chunk_bytes: int = CHUNK_BYTES,
    clock: Callable[[], float] = time.time,
) -> Published:
    """Publish all files of a folder, which nobody changes meanwhile.

    Parameters
    ----------
    store : ObjectStore
    folder : Path
    origin : Origin
    newest : Manifest or None
        What this one is to follow.
    lineage : int
    report : callable
        An exception it raises ends the work; what was stored is not stored again.
    chunk_bytes : int
    clock : callable

    Raises
    ------
    SnapshotConflictError
        Somebody else published after ``newest``.
    ObjectStoreError
        Also where it took half a day: then it is not certain that all chunks are still there.
    """
    started_s = clock()
    known = _lasting_chunks(store, newest, started_s)
    sending = _Sending(store, chunk_bytes, known)
    files = sending.send(sorted(folder.iterdir()), report)
    failpoint("publish: chunks stored")
    if newest is not None and (newest.files, newest.lineage) == (files, lineage):
        return Published(newest, sending.sent_bytes, is_new=False)
    if clock() - started_s > GRACE_S / 2:
        raise ObjectStoreError(
            f"{store.url}: expected to publish within {GRACE_S / 3600 / 2:.0f} hours, got more: "
            "publish again, which goes on with what is stored"
        )
    from importlib.metadata import version  # slow to import

    manifest = Manifest(
        number=1 if newest is None else newest.number + 1,
        lineage=lineage,
        origin=origin,
        published_s=clock(),
        tv5core=version("tv5core"),
        chunk_bytes=chunk_bytes,
        files=files,
    )
    _create(store, manifest)
    failpoint("publish: published")
    return Published(manifest, sending.sent_bytes)


def _lasting_chunks(store: ObjectStore, newest: Manifest | None, now_s: float) -> set[str]:
    """Return the digests of chunks that are there, and that nobody removes soon."""
    named = set() if newest is None else newest.chunks
    return {
        one.digest
        for one in stored_chunks(store)
        if one.digest in named or now_s - one.modified_s < GRACE_S / 2
    }


def _create(store: ObjectStore, manifest: Manifest) -> None:
    """Create the manifest; what is there must be ours, also where storage ignores conditions."""
    name, data = manifest_name(manifest.number), encode(manifest)
    store.create(name, data)
    # A put whose answer was lost is sent again, and refused because of itself: only the bytes tell.
    if store.get(name, len(data)) != data:
        raise SnapshotConflictError(
            f"{store.url}: expected to publish snapshot {manifest.number}, got one of somebody "
            "else: publish again, which stores only what is new; let one publish at a time"
        )


class _Sending:
    """Chunks of files, hashed and stored in several threads."""

    def __init__(self, store: ObjectStore, chunk_bytes: int, known: set[str]) -> None:
        self._store, self._chunk_bytes, self._known = store, chunk_bytes, known
        self._lock = threading.Lock()
        self.sent_bytes = 0

    def send(self, paths: list[Path], report: Progress) -> tuple[SnapshotFile, ...]:
        """Store what is not there yet of some files."""
        sizes = {path: path.stat().st_size for path in paths}
        total, done, digests = sum(sizes.values()), 0, dict[tuple[Path, int], str]()
        report(0, total, "publishing")
        places = ((p, at) for p, size in sizes.items() for at in range(0, size, self._chunk_bytes))
        for (path, at), digest in self._in_threads(places):
            digests[path, at] = digest
            done += min(self._chunk_bytes, sizes[path] - at)
            report(done, total, "publishing")
        step = self._chunk_bytes
        return tuple(
            SnapshotFile(path.name, size, tuple(digests[path, at] for at in range(0, size, step)))
            for path, size in sizes.items()
        )

    def _in_threads(
        self, places: Iterator[tuple[Path, int]]
    ) -> Iterator[tuple[tuple[Path, int], str]]:
        """Yield places and their digests, as they are done; few are under way at once."""
        with ThreadPoolExecutor(_THREADS, "tv5-publish") as pool:
            running: dict[Future[str], tuple[Path, int]] = {}
            try:
                while True:
                    for place in islice(places, 2 * _THREADS - len(running)):
                        running[pool.submit(self._chunk, *place)] = place
                    if not running:
                        return
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(future), future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _chunk(self, path: Path, at: int) -> str:
        """Store one chunk where it is new; return its digest."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            data = os.pread(descriptor, self._chunk_bytes, at)
        finally:
            os.close(descriptor)
        if not data:
            raise CorruptFileError(f"{path}: expected bytes at {at}, got its end: it was changed")
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            if digest in self._known:
                return digest
        self._store.put(chunk_name(digest), data)
        failpoint("publish: chunk stored")
        with self._lock:
            self._known.add(digest)
            self.sent_bytes += len(data)
        return digest
