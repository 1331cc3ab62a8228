"""Follower: keeps a machine's folder of snapshots in step with what is published.

Of all processes that read one folder, one looks for newer snapshots and fetches them for all; the
others look at the folder only, and take over when that one ends. So object storage is asked once a
machine, and only one process loads the library that asks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tv5core.backoff import Backoff
from tv5core.catalog.copies.snapshot import check_format
from tv5core.errors import (
    ClosedError,
    CorruptFileError,
    DiskFullError,
    NotACatalogError,
    ObjectStoreError,
    Tv5Error,
)
from tv5core.files.locking import SharedLock, WriterLock
from tv5core.object_storage import ObjectStore, open_store
from tv5core.snapshots import Manifest, Shelf, ShelvedSnapshot
from tv5core.snapshots.shelf import ShelfState

__all__ = ["Follower"]

log = logging.getLogger("tv5core")

_WAIT_S = 0.05
_LONGEST_PAUSE_S = 300.0
_TRIES = 5
"""Newer snapshots that may replace the one being fetched, before a look gives up."""


class Follower:
    """Look for snapshots, and fetch them.

    Parameters
    ----------
    shelf : Shelf
    options : mapping or None
        Of object storage.
    """

    def __init__(self, shelf: Shelf, options: Mapping[str, Any] | None) -> None:
        self._shelf, self._options = shelf, options
        if options:
            open_store(shelf.url, options)  # wrong ones are told at once
        self._store: ObjectStore | None = None
        self._lead: WriterLock | None = None
        self._failures = 0
        self._not_before = 0.0
        self._stopped = threading.Event()
        self._working = threading.Lock()

    # -- opening --------------------------------------------------------------------------

    def first(self) -> tuple[ShelvedSnapshot, SharedLock]:
        """Return a snapshot to begin with: the newest, or where nobody answers, what is here.

        Raises
        ------
        NotACatalogError
            Nothing is published there.
        ObjectStoreError, CorruptFileError, FormatVersionError, DiskFullError
            The newest cannot be had, and there is none here.
        """
        while True:
            error = self.look()
            if (held := self.newest_held()) is not None:
                return held
            if error is not None:
                raise error
            if self._lead is not None:
                raise NotACatalogError(
                    f"expected snapshots at {self._shelf.url}, got none: publish one with "
                    f"`tv5 backup {self._shelf.url}`"
                )
            self._stopped.wait(_WAIT_S)  # another process fetches the first one

    def newest_held(self) -> tuple[ShelvedSnapshot, SharedLock] | None:
        """Return the newest snapshot that is here, kept from being removed."""
        while (newest := self._shelf.newest()) is not None:
            lock = self._shelf.hold(newest)
            if lock is not None:
                return newest, lock
        return None

    # -- looking --------------------------------------------------------------------------

    @property
    def leads(self) -> bool:
        """Whether this process fetches for all."""
        return self._lead is not None

    def look(self, *, now: bool = True) -> Tv5Error | None:
        """Fetch what is newer, if this process is the one to do so; return what failed.

        Parameters
        ----------
        now : bool
            False leaves object storage alone for a while after it failed.
        """
        with self._working:
            if self._lead is None:
                self._lead = self._shelf.lead()
            if self._lead is None or (not now and time.monotonic() < self._not_before):
                return None
            try:
                self._fetch_newest()
            except Tv5Error as error:
                self._note_failure(error)
                return error
            self._failures = 0
            self._shelf.note(ShelfState(time.time()))
            return None

    def _fetch_newest(self) -> None:
        if self._store is None:
            self._store = open_store(self._shelf.url, self._options)
        tried = 0
        for _ in range(_TRIES):
            found = self._shelf.look(self._store)
            if found is None:
                return
            check_format(found, self._shelf.url)
            if found.number == tried:
                break
            if self._bring(self._store, found):
                return
            tried = found.number  # it was removed meanwhile, and there is a newer one
        raise CorruptFileError(
            f"{self._shelf.url}: expected all chunks of snapshot {tried}, got only some: publish "
            "again"
        )

    def _bring(self, store: ObjectStore, found: Manifest) -> bool:
        started_s = time.monotonic()
        try:
            fetched = self._shelf.bring(store, found, self._report)
        except DiskFullError:
            self._shelf.drop_unfinished()
            raise
        if fetched.whole:
            log.info(
                "%s: fetched snapshot %d: %d of %d bytes in %.1f s",
                *(self._shelf.url, found.number, fetched.received_bytes, found.bytes),
                time.monotonic() - started_s,
            )
        return fetched.whole

    def _report(self, _done: int, _total: int, _stage: str) -> None:
        if self._stopped.is_set():
            raise ClosedError("expected an open catalogue, got close() while fetching")

    def _note_failure(self, error: Tv5Error) -> None:
        backoff = Backoff(1.0, _LONGEST_PAUSE_S, jitter=0.5)
        self._not_before = time.monotonic() + backoff.pause_s(self._failures)
        self._failures += 1
        before = self._shelf.state
        looked_s = before.looked_s if isinstance(error, ObjectStoreError) else time.time()
        if before.error != str(error):
            log.warning("%s: %s", type(error).__name__, error)
        self._shelf.note(ShelfState(looked_s, str(error)))

    def remove_older(self, number: int) -> None:
        """Remove snapshots before one that nobody on this machine reads, where this one leads."""
        with self._working:
            if self._lead is not None:
                self._shelf.remove_older(number)

    # -- in the background ----------------------------------------------------------------

    def run(self, every_s: float, step: Callable[[], object]) -> None:
        """Take a step again and again until :meth:`stop`; jitter keeps processes apart."""
        jitter = Random()  # noqa: S311 - spreads load, guards nothing
        while not self._stopped.wait(every_s * jitter.uniform(0.5, 1.0)):
            try:
                step()
            except ClosedError:
                return
            except Exception:
                log.exception("%s: expected to follow it, got an error", self._shelf.url)

    def stop(self) -> None:
        """End soon: a fetch under way stops at its next chunk."""
        self._stopped.set()

    def release(self) -> None:
        """Let another process fetch."""
        lead, self._lead = self._lead, None
        if lead is not None:
            lead.release()

    def after_fork(self) -> None:
        """Begin anew in a child: it neither leads nor shares a connection."""
        self._working, self._stopped = threading.Lock(), threading.Event()
        self._store, self._lead = None, None
