"""A stand-alone index in a folder: sealed files by generation and a manifest that names them.

The manifest (``index.json``) is replaced atomically after the files it names are durable, so a
crash leaves the previous index or the new one. Files that it does not name are left from a crash;
the next writer removes them. There is one at a time: it holds ``writer.lock``. Readers take no
lock; one that finds files gone reads the manifest again, which names others by then.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tv5core.errors import CatalogError, CorruptFileError, FormatVersionError, NotACatalogError
from tv5core.files import (
    SealedFile,
    disk_errors,
    fsync_folder,
    make_folder_durably,
    write_durably,
)
from tv5core.files.locking import LOCK_NAME, WriterLock
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.metric import Metric
from tv5core.vectors.sealing import BuildOptions
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import check_dim, check_rescoring

__all__ = [
    "TEMPORARY",
    "Manifest",
    "claim",
    "folder_errors",
    "open_reader",
    "open_writer",
    "paths",
    "present_manifest",
    "publish",
    "read_manifest",
    "temporary",
    "write_manifest",
]

_VERSION = 1
_NAME = "index.json"
_FORMAT = "tv5core vector index"
TEMPORARY = ".tv5-"
"""Prefix of the folders in which files are written."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``index.json`` holds; ``given_dim`` is 0 where vectors are kept whole."""

    format: str = _FORMAT
    version: int = _VERSION
    generation: int = 0
    dim: int
    given_dim: int = 0
    metric: str
    rescoring: str
    settings: SearchSettings
    options: BuildOptions
    graph: SealedFile | None = None
    rows: SealedFile | None = None


def paths(folder: Path, generation: int) -> tuple[Path, Path]:
    """Name the graph and rows files of a generation."""
    return folder / f"graph.{generation:06d}.tv5", folder / f"rows.{generation:06d}.tv5"


def read_manifest(folder: Path) -> Manifest:
    """Read and validate the manifest.

    Raises
    ------
    NotACatalogError
        The folder holds no index.
    CorruptFileError, FormatVersionError
        The manifest is damaged, or of a newer tv5core.
    CatalogError
        It cannot be read.
    """
    path = folder / _NAME
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotACatalogError(f"expected a vector index in {folder}, got no {_NAME}") from error
    except IsADirectoryError as error:
        raise CorruptFileError(f"{path}: expected an index manifest, got a folder") from error
    except OSError as error:
        raise CatalogError(f"{path}: expected a file to read, got {error.strerror}") from error
    try:
        return _decoded(raw)
    except FormatVersionError as error:
        raise FormatVersionError(f"{path}: {error}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path}: expected an index manifest, got {error}") from error


def _decoded(raw: bytes) -> Manifest:
    head = msgspec.json.decode(raw, type=dict[str, object])
    version = head.get("version")
    if isinstance(version, int) and version > _VERSION:
        raise FormatVersionError(f"expected version {_VERSION} or less, got {version}")
    manifest = msgspec.json.decode(raw, type=Manifest)
    if manifest.format != _FORMAT or manifest.generation < 0:
        raise ValueError(f"{manifest.format!r} of generation {manifest.generation}")
    if manifest.given_dim and manifest.given_dim <= manifest.dim:
        raise ValueError(f"{manifest.dim} dimensions of {manifest.given_dim}")
    check_dim(manifest.dim)
    check_rescoring(manifest.rescoring)
    Metric.named(manifest.metric)
    return manifest


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Raise errors of tv5core where a folder cannot be made, read or written.

    Raises
    ------
    DiskFullError, DiskFailureError, CatalogError
    """
    try:
        with disk_errors(folder):
            yield
    except OSError as error:
        raise CatalogError(
            f"{folder}: expected to read and write files there, got {error.strerror}"
        ) from error


@contextmanager
def temporary(folder: Path | None) -> Iterator[Path]:
    """Make a folder for files that are not published yet, in the system's for None."""
    where = Path(tempfile.gettempdir()) if folder is None else folder
    with folder_errors(where):
        made = tempfile.TemporaryDirectory(dir=where, prefix=TEMPORARY, ignore_cleanup_errors=True)
    with made as name:
        yield Path(name)


def claim(folder: Path, manifest: Manifest) -> tuple[WriterLock, Manifest]:
    """Make the folder for a new index, or take over the index that is there, as its only writer.

    Returns
    -------
    WriterLock
        Held; what earlier writers left unfinished is removed.
    Manifest
        The given one, with the generation of the index that is there.

    Raises
    ------
    NotACatalogError
        The folder holds something else; it is left alone.
    CatalogLockedError
        Another writer holds it.
    DiskFullError, DiskFailureError, CatalogError
        It cannot be made or written.
    """
    with folder_errors(folder):
        make_folder_durably(folder)
        present_manifest(folder)
        lock = WriterLock(folder)
        try:
            present = present_manifest(folder)
            _clean(folder, present)
        except BaseException:
            lock.release()
            raise
    generation = 0 if present is None else present.generation
    return lock, msgspec.structs.replace(manifest, generation=generation)


