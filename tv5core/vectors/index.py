"""VectorIndex: sealed graph and head behind one search."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import (
    ClosedError,
    CorruptFileError,
    InvalidInputError,
    ReadOnlyError,
    UnknownIdError,
)
from tv5core.files import FileRecord
from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vectors import folder
from tv5core.vectors.audit import IndexAudit
from tv5core.vectors.filters import Filter
from tv5core.vectors.folder import Manifest
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.memory import measure
from tv5core.vectors.metric import Metric
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.planner import Part, Snapshot, search
from tv5core.vectors.recall import cheapest_settings, recall_at_k
from tv5core.vectors.sealing import Blocks, BuildOptions, seal_rows
from tv5core.vectors.segments import LiveRows, live_blocks, live_rows
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import (
    check_dim,
    check_keys,
    check_rescoring,
)

__all__ = ["Matches", "VectorIndex"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BLOCK_ROWS = 8_192


class Matches(NamedTuple):
    """Answers of a search, best first; one row a query, or 1-D for a single query."""

    keys: I64
    """int64, -1 where fewer than k exist."""
    scores: F32
    """float32, descending; -inf where fewer than k exist."""


class VectorIndex:
    """Vectors searched by a walk over one-bit codes, then rescored exactly.

    Build one with :meth:`build`, start one with :meth:`empty` or map one with :meth:`open`. Any
    number of threads may search at once, also while another adds, removes or seals; changes wait
    for each other.

    Rows added since the last sealing form the head, which is scanned; :meth:`seal` builds the
    graph anew over all live rows.
    """

    def __init__(
        self,
        dim: int,
        metric: str,
        rescoring: str,
        settings: SearchSettings | None = None,
        sealed: SealedGraph | None = None,
    ) -> None:
        self._metric = Metric.named(metric)
        self._rescoring = check_rescoring(rescoring)
        self._dim = check_dim(dim)
        self._settings = settings or self._metric.default_settings()
        self._rows = LiveRows(dim, self._rescoring, sealed)
        self._lock = threading.RLock()  # one change at a time
        self._sealing = threading.Lock()  # one sealing at a time
        self._path: Path | None = None
        self._manifest: Manifest | None = None
        self._read_only = self._closed = False
        self._options = BuildOptions()

    # -- making and opening ---------------------------------------------------------------

    @classmethod
    def empty(cls, dim: int, *, metric: str = "cosine", rescoring: str = "int8") -> VectorIndex:
        """Start an index in memory, without rows.

        Parameters
        ----------
        dim : int
            8 to 4096.
        metric : {"cosine", "ip"}
            Cosine scales vectors and queries to unit length; ip is the inner product.
        rescoring : {"int8", "float16", "float32"}
            How rows are stored for the exact look.
        """
        return cls(dim, metric, rescoring)

    @classmethod
    def build(
        cls,
        vectors: npt.ArrayLike,
        keys: npt.ArrayLike | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        metric: str = "cosine",
        connectivity: int = 16,
        expansion_add: int = 64,
        rescoring: str = "int8",
        threads: int = 0,
        progress: Progress | None = None,
        seed: int = 0,
    ) -> VectorIndex:
        """Build a sealed index over vectors.

        Parameters
        ----------
        vectors : array_like [n, dim]
            Read in blocks, so a memory-mapped array stays on disk.
        keys : array_like of int [n], optional
            At least 0, each once; 0 .. n - 1 if left out.
        path : path-like, optional
            Folder to keep the index in: new, empty, or an index to replace. Without one the files
            live in the system's temporary folder, already unlinked, for as long as the index does.
        metric, rescoring
            As in :meth:`empty`.
        connectivity, expansion_add : int
            Two thirds of the links a row has room for; candidates for them, found by a walk.
        threads : int
            0 for all cores; the index does not depend on it.
        progress : callable, optional
            Called with (done, total, stage); an exception it raises stops the build.
        seed : int
            Of the random rotation.

        Raises
        ------
        InvalidInputError, DimensionError, NonFiniteVectorError, ZeroVectorError, DuplicateKeyError
            Before anything is written to ``path``'s index.
        """
        given = np.asarray(vectors)
        if given.ndim != 2:
            raise InvalidInputError(f"expected a matrix, got shape {given.shape}")
        named = check_keys(np.arange(len(given)) if keys is None else keys, len(given))
        index = cls(given.shape[1], metric, rescoring)
        index._options = BuildOptions(connectivity, expansion_add, threads, seed)
        if path is not None:
            index._path = Path(path)
            index._manifest = folder.claim(index._path, index._described())
        if len(given):
            index._seal_blocks(_blocks_of(given, named, index._ready), len(given), progress)
        elif index._path is not None and index._manifest is not None:
            folder.publish(index._path, index._manifest)
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, read_only: bool = True) -> VectorIndex:
        """Map an index from its folder, after checking every checksum.

        Parameters
        ----------
        path : path-like
            A folder written by :meth:`build` or :meth:`seal`.
        read_only : bool
            Any number of processes may map an index; at most one of them may change it.

        Raises
        ------
        NotACatalogError
            No index there.
        CorruptFileError, FormatVersionError
            A file is damaged or missing, or of a newer tv5core.
        """
        where = Path(path)
        manifest = folder.read_manifest(where)
        sealed = folder.open_sealed(where, manifest)
        index = cls(manifest.dim, manifest.metric, manifest.rescoring, manifest.settings, sealed)
        index._path, index._manifest, index._read_only = where, manifest, read_only
        index._options = manifest.options
        return index

    @classmethod
    def open_files(
        cls,
        graph: Path,
        rows: Path,
        *,
        settings: SearchSettings | None = None,
        verify: bool = True,
    ) -> VectorIndex:
        """Map two sealed files as a writable index; for callers who keep track of files themselves.

        Raises
        ------
        CorruptFileError, FormatVersionError, OSError
        """
        sealed = SealedGraph.open(graph, rows, verify=verify)
        rescoring = sealed.rows.values.dtype.name
        try:
            return cls(sealed.quantizer.dim, sealed.metric.name, rescoring, settings, sealed)
        except InvalidInputError as error:
            raise CorruptFileError(f"{graph.name}: {error}") from error

    # -- what it is -----------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def metric(self) -> str:
        """``cosine`` or ``ip``."""
        return self._metric.name

    @property
    def rescoring(self) -> str:
        """Type of the stored rows."""
        return self._rescoring

    @property
    def settings(self) -> SearchSettings:
        """What :meth:`search` uses where a call does not say otherwise."""
        return self._settings

    @property
    def sealed_count(self) -> int:
        """Rows in the sealed graph, removed ones included."""
        sealed = self._rows.snapshot.sealed
        return 0 if sealed is None else len(sealed)

    @property
    def head_count(self) -> int:
        """Rows added since the last sealing, removed ones included."""
        return sum(len(p.keys) for p in self._rows.snapshot.parts if p.graph is None)

    @property
    def removed_count(self) -> int:
        """Rows that are still stored but not found any more."""
        return sum(len(part.keys) - part.count for part in self._rows.snapshot.parts)

    @property
    def removed_sealed_count(self) -> int:
        """Rows of the sealed graph that are not found any more: walks still pass through them."""
        parts = self._rows.snapshot.parts
        return sum(len(part.keys) - part.count for part in parts if part.graph is not None)

    def __len__(self) -> int:
        return self._rows.snapshot.live

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, (int, np.integer)) or not 0 <= int(key) < 2**63:
            return False
        with self._lock:
            return int(key) in self._rows

    def keys(self) -> I64:
        """Return the keys of all live rows, in no particular order."""
        some = [np.asarray(part.keys)[live_rows(part)] for part in self._rows.snapshot.parts]
        return np.concatenate(some) if some else np.empty(0, np.int64)

    def audit(self) -> IndexAudit:
        """Return the present state, to be compared with the vectors it was made from."""
        return IndexAudit(self._rows.snapshot, self._metric, self._rescoring)

    def memory(self) -> dict[str, dict[str, int]]:
        """Return bytes by part.

        Returns
        -------
        dict
            ``graph`` (links), ``codes`` (records), ``keys``, ``rescoring``, ``head`` and ``marks``
            (scratch of walking threads), each with ``total`` and ``resident``: of mapped parts
            the bytes now in this process's memory.
        """
        return measure(self._rows.snapshot.sealed, self._rows.head)

    # -- searching ------------------------------------------------------------------------

    def filter(self, allow: npt.ArrayLike | Filter) -> Filter:
        """Prepare a restriction for any number of searches.

        Parameters
        ----------
        allow : array_like
            Keys (unknown ones are ignored), or a boolean mask: key ``i`` is allowed where
            ``allow[i]``; keys past its end are not.
        """
        return Filter.of(allow)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int = 10,
        *,
        expansion_search: int | None = None,
        oversampling: float | None = None,
        error_margin: float | None = None,
        min_k: int | None = None,
        allow: npt.ArrayLike | Filter | None = None,
        exact: bool = False,
        threads: int = 1,
    ) -> Matches:
        """Find the k nearest rows of each query.

        Parameters
        ----------
        queries : array_like [dim] or [n, dim]
        k : int
            At least 1.
        expansion_search : int, optional
            Size of the walk's pool (``ef`` of HNSW). Recall and time both grow with it.
        oversampling : float, optional
            Candidates rescored exactly for each answer, at most. More find what the one-bit
            estimate ranks too low; each costs a read of a stored row.
        error_margin : float, optional
            Neither expand nor rescore rows whose estimates lie more standard deviations of the
            estimate's error behind that of the last answer. A wide pool with a margin of 2 to 3
            finds as much as a narrow pool without one, in two thirds of the time, because easy
            queries end early. No margin where it is left out beside another of these settings.
        min_k : int, optional
            Look as far as a search for so many answers where ``k`` is smaller: answers for a small
            ``k`` improve, at the cost of the larger search. ``k`` where it is left out beside
            another of these settings.
        allow : array_like or Filter, optional
            Keys or boolean mask as in :meth:`filter`.
        exact : bool
            Score every (allowed) stored row instead of walking.
        threads : int
            Threads to split the queries over; 0 for all cores.

        Returns
        -------
        Matches
            Scores are inner products with the stored rows, of unit vectors for cosine.

        Raises
        ------
        DimensionError, NonFiniteVectorError, ZeroVectorError, InvalidInputError, ClosedError
        """
        settings = self._settings.override(
            _checked_k(k),
            expansion_search=expansion_search,
            oversampling=oversampling,
            error_margin=error_margin,
            min_k=min_k,
        )
        chosen = None if allow is None else Filter.of(allow)
        return self.search_with(queries, k, SearchOptions(settings, exact, chosen, threads))

    def search_with(self, queries: npt.ArrayLike, k: int, options: SearchOptions) -> Matches:
        """Search as :meth:`search` does, with options that were chosen before."""
        self._check_open()
        given = np.asarray(queries)
        ready = self._ready(given[None] if given.ndim == 1 else given)
        k = _checked_k(k)
        snapshot = self._opened()
        parts = _restricted(snapshot, options.filter)
        threads = options.threads
        split = 1 if threads == 1 else min(_thread_count(threads), len(ready))
        run = partial(
            search,
            snapshot.quantizer,
            parts,
            k=k,
            settings=options.settings,
            exact=options.exact,
        )
        keys, scores = run(ready) if split <= 1 else _in_threads(run, ready, split)
        return Matches(keys[0], scores[0]) if given.ndim == 1 else Matches(keys, scores)

    def recall(self, queries: npt.ArrayLike, k: int = 10) -> float:
        """Measure recall@k of :meth:`search` against exact search over the stored rows."""
        matrix = np.atleast_2d(np.asarray(queries))
        truth = self.search(matrix, k, exact=True, threads=0)
        return recall_at_k(self.search(matrix, k, threads=0).keys, truth.keys)

    def calibrate(
        self, queries: npt.ArrayLike, target_recall: float = 0.95, k: int = 10
    ) -> SearchSettings:
        """Choose and store the cheapest settings that reach a recall on these queries.

        Parameters
        ----------
        queries : array_like [n, dim]
            Like those to come; a few hundred. Recall differs much between kinds of queries.
        target_recall : float
            Above 0, at most 1. A RuntimeWarning tells when it is out of reach.
        k : int

        Returns
        -------
        SearchSettings
            Also kept in :attr:`settings` and, for an index in a folder, on disk.

        Raises
        ------
        InvalidInputError
            No queries, or a target out of range.
        ReadOnlyError
            Opened read-only.
        """
        self._check_writable()
        settings = self.settings_for(queries, target_recall, k)
        self._store(settings)
        return settings

    def settings_for(
        self, queries: npt.ArrayLike, target_recall: float = 0.95, k: int = 10
    ) -> SearchSettings:
        """Choose settings as :meth:`calibrate` does, without keeping them."""
        self._check_open()
        ready = self._ready(np.asarray(queries))
        if not 0 < target_recall <= 1 or not len(ready) or k < 1:
            raise InvalidInputError(
                f"expected queries, 0 < target_recall <= 1 and k >= 1, got {len(ready)} queries, "
                f"{target_recall} and {k}"
            )
        snapshot = self._opened()
        walked = [part for part in snapshot.parts if part.graph is not None and part.count]
        if not walked or snapshot.quantizer is None:
            return SearchSettings(recall=1.0)  # what is scanned needs no pool
        part = walked[0]
        rows, _ = part.rows.scan(ready, k, part.allow)
        truth = np.where(rows == NONE, np.int64(-1), rows.astype(np.int64))
        return cheapest_settings(snapshot.quantizer, part, ready, truth, target_recall)

    def _store(self, settings: SearchSettings) -> None:
        with self._changing():
            self._settings = settings
            if self._manifest is not None and self._path is not None:
                manifest = msgspec.structs.replace(self._manifest, settings=settings)
                folder.write_manifest(self._path, manifest)
                self._manifest = manifest

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
        ready = self._ready(np.asarray(vectors))
        named = check_keys(keys, len(ready))
        if len(named):
            with self._changing():
                self._rows.put(ready, named)

    def remove(self, keys: npt.ArrayLike) -> None:
        """Remove rows; no later search finds them.

        Raises
        ------
        UnknownIdError
            A key is not here; nothing was removed.
        DuplicateKeyError, InvalidInputError, ReadOnlyError, ClosedError
        """
        self._check_writable()
        given = np.asarray(keys)
        named = check_keys(given, given.size)
        with self._changing():
            lost = self._rows.missing(named)
            if lost:
                raise UnknownIdError(f"expected known keys, got {lost[:5]} ({len(lost)} unknown)")
            self._rows.remove(named)

    # -- sealing --------------------------------------------------------------------------

    def seal(self, progress: Progress | None = None) -> None:
        """Build the graph anew over all live rows and drop removed ones.

        Searches and changes go on meanwhile; what changed after the start stays in the head.
        An index without a folder reseals from its stored rows, so int8 rows stay int8-exact.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, stage); an exception it raises stops the sealing and leaves
            the index as it was.
        """
        self._check_writable()
        with self._sealing:
            with self._lock:
                snapshot = self._rows.watch()
            try:
                if snapshot.live:
                    blocks = partial(live_blocks, snapshot)
                    self._seal_blocks(blocks, snapshot.live, progress)
                else:
                    with self._changing():
                        self._rows.swap(None)
            finally:
                self._rows.unwatch()

    def _seal_blocks(self, blocks: Blocks, count: int, progress: Progress | None) -> None:
        with tempfile.TemporaryDirectory(dir=self._path, prefix=folder.TEMPORARY) as name:
            files = Path(name) / "graph", Path(name) / "rows"
            records = seal_rows(
                blocks,
                count,
                self._dim,
                files,
                self._metric,
                self._rescoring,
                self._options,
                progress,
            )
            # These bytes were checksummed while they were written, a moment ago.
            sealed = SealedGraph.open(*files, verify=False)
            with self._changing():
                self._save(files, records)
                self._rows.swap(sealed)

    def _described(self) -> Manifest:
        """Say what this index is, before its first sealing."""
        return Manifest(
            dim=self._dim,
            metric=self._metric.name,
            rescoring=self._rescoring,
            settings=self._settings,
            options=self._options,
        )

    def _save(self, files: tuple[Path, Path], records: tuple[FileRecord, FileRecord]) -> None:
        if self._path is None or self._manifest is None:
            return
        manifest = msgspec.structs.replace(
            self._manifest,
            generation=self._manifest.generation + 1,
            graph=records[0],
            rows=records[1],
            settings=self._settings,
        )
        folder.publish(self._path, manifest, files)
        self._manifest = manifest

    # -- closing --------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the files; searches that run finish on what they hold."""
        with self._lock:
            self._closed = True
            self._rows = LiveRows(self._dim, self._rescoring)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open index, got one after close()")

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ReadOnlyError("expected a writable index, got one opened with read_only=True")

    def _opened(self) -> Snapshot:
        """Return the present state, unless the index was closed before: no rows are no answer."""
        snapshot = self._rows.snapshot
        self._check_open()
        return snapshot

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock over an index that nobody closed before it was taken."""
        with self._lock:
            self._check_writable()
            yield

    def _ready(self, vectors: npt.NDArray[Any]) -> F32:
        return self._metric.validate(vectors, self._dim)


def _checked_k(k: int) -> int:
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise InvalidInputError(f"expected k >= 1, got {k!r}")
    return int(k)


def _thread_count(threads: int) -> int:
    if threads < 0:
        raise InvalidInputError(f"expected threads >= 0, got {threads}")
    return threads or os.cpu_count() or 1


def _in_threads(
    run: Callable[[F32], tuple[I64, F32]], queries: F32, threads: int
) -> tuple[I64, F32]:
    """Search a share of the queries in this thread, the others in threads of their own."""
    own, *others = np.array_split(queries, threads)
    with ThreadPoolExecutor(threads - 1) as pool:
        rest = [pool.submit(run, some) for some in others]
        found = [run(own), *(future.result() for future in rest)]
    return np.concatenate([keys for keys, _ in found]), np.concatenate([s for _, s in found])


def _blocks_of(vectors: npt.NDArray[Any], keys: I64, ready: Any) -> Blocks:
    def blocks() -> Iterator[tuple[I64, F32]]:
        for at in range(0, len(vectors), _BLOCK_ROWS):
            yield keys[at : at + _BLOCK_ROWS], ready(vectors[at : at + _BLOCK_ROWS])

    return blocks


def _restricted(snapshot: Snapshot, allow: Filter | None) -> tuple[Part, ...]:
    if allow is None:
        return snapshot.parts
    bitmaps = allow.bitmaps(snapshot)
    return tuple(
        part.restricted(allowed) for part, allowed in zip(snapshot.parts, bitmaps, strict=True)
    )
