"""A stand-alone index in a folder: sealed files by generation and a manifest that names them.

The manifest (``index.json``) is replaced atomically after the files it names are durable, so a
crash leaves the previous index or the new one. Files that it does not name are left from a crash;
the next sealing removes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from tv5core.errors import CorruptFileError, FormatVersionError, NotACatalogError
from tv5core.files import SealedFile, fsync_folder, write_durably
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.sealing import BuildOptions
from tv5core.vectors.settings import SearchSettings

__all__ = [
    "TEMPORARY",
    "Manifest",
    "claim",
    "open_sealed",
    "paths",
    "publish",
    "read_manifest",
    "write_manifest",
]

_VERSION = 1
_NAME = "index.json"
_FORMAT = "tv5core vector index"
TEMPORARY = ".tv5-"
"""Prefix of the folders in which files are written."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``index.json`` holds."""

    format: str = _FORMAT
    version: int = _VERSION
    generation: int = 0
    dim: int
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
    """
    path = folder / _NAME
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotACatalogError(f"expected a vector index in {folder}, got no {_NAME}") from error
    try:
        head = msgspec.json.decode(raw, type=dict[str, object])
        version = head.get("version")
        if isinstance(version, int) and version > _VERSION:
            raise FormatVersionError(f"{path}: expected version {_VERSION} or less, got {version}")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path}: expected an index manifest, got {error}") from error
    if manifest.format != _FORMAT:
        raise CorruptFileError(f"{path}: expected an index manifest, got {manifest.format!r}")
    return manifest


def claim(folder: Path, manifest: Manifest) -> Manifest:
    """Make the folder for a new index, or take over the index that is there.

    Returns
    -------
    Manifest
        The given one, with the generation of the index that is there.

    Raises
    ------
    NotACatalogError
        The folder holds something else; it is left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        return manifest
    return msgspec.structs.replace(manifest, generation=read_manifest(folder).generation)


def open_sealed(folder: Path, manifest: Manifest) -> SealedGraph | None:
    """Map the files the manifest names, if any, after checking that they are those."""
    if manifest.graph is None or manifest.rows is None:
        return None
    records = (manifest.graph, manifest.rows)
    files = paths(folder, manifest.generation)
    for path, record in zip(files, records, strict=True):
        size = path.stat().st_size if path.is_file() else None
        if size != record.size:
            raise CorruptFileError(f"{path}: expected {record.size} bytes, got {size or 'no file'}")
    sealed = SealedGraph.open(*files)
    rows = sealed.rows.values
    want = (*(record.checksum for record in records), manifest.dim, manifest.rescoring)
    got = (*sealed.checksums, rows.shape[1], rows.dtype.name)
    if (*want, manifest.metric) != (*got, sealed.metric.name):
        raise CorruptFileError(f"{folder}: expected files of {want}, got {got}")
    return sealed


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically and durably."""
    write_durably(folder / _NAME, msgspec.json.format(msgspec.json.encode(manifest)))


def publish(folder: Path, manifest: Manifest, temporary: tuple[Path, Path] | None = None) -> None:
    """Rename written files, replace the manifest, then remove the files it no longer names."""
    if temporary is not None:
        for source, final in zip(temporary, paths(folder, manifest.generation), strict=True):
            source.rename(final)
        fsync_folder(folder)
    write_manifest(folder, manifest)
    _clean(folder, manifest, () if temporary is None else {temporary[0].parent})


def _clean(folder: Path, manifest: Manifest, in_use: Collection[Path]) -> None:
    """Remove files of earlier generations and of crashes."""
    keep = paths(folder, manifest.generation)
    for pattern in ("graph.*.tv5", "rows.*.tv5"):
        for path in folder.glob(pattern):
            if path not in keep:
                path.unlink(missing_ok=True)
    for path in folder.glob(f"{TEMPORARY}*"):
        if path not in in_use:
            shutil.rmtree(path, ignore_errors=True)