def present_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of the index that is there, None where there is nothing but leftovers.

    A first build that was killed leaves temporaries and, at most, files of generation 1.

    Raises
    ------
    NotACatalogError, CorruptFileError, FormatVersionError, CatalogError
        There is something else, or an index that cannot be read.
    """
    names = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)}
    left = {LOCK_NAME, f"{_NAME}.tmp", *(path.name for path in paths(folder, 1))}
    return None if names <= left else read_manifest(folder)


def open_writer(folder: Path) -> tuple[WriterLock, Manifest, SealedGraph | None]:
    """Become the writer of the index that is there, and map its files.

    Raises
    ------
    NotACatalogError, CatalogLockedError, CorruptFileError, FormatVersionError, CatalogError
    """
    read_manifest(folder)  # before a lock is left in a folder that holds no index
    lock = WriterLock(folder)
    try:
        manifest = read_manifest(folder)
        graph = _open_sealed(folder, manifest)
        with folder_errors(folder):
            _clean(folder, manifest)
    except BaseException:
        lock.release()
        raise
    return lock, manifest, graph


def open_reader(folder: Path, *, rows_later: bool = False) -> tuple[Manifest, SealedGraph | None]:
    """Map the files of the index that is there, also while a writer replaces them.

    ``rows_later`` is that of :meth:`SealedGraph.open`.

    Raises
    ------
    NotACatalogError, CorruptFileError, FormatVersionError, CatalogError
    """
    while True:
        manifest = read_manifest(folder)
        try:
            return manifest, _open_sealed(folder, manifest, rows_later=rows_later)
        except (CorruptFileError, CatalogError):
            # A writer removes files only after it has replaced the manifest that named them, so
            # they were lost or damaged where that is still the same.
            if read_manifest(folder) == manifest:
                raise


def _open_sealed(
    folder: Path, manifest: Manifest, *, rows_later: bool = False
) -> SealedGraph | None:
    """Map the files the manifest names, if any, after checking that they are those."""
    if manifest.graph is None or manifest.rows is None:
        return None
    records = (manifest.graph, manifest.rows)
    files = paths(folder, manifest.generation)
    try:
        for path, record in zip(files, records, strict=True):
            _check_size(path, record)
        sealed = SealedGraph.open(*files, rows_later=rows_later)
    except FileNotFoundError as error:
        raise CorruptFileError(f"{error.filename}: expected a file, got none") from error
    except OSError as error:
        raise CatalogError(f"{folder}: expected files to read, got {error.strerror}") from error
    rows = sealed.rows.values
    want = (*(record.checksum for record in records), manifest.dim, manifest.rescoring)
    got = (*sealed.checksums, rows.shape[1], sealed.rescoring)
    if (*want, manifest.metric) != (*got, sealed.metric.name):
        raise CorruptFileError(f"{folder}: expected files of {want}, got {got}")
    return sealed


def _check_size(path: Path, record: SealedFile) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != record.size:
        raise CorruptFileError(f"{path}: expected {record.size} bytes, got {size or 'no file'}")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically and durably."""
    with folder_errors(folder):
        write_durably(folder / _NAME, msgspec.json.format(msgspec.json.encode(manifest)))


def publish(folder: Path, manifest: Manifest, temporary: tuple[Path, Path] | None = None) -> None:
    """Rename written files, replace the manifest, then remove the files it no longer names."""
    with folder_errors(folder):
        if temporary is not None:
            for source, final in zip(temporary, paths(folder, manifest.generation), strict=True):
                source.rename(final)
            fsync_folder(folder)
        write_manifest(folder, manifest)
        _clean(folder, manifest, () if temporary is None else {temporary[0].parent})


def _clean(folder: Path, manifest: Manifest | None, in_use: Collection[Path] = ()) -> None:
    """Remove files that a manifest does not name: of earlier generations, and of crashes."""
    named = manifest is not None and manifest.graph is not None
    keep = paths(folder, manifest.generation) if manifest is not None and named else ()
    for pattern in ("graph.*.tv5", "rows.*.tv5", f"{_NAME}.tmp"):
        for path in folder.glob(pattern):
            if path not in keep:
                path.unlink(missing_ok=True)
    for path in folder.glob(f"{TEMPORARY}*"):
        if path not in in_use:
            shutil.rmtree(path, ignore_errors=True)
