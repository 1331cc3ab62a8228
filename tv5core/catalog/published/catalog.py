"""PublishedCatalog: the newest snapshot at a URL, behind the methods of ``Catalog``.

::

    films = Catalog.open("s3://bucket/films", read_only=True, cache_dir="/var/cache/films")

A call begins and ends with one snapshot. A newer one is fetched, opened and warmed in the
background, and then taken by the calls that begin after it; the last call on the one before closes
it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from tv5core.arguments import check_path, check_real
from tv5core.catalog import open_catalogs
from tv5core.catalog.catalog import Catalog, open_urls_with
from tv5core.catalog.published.following import Follower
from tv5core.catalog.published.pins import Pin, Pins, Served
from tv5core.catalog.versions import Changes, Version, VersionedTitle
from tv5core.errors import InvalidInputError, Tv5Error
from tv5core.files.locking import SharedLock
from tv5core.object_storage import parse_location
from tv5core.snapshots import Shelf, ShelvedSnapshot

__all__ = ["PublishedCatalog"]

P = ParamSpec("P")
T = TypeVar("T")

_SHORTEST_S, _LONGEST_S = 0.01, 86_400.0
_CLOSE_WAIT_S = 5.0
_LINEAGE_BITS = 40
"""Changes of one lineage are numbered below 2^40; those of the next begin above."""


def _of_one_snapshot(
    method: Callable[Concatenate[Catalog, P], T],
) -> Callable[Concatenate[PublishedCatalog, P], T]:
    """Make a method that calls one of the snapshot that is served as the call begins."""

    def call(self: PublishedCatalog, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._pinned() as catalog:
            return method(catalog, *args, **kwargs)

    update_wrapper(call, method)
    return call


class PublishedCatalog(Catalog):
    """A catalogue read from object storage; made by ``Catalog.open`` of a URL.

    Parameters
    ----------
    url : str
    cache_dir : Path
    options : mapping
        Of ``Catalog.open``, for each snapshot.
    follow_s : float or None
    storage_options : mapping or None
    """

    def __init__(
        self,
        url: str,
        cache_dir: Path,
        options: Mapping[str, Any],
        *,
        follow_s: float | None,
        storage_options: Mapping[str, Any] | None,
    ) -> None:
        self._url, self._options, self._follow_s = url, options, follow_s
        self._shelf = Shelf(cache_dir, url)
        self._follower = Follower(self._shelf, storage_options)
        self._swapping, self._closing = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._released = False
        self._refused, self._error = 0, ""
        try:
            served = self._opened(*self._follower.first())
        except BaseException:
            self._follower.release()
            raise
        self._pins = Pins(served)
        self._uid = served.snapshot.manifest.origin.uid
        open_catalogs.remember(self)
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        if self._follow_s is not None:
            self._thread = threading.Thread(
                target=self._follow, args=(self._follow_s,), name="tv5-follow", daemon=True
            )
            self._thread.start()

    def _pinned(self) -> Pin:
        if self._process != os.getpid() and not self._released:
            self._start()  # a fork leaves its threads behind
        return Pin(self._pins)

    # -- following ------------------------------------------------------------------------

    def _follow(self, every_s: float) -> None:
        try:
            self._follower.run(every_s, self._step)
        finally:
            self._follower.release()

    def _step(self) -> None:
        self._follower.look(now=False)
        self._take_newest()

    def refresh(self) -> bool:
        """Look for a newer snapshot now; return whether one is served from now on.

        Of several processes that share ``cache_dir`` one asks object storage; in the others this
        takes what that one fetched.

        Raises
        ------
        ObjectStoreError, CorruptFileError, FormatVersionError, DiskFullError
            It cannot be had; what was served before still is.
        """
        self._check_open()
        error = self._follower.look()
        taken = self._take_newest()
        if error is not None and not taken:
            raise error
        return taken

    def _take_newest(self) -> bool:
        """Serve the newest snapshot that is here; return whether that is another one."""
        taken = self._swapped()
        self._follower.remove_older(self._pins.served.snapshot.number)
        return taken

    def _swapped(self) -> bool:
        with self._swapping:
            number, newest = self._pins.served.snapshot.number, self._shelf.newest()
            if newest is None or newest.number <= max(number, self._refused):
                return False
            held = self._follower.newest_held()
            if held is None:
                return False
            try:
                served = self._opened(*held)
            except Tv5Error as error:  # what is served stays; the next snapshot may be better
                self._refused, self._error = held[0].number, str(error)
                return False
            self._error = ""
            self._pins.swap(served)
        return True

    def _opened(self, snapshot: ShelvedSnapshot, lock: SharedLock) -> Served:
        try:
            catalog = Catalog.open(snapshot.folder, create=False, read_only=True, **self._options)
        except BaseException:
            lock.release()
            raise
        with suppress(Tv5Error):  # what the first calls would wait for
            catalog.suggest("a", 1)
            catalog.search("the", 1)
        return Served(snapshot, catalog, lock)

    # -- what is asked of the snapshot served ---------------------------------------------

    add = _of_one_snapshot(Catalog.add)
    add_table = _of_one_snapshot(Catalog.add_table)
    apply = _of_one_snapshot(Catalog.apply)
    backup = _of_one_snapshot(Catalog.backup)
    browse = _of_one_snapshot(Catalog.browse)
    calibrate = _of_one_snapshot(Catalog.calibrate)
    checkpoint = _of_one_snapshot(Catalog.checkpoint)
    clear_checkpoints = _of_one_snapshot(Catalog.clear_checkpoints)
    count = _of_one_snapshot(Catalog.count)
    declare = _of_one_snapshot(Catalog.declare)
    delete = _of_one_snapshot(Catalog.delete)
    delete_profile = _of_one_snapshot(Catalog.delete_profile)
    drop_second_space = _of_one_snapshot(Catalog.drop_second_space)
    embed_pending = _of_one_snapshot(Catalog.embed_pending)
    embed_queries = _of_one_snapshot(Catalog.embed_queries)
    export = _of_one_snapshot(Catalog.export)
    export_collection = _of_one_snapshot(Catalog.export_collection)
    export_lines = _of_one_snapshot(Catalog.export_lines)
    facets = _of_one_snapshot(Catalog.facets)
    filter_text = _of_one_snapshot(Catalog.filter_text)
    find = _of_one_snapshot(Catalog.find)
    forget_learnt = _of_one_snapshot(Catalog.forget_learnt)
    get = _of_one_snapshot(Catalog.get)
    get_many = _of_one_snapshot(Catalog.get_many)
    get_vectors = _of_one_snapshot(Catalog.get_vectors)
    import_collection = _of_one_snapshot(Catalog.import_collection)
    learn = _of_one_snapshot(Catalog.learn)
    learnt = _of_one_snapshot(Catalog.learnt)
    learnt_version = _of_one_snapshot(Catalog.learnt_version)
    optimize = _of_one_snapshot(Catalog.optimize)
    popular = _of_one_snapshot(Catalog.popular)
    profile = _of_one_snapshot(Catalog.profile)
    profiles = _of_one_snapshot(Catalog.profiles)
    put_profile = _of_one_snapshot(Catalog.put_profile)
    recommend = _of_one_snapshot(Catalog.recommend)
    refit = _of_one_snapshot(Catalog.refit)
    seal = _of_one_snapshot(Catalog.seal)
    replica_record = _of_one_snapshot(Catalog.replica_record)
    replica_rows = _of_one_snapshot(Catalog.replica_rows)
    replica_rows_after = _of_one_snapshot(Catalog.replica_rows_after)
    search = _of_one_snapshot(Catalog.search)
    search_many = _of_one_snapshot(Catalog.search_many)
    similar = _of_one_snapshot(Catalog.similar)
    suggest = _of_one_snapshot(Catalog.suggest)
    to_arrow = _of_one_snapshot(Catalog.to_arrow)
    trending = _of_one_snapshot(Catalog.trending)
    upgrade = _of_one_snapshot(Catalog.upgrade)
    verify = _of_one_snapshot(Catalog.verify)
    wait = _of_one_snapshot(Catalog.wait)
    __contains__ = _of_one_snapshot(Catalog.__contains__)

    @property
    def extra_fields(self) -> dict[str, str]:
        """Types of the catalogue's own fields by name."""
        with self._pinned() as catalog:
            return catalog.extra_fields

    def ids(self) -> Iterator[str]:
        """Iterate over all ids of one snapshot, sorted."""
        with self._pinned() as catalog:
            yield from catalog.ids()

    def info(self) -> dict[str, Any]:
        """Describe the catalogue as ``Catalog.info`` does, and how old it is (``published``)."""
        pin = self._pinned()
        with pin as catalog:
            return catalog.info() | {"published": self._published(pin.snapshot)}

    def _published(self, snapshot: ShelvedSnapshot) -> dict[str, Any]:
        state, published_s = self._shelf.state, snapshot.manifest.published_s
        return {
            "url": self._url,
            "cache_dir": str(self._shelf.folder),
            "snapshot": snapshot.number,
            "published_s": published_s,
            "age_s": max(0.0, time.time() - published_s),
            "looked_s": state.looked_s,
            "error": self._error or state.error,
            "fetches": self._follower.leads,
        }

    # -- versions -------------------------------------------------------------------------

    def identity(self) -> str:
        """Return a name that all readers of this catalogue at this URL have in common."""
        self._check_open()
        return f"{self._uid}:{self._url}"

    def version(self) -> Version:
        """Return the version of the snapshot served; that of a newer one is larger."""
        pin = self._pinned()
        with pin as catalog:
            found = catalog.version()
            return Version(found.space, found.seq + _offset(pin.snapshot))

    def changes(self, seq: int) -> Changes:
        """Return which rows changed after a version's ``seq``; unknown from before a lineage."""
        pin = self._pinned()
        with pin as catalog:
            offset = _offset(pin.snapshot)
            if isinstance(seq, int) and 0 <= seq < offset:
                return Changes(catalog.version().seq + offset, None)
            found = catalog.changes(seq - offset if isinstance(seq, int) else seq)
            return Changes(found.seq + offset, found.rows)

    def get_versioned(self, id: str) -> VersionedTitle:
        """Return a title with its row and the version it was read at.

        Raises
        ------
        UnknownIdError
        """
        pin = self._pinned()
        with pin as catalog:
            title, row, seq = catalog.get_versioned(id)
            return VersionedTitle(title, row, seq + _offset(pin.snapshot))

    # -- the end --------------------------------------------------------------------------

    def close(self) -> None:
        """Stop following; calls under way end first, then the files are closed."""
        with self._closing:
            if self._released:
                return
            self._released = True
            open_catalogs.forget(self)
            self._follower.stop()
            thread = self._thread if self._process == os.getpid() else None
            if thread is not None and thread is not threading.current_thread():
                thread.join(_CLOSE_WAIT_S)
            if thread is None or not thread.is_alive():
                self._follower.release()
            with self._swapping:
                self._pins.swap(None)

    def after_fork(self) -> None:
        """Go on as a reader in the child of a fork; the next call follows again."""
        self._swapping, self._closing = threading.Lock(), threading.Lock()
        self._pins.after_fork()
        self._follower.after_fork()

    def _check_open(self) -> None:
        self._pins.served  # noqa: B018 - raises where this is closed

    def __repr__(self) -> str:
        state = "closed" if self._released else f"snapshot {self._pins.served.snapshot.number}"
        return f"Catalog({self._url!r}, {state})"


def _offset(snapshot: ShelvedSnapshot) -> int:
    return snapshot.manifest.lineage << _LINEAGE_BITS


def _open_published(
    url: str,
    *,
    read_only: bool,
    cache_dir: str | os.PathLike[str] | None,
    follow_s: float | None,
    storage_options: Mapping[str, Any] | None,
    **options: Any,
) -> PublishedCatalog:
    """Open what is published at a URL; see ``Catalog.open``."""
    where = parse_location(url).url
    if not read_only:
        raise InvalidInputError(
            f"expected read_only=True with {where}, got a catalogue to write to: what is published "
            "is only read; write to the folder it is published from"
        )
    if cache_dir is None:
        raise InvalidInputError(
            f"expected cache_dir with {where}, got none: name a folder for fetched snapshots"
        )
    if follow_s is not None:
        follow_s = check_real("follow_s", follow_s, _SHORTEST_S, _LONGEST_S)
    folder = check_path(cache_dir)
    return PublishedCatalog(
        where, folder, options, follow_s=follow_s, storage_options=storage_options
    )


open_urls_with(_open_published)
