"""Make a catalogue of an export: title for title, bit for bit.

An import matches and merges rows about one work; an export is restored unchanged instead, into a
new folder.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_callable, check_int, check_path
from tv5core.catalog.copies.backup import BackupReport, checked_copy, restore_backup
from tv5core.catalog.copies.export import EXACT_FIELD, EXPORT, EXPORT_VERSION, Manifest, checksum_of
from tv5core.catalog.copies.snapshot import restore_snapshot
from tv5core.catalog.index.manager import IndexManager
from tv5core.embedding import lsa_model
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.files import SealedFile, SectionFile
from tv5core.object_storage import check_no_url, is_url
from tv5core.recommend import co_consumption
from tv5core.recommend.profiles import SECTION, SECTION_VERSION, encode_profiles
from tv5core.store import Store, embeddings, generations, journal, titles
from tv5core.store.meta import Meta, set_checkpoint
from tv5core.store.sections import put_section
from tv5core.store.staging import kept_bytes, staged
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title

__all__ = ["restore"]

_BLOCK = 1_000
_decoder = msgspec.json.Decoder(Title)


class _Exact(msgspec.Struct):
    tv5_title: str = ""


class _Item(NamedTuple):
    title: Title
    data: bytes
    vector: bytes | None
    pending: bool


def restore(
    source: str | os.PathLike[str],
    dest: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    snapshot: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> BackupReport:
    """Make a catalogue of a backup, an export or a snapshot, after checking all of it.

    Of an export it is equal in titles, vectors, what is pending, checkpoints and settings; the
    graph is built again. From a URL, a restoring that was interrupted leaves what it fetched in
    ``DEST.partial``, and the next one goes on from there.

    Parameters
    ----------
    source : path-like or str
        What ``Catalog.backup`` or ``Catalog.export`` made: a folder, or a URL.
    dest : path-like
        A new or an empty folder; nothing is ever overwritten.
    progress : callable, optional
        As for ``Catalog.backup``.
    snapshot : int, optional
        From a URL: its number; the newest by default.
    storage_options : mapping, optional
        From a URL: as for ``Catalog.backup``.

    Raises
    ------
    NotACatalogError
        There is none of them at ``source``.
    InvalidInputError, CorruptFileError, DiskFullError, DiskFailureError, ObjectStoreError
    """
    into = check_path(dest)
    check_callable("progress", progress)
    if is_url(source):
        number = None if snapshot is None else check_int("snapshot", snapshot, 1)
        report = progress or _ignore
        return restore_snapshot(str(source), into, number, storage_options, report)
    check_no_url("restore", snapshot=snapshot, storage_options=storage_options)
    folder = check_path(source)
    make = restore_export if is_export(folder) else restore_backup
    return make(folder, into, progress or _ignore)


def _ignore(_done: int, _total: int, _stage: str) -> None:
    """Ignore a report of progress."""


def is_export(folder: Path) -> bool:
    """Say whether a folder is an export."""
    return os.path.isfile(folder / EXPORT)  # noqa: PTH113 - False of a name that is too long


def restore_export(source: Path, dest: Path, report: Progress) -> BackupReport:
    """Make a catalogue of an export; see ``Catalog.restore``."""
    manifest = _read_manifest(source)
    with staged(dest) as folder:
        _check_files(source, manifest, report)
        store = Store.open(
            folder,
            create=True,
            read_only=False,
            metric=manifest.metric,
            rescoring=manifest.rescoring,
        )
        try:
            _fill(store, source, manifest, report)
            manager = IndexManager(store, auto_seal=False)
            manager.seal(report)
            manager.close()
        finally:
            store.close()
        checked = checked_copy(folder, report)
        size = kept_bytes(folder)
    return BackupReport(str(dest), checked.get("titles", 0), checked.get("vectors", 0), size)


# -- what is read -------------------------------------------------------------------------


def _read_manifest(source: Path) -> Manifest:
    path = source / EXPORT
    raw = path.read_bytes()
    try:
        version = msgspec.json.decode(raw, type=dict[str, object]).get("tv5_export")
        if isinstance(version, int) and version > EXPORT_VERSION:
            raise FormatVersionError(
                f"{path}: expected an export of version {EXPORT_VERSION} or less, got {version}: "
                "a newer tv5core wrote it"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise CorruptFileError(f"{path}: expected an export's description, got {error}") from error


def _check_files(source: Path, manifest: Manifest, report: Progress) -> None:
    for done, (name, want) in enumerate(sorted(manifest.files.items())):
        report(done, len(manifest.files), "checking files")
        path = source / Path(name).name  # nothing outside the folder
        if not path.is_file():
            raise CorruptFileError(f"{path}: expected {want[0]} bytes, got no file")
        got = checksum_of(path)
        if got != tuple(want):
            raise CorruptFileError(
                f"{path}: expected {want[0]} bytes of checksum {want[1]:08x}, got {got[0]} of "
                f"{got[1]:08x}"
            )


def _items(source: Path, manifest: Manifest) -> Iterator[_Item]:
    """Join the lines with the vectors and marks, which come in the same order."""
    matrix = _matrix(source, manifest)
    with (
        (source / "titles.jsonl").open("rb") as lines,
        (source / "ids.txt").open("rb") as ids,
        (source / "pending.txt").open("rb") as marks,
    ):
        owners, waiting = _Names(ids), _Names(marks)
        for line in lines:
            title, data = _title(line)
            at = owners.take(title.id)
            vector = None if at is None else matrix[at].tobytes()
            yield _Item(title, data, vector, waiting.take(title.id) is not None)
    if owners.left or waiting.left:
        raise CorruptFileError(f"{source}: expected ids in the order of titles, got others")


class _Names:
    """Ids in the order of the titles, taken one by one."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._at = -1
        self._advance()

    def _advance(self) -> None:
        self.left = next(self._lines, b"").rstrip(b"\n").decode()
        self._at += 1

    def take(self, id: str) -> int | None:
        """Return an id's place if it is the next one."""
        if not self.left or self.left != id:
            return None
        at = self._at
        self._advance()
        return at


