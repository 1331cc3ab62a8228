"""Names and housekeeping of the files beside LMDB."""

from __future__ import annotations

import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import msgspec

from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, replace_durably
from tv5core.files.failpoints import failpoint
from tv5core.store.meta import Meta
from tv5core.store.records import Generation

__all__ = [
    "check_sizes",
    "document_paths",
    "file_names",
    "file_sizes",
    "index_paths",
    "is_ours",
    "learnt_path",
    "model_path",
    "publish",
    "remove",
    "remove_orphans",
    "sealed_files",
    "temporary",
    "with_documents",
    "with_newest",
]

_OURS = re.compile(r"(graph|rows|words|columns|lsa|learnt)\.\d{6,}\.tv5(\.tmp)?")
_SCRATCH = re.compile(r"\.sealing-.*")  # what a killed sealing leaves
KEPT = 2
"""Generations kept: the newest, and one to fall back on."""


def index_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Name the graph and rows files of a generation."""
    return folder / f"graph.{number:06d}.tv5", folder / f"rows.{number:06d}.tv5"


def document_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Name the columns and words files of a generation."""
    return folder / f"columns.{number:06d}.tv5", folder / f"words.{number:06d}.tv5"


def model_path(folder: Path, space: int) -> Path:
    """Name the fitted embedder of a space."""
    return folder / f"lsa.{space:06d}.tv5"


def learnt_path(folder: Path, number: int) -> Path:
    """Name what was learnt from interactions for the n-th time."""
    return folder / f"learnt.{number:06d}.tv5"


def temporary(path: Path) -> Path:
    """Name the file to write before it becomes ``path``."""
    return path.with_name(path.name + ".tmp")


def publish(path: Path, record: SealedFile) -> SealedFile:
    """Give a written and synced temporary file its final name; return its record."""
    replace_durably(temporary(path), path)
    failpoint("file: renamed")
    return SealedFile(path.name, record.size, record.checksum)


def check_sizes(folder: Path, records: tuple[SealedFile, ...]) -> None:
    """Check that files exist and have the recorded sizes.

    Raises
    ------
    CorruptFileError
    """
    for record in records:
        path = folder / record.name
        size = path.stat().st_size if path.is_file() else None
        if size != record.size:
            got = "no file" if size is None else f"{size} bytes"
            raise CorruptFileError(f"{path}: expected {record.size} bytes, got {got}")


def sealed_files(meta: Meta) -> tuple[SealedFile, ...]:
    """Return every file the catalogue needs."""
    single = tuple(file for file in (meta.model, meta.learnt) if file is not None)
    return single + tuple(dict.fromkeys(file for g in meta.all_generations for file in g.files))


def file_names(meta: Meta) -> set[str]:
    """Return the names of every file the catalogue needs."""
    return {record.name for record in sealed_files(meta)}


def with_documents(
    generation: Generation, columns: SealedFile, words: SealedFile, seq: int
) -> Generation:
    """Return a generation with files of documents, which contain the journal up to an entry."""
    return msgspec.structs.replace(generation, columns=columns, words=words, documents_seq=seq)


def with_newest(meta: Meta, newest: Generation) -> tuple[Generation, ...]:
    """Return the generations to keep when another is added."""
    older = tuple(g for g in meta.all_generations if g.space == newest.space)
    return (newest, *older)[:KEPT]


def is_ours(name: str) -> bool:
    """Return whether a file's name is one tv5core gives."""
    return bool(_OURS.fullmatch(name) or _SCRATCH.fullmatch(name))


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of a folder's files by name, sorted; others may remove some meanwhile."""
    sizes = {}
    for path in sorted(folder.iterdir()):
        with suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                sizes[path.name] = status.st_size
    return sizes


def remove(folder: Path, generation: Generation, meta: Meta) -> None:
    """Remove the files of a generation that was not recorded, but for those it shares."""
    needed = file_names(meta)
    for record in generation.files:
        if record.name not in needed:
            with suppress(OSError):
                (folder / record.name).unlink(missing_ok=True)


def remove_orphans(folder: Path, meta: Meta) -> list[str]:
    """Remove our files that the record does not name; return their names.

    Only the writer may, and not while it seals.
    """
    needed = file_names(meta)
    orphans = [p for p in sorted(folder.iterdir()) if is_ours(p.name) and p.name not in needed]
    for path in orphans:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return [path.name for path in orphans]
