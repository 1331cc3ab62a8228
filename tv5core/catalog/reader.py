"""The reading side of a catalogue: searches, look-ups, versions, copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_list, as_texts, check_callable, check_flag, check_int, check_path
from tv5core.catalog.copies.backup import BackupReport, backup
from tv5core.catalog.copies.export import ExportReport, export_folder, export_lines, export_titles
from tv5core.catalog.copies.snapshot import publish_snapshot
from tv5core.catalog.copies.table_files import TABLES, export_table
from tv5core.catalog.copies.usearch_file import SUFFIX as USEARCH
from tv5core.catalog.copies.usearch_file import export_usearch
from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.maintenance.statistics import describe
from tv5core.catalog.popularity import most_popular
from tv5core.catalog.search_reader import SearchReader
from tv5core.catalog.searcher import Searcher
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.catalog.versions import Changes, Version, VersionedTitle, VersionReader
from tv5core.errors import CatalogError, ClosedError, UnknownIdError
from tv5core.object_storage import check_no_url, is_url
from tv5core.results import SearchResult
from tv5core.store import Store, embeddings, lookup, titles
from tv5core.store.derived import DERIVED
from tv5core.store.meta import checkpoint
from tv5core.store.transaction import Derived, Txn
from tv5core.types import Progress, Title

__all__ = ["CatalogReader"]

F32 = npt.NDArray[np.float32]

_IDS_BLOCK = 1_000
_LOOK_S = 1e-3
"""How long a handle that is read from may overlook that its folder was replaced."""


class CatalogReader(SearchReader):
    """What ``Catalog`` offers to those who only read.

    Parameters
    ----------
    store : Store
    manager : IndexManager
    text : TextEmbedding
    second : SecondSpace
    """

    _derived: ClassVar[tuple[Derived, ...]] = DERIVED
    """What the store keeps of each title besides itself."""

    def __init__(
        self, store: Store, manager: IndexManager, text: TextEmbedding, second: SecondSpace
    ) -> None:
        self._store, self._manager, self._text, self._second = store, manager, text, second
        self._searcher = Searcher(store, text, second, manager.recovery)
        self._versions = VersionReader(store)
        self._closed = self._foreign = False
        self._look_at = 0.0

    # -- searching ------------------------------------------------------------------------

    def similar(self, id: str, k: int = 10, *, cursor: str | None = None) -> SearchResult:
        """Find the titles most like one of the catalogue, itself left out.

        Parameters
        ----------
        id : str
        k : int
            1 to 10,000.
        cursor : str, optional
            The empty one begins a list of pages of the 200 nearest titles (``k``, if more); that
            of an answer continues after its last hit.

        Returns
        -------
        SearchResult
            No hits where the title has no vector.

        Raises
        ------
        UnknownIdError, InvalidInputError
        """
        served = self._current()
        return self._searcher.similar(served, lambda txn: self._found(txn, id), k, cursor)

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Return the vectors :meth:`search` would use: float32[n, dim], zero where unknown."""
        return self._text.embed_queries(self._current(), as_texts("texts", texts))

    # -- looking up -----------------------------------------------------------------------

    def get(self, id: str) -> Title:
        """Return a title by its id, or by one elsewhere such as ``imdb:tt1375666``.

        Raises
        ------
        UnknownIdError
        """
        self._check_open()
        with self._store.read() as txn:
            title = lookup.by_id(txn, id)
            if title is None:
                title = lookup.by_alias(txn, id)
        if title is None:
            raise UnknownIdError(f"expected a known id, got {id!r}")
        return title

    def get_many(self, ids: Iterable[str]) -> list[Title | None]:
        """Return titles by id, None for those that do not exist."""
        self._check_open()
        names = as_list("ids", ids)
        with self._store.read() as txn:
            return [lookup.by_id(txn, name) for name in names]

    def get_vectors(self, ids: Iterable[str]) -> list[F32 | None]:
        """Return vectors as they were given or made, float32[dim]; None where there is none."""
        self._check_open()
        names, dim, space = as_texts("ids", ids), self._store.meta.dim, self._current().space
        with self._store.read() as txn:
            rows = [lookup.row_of(txn, name) for name in names]
            return [
                None if row is None or not dim else embeddings.get(txn, space, row, dim)
                for row in rows
            ]

    def find(self, alias: str) -> tuple[str, ...]:
        """Return the ids of the titles that carry an alias, oldest first.

        Parameters
        ----------
        alias : str
            Such as ``imdb:tt1375666`` or ``name:movie:2010:inception``; see
            ``tv5core.store.aliases``.
        """
        self._check_open()
        with self._store.read() as txn:
            return tuple(title.id for title in lookup.all_by_alias(txn, alias))

    @staticmethod
    def _found(txn: Txn, id: str) -> tuple[int, Title]:
        found = lookup.found_by(txn, id)
        if found is None:
            raise UnknownIdError(f"expected a known id, got {id!r}")
        return found

    def __contains__(self, id: object) -> bool:
        self._check_open()
        if not isinstance(id, str):
            return False
        with self._store.read() as txn:
            return titles.find(txn, id) is not None

    def ids(self) -> Iterator[str]:
        """Iterate over all ids, sorted; sees changes made meanwhile."""
        last = ""
        while True:
            self._check_open()
            with self._store.read() as txn:
                block = titles.ids_after(txn, last, _IDS_BLOCK)
            if not block:
                return
            yield from block
            last = block[-1]

    def popular(self, k: int = 20, *, genre: str | None = None) -> list[Title]:
        """Return the most popular titles, best first; ties are ordered by id.

        Every title is read and decoded, so cache the result where it is needed often;
        ``CachedCatalog.popular`` does.

        Parameters
        ----------
        k : int
            At least 1.
        genre : str, optional
            Only titles of this genre.

        Raises
        ------
        InvalidInputError
        """
        return most_popular(self._all_titles(), k, genre)

    def _all_titles(self) -> Iterator[Title]:
        ids = self.ids()
        while block := list(islice(ids, _IDS_BLOCK)):
            yield from (title for title in self.get_many(block) if title is not None)

    def count(self) -> int:
        """Count titles."""
        self._check_open()
        with self._store.read() as txn:
            return titles.count(txn)

    def __len__(self) -> int:
        return self.count()

    def checkpoint(self, key: str) -> bytes | None:
        """Return the value last stored under a checkpoint's key."""
        self._check_open()
        with self._store.read() as txn:
            return checkpoint(txn, key)

    @property
    def extra_fields(self) -> dict[str, str]:
        """Types of the catalogue's own fields by name."""
        self._check_open()
        return dict(self._store.meta.extra_fields)

    # -- versions -------------------------------------------------------------------------

    def identity(self) -> str:
        """Return a name that no other catalogue has, not even a later one in the same folder."""
        self._check_open()
        return self._versions.identity()

    def version(self) -> Version:
        """Return the version of what is stored, which every change by any process increases."""
        self._check_open()
        return self._versions.version()

    def changes(self, seq: int) -> Changes:
        """Return which rows changed after a version's ``seq``."""
        self._check_open()
        return self._versions.changes(check_int("seq", seq, 0))

    def get_versioned(self, id: str) -> VersionedTitle:
        """Return a title with its row and the version it was read at; see :meth:`get`.

        Raises
        ------
        UnknownIdError
        """
        self._check_open()
        with self._store.read() as txn:
            return self._versions.stored(*self._found(txn, id), txn)

    # -- the catalogue itself -------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Describe the catalogue: counts, settings, files and what opening recovered."""
        served = self._current()
        text = self._text.readiness(served)
        found = describe(self._store, self._manager, served, text)
        return found | {"second_space": self._second.describe()}

    def wait(self) -> None:
        """Wait until no work is under way in the background: fitting, sealing, embedding.

        Another change may start more. Results after it do not depend on the timing of that work, so
        tests and scripts that need the same answers each time call it first.
        """
        self._check_open()
        self._manager.wait()
        self._second.wait()

    def backup(
        self,
        dest: str | os.PathLike[str],
        *,
        compact: bool = False,
        check: bool = True,
        progress: Progress | None = None,
        replace: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> BackupReport:
        """Copy the catalogue as it is at one moment, while others read and write.

        The copy is a catalogue by itself. It shares no bytes with this one, and appears under its
        name when all of it is on disk and checked. Until then it is in ``DEST.partial``, in
        bounded memory. While the store itself is copied, free pages are not reused, so a writer
        at work makes the store grow by about what it writes; in a process that only reads, a
        growing map can make searches wait for that part.

        At a URL it becomes the next snapshot of those there, which stores only what is new, goes on
        where it was interrupted, and is seen whole or not at all: see ``docs/guide/fleets.md``.

        Parameters
        ----------
        dest : path-like or str
            A new or an empty folder, outside the catalogue's; or the URL of a place for snapshots
            of this catalogue: ``s3://bucket/prefix``, ``file:///folder``.
        compact : bool
            Leave out free pages of the store.
        check : bool
            Verify the copy, every byte of it and every row. False copies a damaged catalogue too,
            and takes a fraction of the time.
        progress : callable, optional
            Called with (done, total, stage); an exception it raises ends the work, and nothing of
            the copy is left.
        replace : bool
            Publish also where the snapshots are of another catalogue, or of a later state.
        storage_options : mapping, optional
            For a URL: options of fsspec's file system. By default the environment decides.

        Raises
        ------
        InvalidInputError
            There is something at ``dest``.
        SnapshotConflictError
            Somebody else published meanwhile: do it again.
        ObjectStoreError
        CorruptFileError
            The copy is not sound, because the catalogue is not: repair it first.
        DiskFullError, DiskFailureError, CatalogLockedError
        """
        self._check_open()
        compact, check = check_flag("compact", compact), check_flag("check", check)
        replace = check_flag("replace", replace)
        report = self._manager.cancellable(progress)
        if is_url(dest):
            given = {"compact": compact, "check": check, "replace": replace}
            return publish_snapshot(self._store, str(dest), storage_options, **given, report=report)
        check_no_url("backup", replace=replace, storage_options=storage_options)
        return backup(self._store, check_path(dest), compact=compact, check=check, report=report)

    def export(
        self, dest: str | os.PathLike[str], progress: Progress | None = None
    ) -> ExportReport:
        """Write the catalogue as it is at one moment in formats that other programs can read.

        Parameters
        ----------
        dest : path-like
            A new or an empty folder for ``titles.jsonl``, ``vectors.npy`` (float32), ``ids.txt``
            and everything else that :meth:`restore` needs to make an equal catalogue; or a file,
            which is replaced: ``.jsonl`` or ``.csv`` for the titles, ``.parquet`` for titles and
            vectors, ``.usearch`` for the sealed index, as usearch loads it, with the ids of its
            keys in ``NAME.usearch.ids.jsonl``. Each appears whole or not at all.
        progress : callable, optional
            As for :meth:`backup`.

        Raises
        ------
        InvalidInputError
            The folder is not empty; pyarrow, which writes Parquet, is missing; titles are not
            sealed, which an index for usearch must be.
        CorruptFileError
            A title cannot be decoded.
        DiskFullError, DiskFailureError
        """
        self._check_open()
        report = self._manager.cancellable(progress)
        path = check_path(dest)
        if path.suffix == ".jsonl":
            return export_titles(self._store, path, report)
        if path.suffix in TABLES:
            return export_table(self._store, path, report)
        if path.suffix == USEARCH:
            served = self._manager.current()
            return export_usearch(self._store, served.space, served.index, path, report)
        return export_folder(self._store, path, report)

    def export_lines(
        self, write: Callable[[bytes], object], progress: Progress | None = None
    ) -> int:
        """Hand every title, as a line of JSON, to a function; return how many."""
        self._check_open()
        check_callable("write", write, optional=False)
        return export_lines(self._store, write, self._manager.cancellable(progress))

    def _current(self) -> ServedIndex:
        self._check_open()
        return self._manager.current()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "writable" if self._store.writable else "read-only"
        return f"Catalog({str(self._store.folder)!r}, {state})"

    def _check_writable(self, progress: Progress | None = None) -> None:
        self._check_open()
        self._store.check_writable()
        check_callable("progress", progress)

    def _check_folder(self) -> None:
        self._look_at = monotonic() + _LOOK_S
        self._store.environment.check_identity()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"expected an open catalogue, got {self._store.folder} after close()")
        if self._foreign:
            raise CatalogError(
                f"{self._store.folder}: expected the process that opened it for writing, got a "
                "child of it: open it again there, with read_only=True"
            )
        if monotonic() >= self._look_at:
            self._check_folder()