def _matrix(source: Path, manifest: Manifest) -> npt.NDArray[np.float32]:
    path = source / "vectors.npy"
    try:
        # An empty matrix cannot be mapped.
        matrix = np.load(path, mmap_mode="r" if manifest.vectors else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise CorruptFileError(f"{path}: expected a matrix, got {error}") from error
    want = (manifest.vectors, manifest.dim)
    if matrix.dtype != np.dtype("<f4") or matrix.shape != want:
        raise CorruptFileError(
            f"{path}: expected float32 of shape {want}, got {matrix.dtype} of {matrix.shape}"
        )
    return matrix  # type: ignore[no-any-return]


def _title(line: bytes) -> tuple[Title, bytes]:
    try:
        if EXACT_FIELD.encode() in line:
            exact = msgspec.json.decode(line, type=_Exact).tv5_title
            if exact:
                data = titles.framed(base64.b64decode(exact, validate=True))
                return titles.decode(data), data
        title = _decoder.decode(line)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CorruptFileError(f"expected a title, got {error}") from error
    return title, titles.check_title(title, 0)


# -- what is written ----------------------------------------------------------------------


def _fill(store: Store, source: Path, manifest: Manifest, report: Progress) -> None:
    items, done = _items(source, manifest), 0
    files = _bring_files(store, source, manifest)
    while some := list(islice(items, _BLOCK)):
        store.write(partial(_store, some, manifest))
        done += len(some)
        report(done, manifest.titles, "storing")
    if done != manifest.titles:
        raise CorruptFileError(f"{source}: expected {manifest.titles} titles, got {done}")
    store.write(lambda txn, meta: (_finish(txn, meta, manifest, files), None))


def _store(some: list[_Item], manifest: Manifest, txn: Txn, meta: Meta) -> tuple[Meta, None]:
    vectors: list[int] = []
    others: list[int] = []
    for row, item in enumerate(some, start=meta.next_row):
        if titles.find(txn, item.title.id) is not None:
            raise CorruptFileError(f"expected each id once, got {item.title.id!r} twice")
        titles.put(txn, row, item.data, item.title, None)
        (others if item.vector is None else vectors).append(row)
        if item.vector is not None:
            embeddings.put_bytes(txn, manifest.space, row, item.vector)
        if item.pending:
            titles.set_pending(txn, row, pending=True)
    journal.append(txn, meta.next_seq, vectors, others)
    changes = {"next_row": meta.next_row + len(some), "next_seq": meta.next_seq + 1}
    return msgspec.structs.replace(meta, **changes), None


def _finish(txn: Txn, meta: Meta, manifest: Manifest, files: dict[str, SealedFile]) -> Meta:
    for name, value in manifest.checkpoints.items():
        set_checkpoint(txn, name, base64.b64decode(value))
    if manifest.profiles:
        put_section(txn, SECTION, SECTION_VERSION, encode_profiles(manifest.profiles))
    same = ("dim", "embedder", "space", "fitted_on", "settings", "text_settings", "extra_fields")
    kept = {name: getattr(manifest, name) for name in same}
    return msgspec.structs.replace(meta, **files, **kept)


def _bring_files(store: Store, source: Path, manifest: Manifest) -> dict[str, SealedFile]:
    """Bring what was fitted and learnt; return the files by their fields of the record."""
    model = generations.model_path(store.folder, manifest.space)
    learnt = generations.learnt_path(store.folder, 1)
    wanted = (
        ("model", "embedder.tv5", model, (lsa_model.KIND, lsa_model.VERSION)),
        ("learnt", "learnt.tv5", learnt, (co_consumption.KIND, co_consumption.VERSION)),
    )
    return {
        field: _bring(source / name, path, *kind)
        for field, name, path, kind in wanted
        if name in manifest.files
    }


def _bring(source: Path, path: Path, kind: str, version: int) -> SealedFile:
    temporary = generations.temporary(path)
    temporary.write_bytes(source.read_bytes())
    file = SectionFile.open(temporary, kind, version)
    record = SealedFile(path.name, file.size, file.checksum)
    file.close()
    return generations.publish(path, record)
