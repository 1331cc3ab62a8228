"""Shelf: a machine's folder of fetched snapshots, which its processes share.

::

    source.json                     whose snapshots these are
    state.json                      what the last look at object storage found, and when
    writer.lock                     locked by the process that looks and fetches for all
    snapshots/0000000012.json       a manifest
    snapshots/0000000012/           its files, whole; ``writer.lock`` there is locked by each reader
    fetching/0000000013/            being fetched; another fetch goes on with it

A snapshot gets its name when all of it is on disk, and loses it when nobody holds it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from tv5core.errors import (
    CatalogError,
    CatalogLockedError,
    CorruptFileError,
    InvalidInputError,
    ObjectStoreError,
)
from tv5core.files import disk_errors, fsync_folder, make_folder_durably, write_durably
from tv5core.files.failpoints import failpoint
from tv5core.files.locking import LOCK_NAME, SharedLock, WriterLock
from tv5core.object_storage import ObjectStore
from tv5core.snapshots.fetching import Earlier, Fetched, fetch
from tv5core.snapshots.manifest import Manifest, decode, encode, newest_manifest
from tv5core.types import Progress

__all__ = ["Shelf", "ShelfState", "ShelvedSnapshot"]

_NUMBER = re.compile(r"[0-9]{10}")
_SOURCE, _STATE = "source.json", "state.json"


class _Source(msgspec.Struct):
    url: str


class ShelfState(msgspec.Struct, frozen=True):
    """What the last look at object storage found.

    Attributes
    ----------
    looked_s : float
        When somebody answered, in seconds since 1970; 0 for never.
    error : str
        Why the last look, or what it led to, failed; empty where it did not.
    """

    looked_s: float = 0.0
    error: str = ""


class ShelvedSnapshot(NamedTuple):
    """A snapshot that is here.

    Attributes
    ----------
    number : int
    folder : Path
    manifest : Manifest
    """

    number: int
    folder: Path
    manifest: Manifest


class Shelf:
    """Fetched snapshots of one URL.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    url : str

    Raises
    ------
    InvalidInputError
        The folder has something else, such as snapshots of another URL.
    CatalogError, DiskFullError, DiskFailureError
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._snapshots, self._fetching = folder / "snapshots", folder / "fetching"
        try:
            with disk_errors(folder):
                for each in (folder, self._snapshots, self._fetching):
                    make_folder_durably(each)
                self._claim()
        except OSError as error:
            raise CatalogError(
                f"{folder}: expected a folder for snapshots, got {error.strerror}"
            ) from error

    def _claim(self) -> None:
        path = self.folder / _SOURCE
        if not path.exists():
            ours = {_SOURCE, f"{_SOURCE}.tmp", _STATE, LOCK_NAME, "snapshots", "fetching"}
            others = sorted({each.name for each in self.folder.iterdir()} - ours)
            if others:
                raise InvalidInputError(
                    f"expected a new folder for snapshots, got {self.folder} with {others[0]}"
                )
            write_durably(path, msgspec.json.encode(_Source(self.url)))
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Source).url
        except msgspec.MsgspecError:
            found = "something unreadable"
        if found != self.url:
            raise InvalidInputError(
                f"{self.folder}: expected snapshots of {self.url}, got those of {found}: give each "
                "URL a cache_dir of its own"
            )

    # -- who fetches ----------------------------------------------------------------------

    def lead(self) -> WriterLock | None:
        """Become the process that fetches for all; None where another one is."""
        try:
            return WriterLock(self.folder)
        except CatalogLockedError:
            return None

    @property
    def state(self) -> ShelfState:
        """What the last look found, whichever process looked."""
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.folder / _STATE).read_bytes(), type=ShelfState)
        return ShelfState()

    def note(self, state: ShelfState) -> None:
        """Tell all processes what a look found; only the one that leads may."""
        with suppress(OSError):  # a full disk: then they know less
            made = self.folder / f"{_STATE}.tmp"
            made.write_bytes(msgspec.json.encode(state))
            made.replace(self.folder / _STATE)

    # -- what is here ---------------------------------------------------------------------

    def newest(self) -> ShelvedSnapshot | None:
        """Return the newest snapshot that is here and whose manifest can be read."""
        for number in sorted(self._numbers(self._snapshots), reverse=True):
            folder = self._snapshots / f"{number:010d}"
            path = folder.with_suffix(".json")
            with suppress(OSError, CorruptFileError):
                return ShelvedSnapshot(number, folder, decode(path.read_bytes(), str(path)))
        return None

    def hold(self, snapshot: ShelvedSnapshot) -> SharedLock | None:
        """Keep a snapshot from being removed; None where it was removed."""
        try:
            lock = SharedLock(snapshot.folder)
        except CatalogLockedError:  # it is being removed
            return None
        if (snapshot.folder / "data.mdb").exists():
            return lock
        lock.release()
        return None

    @staticmethod
    def _numbers(folder: Path) -> list[int]:
        return [int(path.name) for path in folder.iterdir() if _NUMBER.fullmatch(path.name)]

    # -- for the one that leads -----------------------------------------------------------

    def look(self, store: ObjectStore) -> Manifest | None:
        """Return the newest manifest at the URL, where it is newer than all that is here.

        Raises
        ------
        ObjectStoreError
            Also where what is here is newer than anything there.
        CorruptFileError, FormatVersionError
        """
        here = self.newest()
        found = newest_manifest(store, 0 if here is None else here.number - 1)
        if here is None:
            return found
        if found is None:
            raise ObjectStoreError(
                f"{self.url}: expected snapshot {here.number} or a newer one, got none: somebody "
                f"removed them; where they begin anew, remove {self.folder} and open it again"
            )
        return found if found.number > here.number else None

    def bring(self, store: ObjectStore, manifest: Manifest, report: Progress) -> Fetched:
        """Fetch a snapshot and give it its name."""
        making = self._fetching / f"{manifest.number:010d}"
        final = self._snapshots / making.name
        here = self.newest()
        earlier = None if here is None else Earlier(here.folder, here.manifest)
        with disk_errors(self.folder):
            self._forget_other_fetches(making)
            making.mkdir(exist_ok=True)
            fetched = fetch(store, manifest, making, earlier, report)
            if fetched.whole:
                (making / LOCK_NAME).touch()
                failpoint("fetch: all files made")
                write_durably(final.with_suffix(".json"), encode(manifest))
                fsync_folder(making)
                if final.exists():  # what is known of it was lost
                    final.rename(self._aside(final))
                making.rename(final)
                failpoint("fetch: named")
                fsync_folder(self._snapshots)
        return fetched

    def _forget_other_fetches(self, making: Path) -> None:
        for path in self._fetching.iterdir():
            if path != making:
                shutil.rmtree(path, ignore_errors=True)

    def drop_unfinished(self) -> None:
        """Remove what was fetched in part, to make room."""
        self._forget_other_fetches(self.folder)

    def remove_older(self, number: int) -> list[int]:
        """Remove snapshots before a number that nobody holds; return theirs."""
        older = (one for one in self._numbers(self._snapshots) if one < number)
        return [one for one in older if self._remove(self._snapshots / f"{one:010d}")]

    def _aside(self, folder: Path) -> Path:
        """Name where a folder is moved to be removed."""
        return self._fetching / f"{folder.name}.{os.getpid()}.{time.monotonic_ns()}"

    def _remove(self, folder: Path) -> bool:
        try:
            lock = WriterLock(folder)
        except CatalogError:  # somebody reads it
            return False
        try:
            gone = self._aside(folder)
            folder.rename(gone)
            folder.with_suffix(".json").unlink(missing_ok=True)
            shutil.rmtree(gone, ignore_errors=True)
        except OSError:
            return False
        finally:
            lock.release()
        return True
