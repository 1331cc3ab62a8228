"""VectorIndex: building, opening, changing, sealing and closing an index; reading is in reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array, check_callable, check_flag, check_path, check_type
from tv5core.errors import CorruptFileError, InvalidInputError, UnknownIdError
from tv5core.files import SealedFile
from tv5core.types import Progress
from tv5core.vectors import folder
from tv5core.vectors.encoding import Blocks, blocks_of
from tv5core.vectors.folder import Manifest
from tv5core.vectors.folder_writer import FolderWriter
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.growing import growth_of
from tv5core.vectors.measured_reader import MeasuredReader
from tv5core.vectors.metric import Metric
from tv5core.vectors.sealing import BuildOptions, Sealing
from tv5core.vectors.segment import alive_blocks, coded
from tv5core.vectors.segment_set import SegmentSet
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import check_keys, check_verify
from tv5core.vectors.verification import BackgroundCheck

__all__ = ["VectorIndex"]


class VectorIndex(MeasuredReader):
    """Vectors searched by a walk over one-bit codes, then rescored exactly.

    Build one with :meth:`build`, start one with :meth:`empty` or map one with :meth:`open`. Any
    number of threads may search at once, also while another adds, removes or seals; changes wait
    for each other.

    Rows added since the last sealing form the live segment, which is scanned, or walked where
    there are many; :meth:`seal` builds a new graph over all rows.
    """

    def __init__(
        self,
        dim: int,
        metric: Metric,
        rescoring: str,
        settings: SearchSettings | None = None,
        graph: SealedGraph | None = None,
        given_dim: int = 0,
    ) -> None:
        super().__init__(dim, metric, rescoring, settings, graph, given_dim)
        self._folder: FolderWriter | None = None  # where there is a folder to write to
        self._options = BuildOptions()

    # -- making and opening ---------------------------------------------------------------

    @classmethod
    def empty(cls, dim: int, *, metric: str = "cosine", rescoring: str = "auto") -> VectorIndex:
        """Start an index in memory, without rows.

        Parameters
        ----------
        dim : int
            8 to 4096.
        metric : {"cosine", "ip"}
            Cosine scales vectors and queries to unit length; ip is the inner product.
        rescoring : {"auto", "int8", "int16", "float16", "float32"}
            How rows are stored for exact scores. ``auto`` measures at sealing whether int8 keeps
            the order of neighbours (see :class:`RowRecall`), and stores int16 where it does not.
        """
        return cls(dim, Metric.named(metric), rescoring)

    @classmethod
    def build(
        cls,
        vectors: npt.ArrayLike,
        keys: npt.ArrayLike | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        dim: int | None = None,
        metric: str = "cosine",
        connectivity: int | None = None,
        expansion_add: int | None = None,
        rescoring: str = "auto",
        threads: int = 0,
        progress: Progress | None = None,
        seed: int = 0,
        graph: str = "native",
        target_recall: float = 0.95,
    ) -> VectorIndex:
        """Build a sealed index over vectors.

        Parameters
        ----------
        vectors : array_like [n, dim]
            Read in blocks, so a memory-mapped array stays on disk.
        keys : array_like of int [n], optional
            At least 0, each once; 0 .. n - 1 if left out.
        path : path-like, optional
            Folder to keep the index in: new, empty, or an index to replace; this is its only writer
            until :meth:`close`. Without one, files live in the system's temporary folder, unlinked.
        dim : int, optional
            Keep the first so many dimensions only (of Matryoshka models), scaled to unit length
            for cosine. From then on vectors and queries may have either width.
        metric, rescoring, connectivity, expansion_add, graph, target_recall
            As in :meth:`empty` and :class:`BuildOptions`.
        threads : int
            0 for all cores; only a graph of usearch depends on it.
        progress : callable, optional
            Called with (done, total, stage); an exception it raises stops the build.
        seed : int
            Of the random rotation.

        Raises
        ------
        InvalidInputError, DimensionError, NonFiniteVectorError, ZeroVectorError, DuplicateKeyError
            Before anything is written to ``path``'s index.
        NotACatalogError
            ``path`` holds something else, which is left alone.
        CatalogLockedError
            Another index, here or in another process, writes to ``path``.
        DiskFullError, DiskFailureError, CatalogError
            It cannot be written to.
        """
        given = as_array("a matrix of real numbers", vectors)
        if given.ndim != 2:
            raise InvalidInputError(f"expected a matrix, got shape {given.shape}")
        check_callable("progress", progress)
        count, width = given.shape
        named = check_keys(np.arange(count) if keys is None else keys, count)
        kept = width if dim is None else dim
        index = cls(kept, Metric.named(metric), rescoring, given_dim=width)
        index._options = BuildOptions(
            connectivity, expansion_add, threads, seed, graph, target_recall
        )
        try:
            if path is not None:
                index._folder = FolderWriter.create(check_path(path), index._described())
            blocks = blocks_of(given, named, index._validate)
            index._seal_blocks(blocks, count, progress)
        except BaseException:
            index.close()
            raise
        return index

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, read_only: bool = True, verify: str = "first"
    ) -> VectorIndex:
        """Map an index from its folder, after checking its checksums.

        Parameters
        ----------
        path : path-like
            A folder written by :meth:`build` or :meth:`seal`.
        read_only : bool
            Any number of processes may map an index, also while it changes on disk; what they have
            mapped stays as it is. With False the index is the folder's only writer until
            :meth:`close`.
        verify : {"first", "background"}
            ``first`` checks every byte. ``background`` checks what walks follow (graph, codes and
            keys) and answers; the stored rows, which only make scores, are checked meanwhile in a
            thread. Until :meth:`wait_verified` is True, a score may come from a damaged row; once
            damage is found, every call raises CorruptFileError. Only with ``read_only=True``:
            a writer would seal the damage under new checksums.

        Raises
        ------
        InvalidInputError
            ``verify`` is neither, or ``background`` for a writer.
        NotACatalogError
            No index there.
        CorruptFileError, FormatVersionError
            A file is damaged or missing, or of a newer tv5core.
        CatalogLockedError
            Another index, here or in another process, writes to the folder.
        CatalogError
            The folder or a file cannot be read, or not written to.
        """
        where, writer = check_path(path), None
        read_only = check_flag("read_only", read_only)
        later = check_verify(verify, read_only=read_only)
        if read_only:
            manifest, graph = folder.open_reader(where, rows_later=later)
        else:
            writer, manifest, graph = FolderWriter.open(where)
        how = Metric.named(manifest.metric), manifest.rescoring, manifest.settings
        index = cls(manifest.dim, *how, graph, manifest.given_dim)
        index._folder, index._read_only = writer, writer is None
        index._options = manifest.options
        if graph is not None and graph.unchecked is not None:
            index._check = BackgroundCheck(graph.unchecked)
        return index

    @classmethod
    def open_files(
        cls,
        graph: str | os.PathLike[str],
        rows: str | os.PathLike[str],
        *,
        settings: SearchSettings | None = None,
        verify: bool = True,
    ) -> VectorIndex:
        """Map two sealed files as a writable index; for callers who keep track of files themselves.

        Raises
        ------
        CorruptFileError, FormatVersionError, CatalogError
        """
        graph, rows = check_path(graph), check_path(rows)
        check_type("settings", settings, (SearchSettings, type(None)))
        with folder.folder_errors(graph.parent):
            sealed = SealedGraph.open(graph, rows, verify=check_flag("verify", verify))
        try:
            return cls(sealed.quantizer.dim, sealed.metric, sealed.rescoring, settings, sealed)
        except InvalidInputError as error:
            raise CorruptFileError(f"{graph.name}: {error}") from error

    # -- settings -------------------------------------------------------------------------

    def _store(self, settings: SearchSettings) -> None:
        with self._lock:
            self._check_writable()
            if self._folder is not None:
                self._folder.store_settings(settings)
            self._settings = settings

    # -- changing -------------------------------------------------------------------------

    def add(self, vectors: npt.ArrayLike, keys: npt.ArrayLike) -> None:
        """Add rows, or replace those whose keys are here; found by the next search.

        For an index in a folder, rows are on disk after :meth:`seal` only.

        Parameters
        ----------
        vectors : array_like [n, dim]
        keys : array_like of int [n]
            At least 0, each once.

        Raises
        ------
        DimensionError, NonFiniteVectorError, ZeroVectorError, DuplicateKeyError, InvalidInputError
            Nothing was added.
        ReadOnlyError, ClosedError
        """
        self._check_writable()
        ready = self._validate(vectors)
        named = check_keys(keys, len(ready))
        if len(named):
            with self._lock:
                self._check_writable()  # again: it may have been closed meanwhile
                self._segments.put(ready, named)

    def remove(self, keys: npt.ArrayLike) -> None:
        """Remove rows; no later search finds them.

        Raises
        ------
        UnknownIdError
            A key is not here; nothing was removed.
        DuplicateKeyError, InvalidInputError, ReadOnlyError, ClosedError
        """
        self._check_writable()
        given = as_array("integer keys", keys)
        named = check_keys(given, given.size)
        with self._lock:
            self._check_writable()
            unknown = self._segments.unknown(named)
            if unknown:
                raise UnknownIdError(
                    f"expected known keys, got {unknown[:5]} ({len(unknown)} unknown)"
                )
            self._segments.remove(named)

    # -- sealing --------------------------------------------------------------------------

    def seal(self, progress: Progress | None = None) -> None:
        """Seal all present rows and drop removed ones.

        A large graph of which little has changed since it was built grows; else it is built anew.

        Searches and changes run meanwhile; what changes after the start stays in the live segment.
        Rows are sealed anew as they are stored, so int8 rows stay as they are.
        Where all rows are removed, the index is empty, also on disk.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, stage); an exception it raises stops the sealing and leaves
            the index as it was.

        Raises
        ------
        DiskFullError, DiskFailureError, CatalogError
            The folder cannot be written to, or is another one now.
        ReadOnlyError, ClosedError
        """
        self._check_writable()
        check_callable("progress", progress)
        try:
            with self._sealing:
                self._seal(progress)
        finally:
            if self._closed:
                self._release()

    def _seal(self, progress: Progress | None) -> None:
        with self._lock:
            snapshot = self._segments.begin_seal()
        try:
            growth = growth_of(snapshot, self._options)
            if growth is not None:
                self._seal_by(partial(growth.write, progress=progress))
            else:
                blocks = partial(alive_blocks, coded(snapshot.segments))
                self._seal_blocks(blocks, snapshot.alive_count, progress)
        finally:
            self._segments.end_seal()

    def _seal_blocks(self, blocks: Blocks, count: int, progress: Progress | None) -> None:
        if count:
            how = self._dim, self._metric, self._rescoring, self._options, progress
            sealing = Sealing(blocks, count, *how, *self._segments.stored_before())
            self._seal_by(sealing.write)
            return
        self._serve(None)

    def _seal_by(self, write: Callable[[Path, Path], tuple[SealedFile, SealedFile]]) -> None:
        """Publish and serve the files that a function writes."""
        if self._folder is not None:
            self._folder.check()
        with folder.temporary(None if self._folder is None else self._folder.path) as name:
            files = name / "graph", name / "rows"
            written = write(*files)
            # These bytes were checksummed while they were written, a moment ago.
            sealed = SealedGraph.open(*files, verify=False)
            self._serve(sealed, files, written)

    def _serve(self, sealed: SealedGraph | None, *written: Any) -> None:
        with self._lock:
            self._check_writable()
            if self._folder is not None:
                self._folder.publish(self._settings, *written)
            self._segments.replace_sealed(sealed)

    def _described(self) -> Manifest:
        """Return the manifest of this index before its first sealing."""
        widths = {"dim": self._dim, "given_dim": self._given_dim}
        how = {"metric": self.metric, "rescoring": self.rescoring, "options": self._options}
        return Manifest(**widths, **how, settings=self.settings)  # type: ignore[arg-type]

    # -- closing --------------------------------------------------------------------------

    def close(self) -> None:
        """Close the files; searches under way finish on what they hold.

        A sealing under way raises ClosedError; the next writer is let in once it has ended.
        """
        with self._lock:
            self._closed, before = True, self._segments
            self._segments = SegmentSet(self._dim, self._rescoring)
        try:
            before.stop_linking()
            if self._check is not None:
                self._check.stop()
        finally:
            self._release()

    def _release(self) -> None:
        """Let the next writer in, or have a sealing that still writes do so."""
        if self._folder is not None and self._sealing.acquire(blocking=False):
            self._folder.release()
            self._sealing.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
