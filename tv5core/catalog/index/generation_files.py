"""Sealed generations: their files built from the store, and checked when opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, SectionFile
from tv5core.store import Store, embeddings, generations
from tv5core.store.meta import Meta
from tv5core.store.records import Generation
from tv5core.types import Progress
from tv5core.vectors import SearchSettings, VectorIndex, build_files
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION
from tv5core.vectors.growing import Growth
from tv5core.vectors.row_recall import TARGET

__all__ = [
    "build_generation",
    "grow_generation",
    "open_generation",
    "wanted_recall",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BLOCK_ROWS = 4_096


def open_generation(
    folder: Path, meta: Meta, generation: Generation, *, verify: bool
) -> VectorIndex | None:
    """Open a generation's graph and rows, which must be those recorded; None without any.

    Parameters
    ----------
    verify : bool
        Whether to check every byte; structure and identity always are.

    Raises
    ------
    CorruptFileError, OSError
    """
    if generation.graph is None or generation.rows is None:
        return None
    files = (generation.graph, generation.rows)
    generations.check_sizes(folder, files)
    paths = folder / generation.graph.name, folder / generation.rows.name
    kinds = (GRAPH_KIND, GRAPH_VERSION), (ROWS_KIND, ROWS_VERSION)
    for path, kind, record in zip(paths, kinds, files, strict=True):
        _check_identity(path, *kind, record)
    index = VectorIndex.open_files(*paths, settings=_search_settings(meta), verify=verify)
    if (index.dim, index.metric, index.rescoring) != (meta.dim, meta.metric, meta.rescoring):
        raise CorruptFileError(
            f"{paths[0].name}: expected {meta.dim} dimensions, {meta.metric} and "
            f"{meta.rescoring}, got {index.dim}, {index.metric} and {index.rescoring}"
        )
    return index


def build_generation(
    store: Store,
    space: int,
    dim: int,
    *,
    applied: int | None,
    threads: int,
    progress: Progress,
    damaged: Callable[[I64], None],
) -> tuple[VectorIndex, Generation]:
    """Write the files of a new generation over a space's vectors, and open them.

    Nothing refers to the files yet. The store stays free: rows are listed once and read in
    short transactions. A row that changes meanwhile is brought up to date by replaying the
    journal, which is kept from the generation's ``seq`` on.

    Parameters
    ----------
    store : Store
        With its ``maintenance`` lock held.
    space, dim : int
    applied : int or None
        The last journal entry the space's vectors contain; None for the newest.
    threads : int
        0 for all cores.
    progress : callable
        An exception it raises ends the work, and the files are removed.
    damaged : callable
        Called with the rows whose vectors are damaged, which are left out.
    """
    with store.read() as txn:
        meta = store.refresh(txn)
        rows = embeddings.rows(txn, space)
    seq = meta.last_seq if applied is None else applied
    try:
        return _build(store, meta, rows, (space, dim, seq), threads, progress)
    except _DamagedVectorError:
        lost = _damaged_rows(store, space, rows, dim)
        damaged(lost)
        rows = np.setdiff1d(rows, lost)
        return _build(store, meta, rows, (space, dim, seq), threads, progress)


class _DamagedVectorError(CorruptFileError):
    """A vector to be built from is damaged."""


def _build(
    store: Store,
    meta: Meta,
    rows: I64,
    what: tuple[int, int, int],
    threads: int,
    progress: Progress,
) -> tuple[VectorIndex, Generation]:
    """Write and open the files over rows of a (space, dim) as of a journal entry."""
    space, dim, seq = what

    def write(graph: Path, stored: Path) -> tuple[SealedFile, SealedFile]:
        return build_files(
            lambda: _blocks(store, space, rows, dim),
            len(rows),
            dim,
            graph,
            stored,
            metric=meta.metric,
            rescoring=meta.rescoring,
            target_recall=wanted_recall(meta),
            threads=threads,
            progress=progress,
        )

    return _written(store, meta, (space, seq, len(rows)), write)


def grow_generation(
    store: Store, growth: Growth, space: int, seq: int, progress: Progress
) -> tuple[VectorIndex, Generation]:
    """Write the files of a new generation that takes in what changed, and open them.

    Parameters
    ----------
    store : Store
        With its ``maintenance`` lock held.
    growth : Growth
        Of what was served after a journal entry.
    space : int
    seq : int
        That entry.
    progress : callable
        An exception it raises ends the work, and the files are removed.
    """

    def write(graph: Path, rows: Path) -> tuple[SealedFile, SealedFile]:
        return growth.write(graph, rows, progress)

    with store.read() as txn:
        meta = store.refresh(txn)
    return _written(store, meta, (space, seq, growth.count), write)


def _written(
    store: Store,
    meta: Meta,
    what: tuple[int, int, int],
    write: Callable[[Path, Path], tuple[SealedFile, SealedFile]],
) -> tuple[VectorIndex, Generation]:
    """Publish and open the files that a function writes, of a (space, entry, number of rows)."""
    space, seq, count = what
    number = meta.next_generation
    paths = generations.index_paths(store.folder, number)
    temporary = generations.temporary(paths[0]), generations.temporary(paths[1])
    try:
        written = write(*temporary)
        files = [generations.publish(p, r) for p, r in zip(paths, written, strict=True)]
        # These bytes were checksummed while they were written, a moment ago.
        index = VectorIndex.open_files(*paths, settings=_search_settings(meta), verify=False)
    except BaseException:
        for path in (*temporary, *paths):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    return index, Generation(number, seq, space, count, files[0], files[1])


def _damaged_rows(store: Store, space: int, rows: I64, dim: int) -> I64:
    """Return the rows whose vectors are damaged: no graph may be built over these."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(rows), _BLOCK_ROWS):
        with store.read() as txn:
            some = embeddings.gather(txn, space, rows[start : start + _BLOCK_ROWS], dim)
        found.append(some.damaged)
    return np.concatenate(found)


def _blocks(store: Store, space: int, rows: I64, dim: int) -> Iterator[tuple[I64, F32]]:
    for start in range(0, len(rows), _BLOCK_ROWS):
        some = rows[start : start + _BLOCK_ROWS]
        with store.read() as txn:
            found = embeddings.gather(txn, space, some, dim)
        if len(found.damaged):
            raise _DamagedVectorError(f"expected sound vectors, got damaged rows {found.damaged}")
        # A row deleted since it was listed still needs its place; replay removes it.
        vectors = np.zeros((len(some), dim), np.float32)
        vectors[:, 0] = 1
        vectors[np.searchsorted(some, found.rows)] = found.vectors
        yield some, vectors


def _search_settings(meta: Meta) -> SearchSettings | None:
    """Return the calibrated settings, if there are any."""
    return None if meta.settings is None else msgspec.convert(meta.settings, SearchSettings)


def wanted_recall(meta: Meta) -> float:
    """Return the highest recall that searches were calibrated to."""
    stored = (meta.settings or {}, meta.text_settings or {})
    return max(TARGET, *(float(one.get("target") or 0) for one in stored))


def _check_identity(path: Path, kind: str, version: int, record: SealedFile) -> None:
    """Check that a file is the one recorded; its content is verified when it is opened.

    Raises
    ------
    CorruptFileError
    """
    file = SectionFile.open(path, kind, version, verify=False)
    got = file.checksum
    file.close()
    if got != record.checksum:
        raise CorruptFileError(f"{path}: expected checksum {record.checksum:08x}, got {got:08x}")
