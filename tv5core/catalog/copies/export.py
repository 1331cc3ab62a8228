"""Exports: every title as a line of JSON, and beside them all else that makes an equal catalogue.

An export is a folder::

    titles.jsonl   one title a line, oldest first, as ``tv5 import`` reads it too
    ids.txt        ids of the titles that have a vector, one a line, in the same order
    vectors.npy    float32[n, dim], row i of the i-th of these ids
    pending.txt    ids of the titles that wait to be embedded, in the same order
    embedder.tv5   the fitted embedder, where the catalogue keeps one
    learnt.tv5     what was learnt from interactions, if anything
    export.json    what else there is to know, with sizes and checksums; written last

All of it is read in one transaction, which stays open meanwhile, so a writer at work makes the
store grow by about what it writes; searches do not wait.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from tv5core.catalog.recommending.stored_profiles import stored_profiles
from tv5core.errors import CorruptFileError
from tv5core.files import disk_errors, replace_durably
from tv5core.recommend import Profile
from tv5core.store import Store, embeddings, titles
from tv5core.store.meta import Meta, checkpoints
from tv5core.store.staging import staged
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title

__all__ = [
    "EXPORT",
    "EXPORT_VERSION",
    "ExportReport",
    "Manifest",
    "export_folder",
    "export_lines",
    "export_titles",
    "replaced_file",
    "stored_titles",
    "stored_vector",
    "title_line",
]

EXPORT = "export.json"
EXPORT_VERSION = 1
EXACT_FIELD = "tv5_title"
"""Beside a title's fields where JSON cannot hold them exactly: the bytes stored, in base64."""

_STEP = 1_000
_json = msgspec.json.Encoder()
_from_json = msgspec.json.Decoder(Title)


class ExportReport(msgspec.Struct, frozen=True):
    """What was exported.

    Attributes
    ----------
    path : str
    titles, vectors, pending : int
    bytes : int
        Of all files.
    """

    path: str
    titles: int
    vectors: int
    pending: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``export.json`` holds.

    Attributes
    ----------
    tv5_export : int
        Version of the export's format.
    titles, vectors, pending : int
    metric, rescoring, dim, embedder, space, fitted_on, settings, text_settings, extra_fields
        As in the catalogue's record.
    checkpoints : dict of str to str
        Values in base64.
    profiles : dict of str to Profile
        Those that are stored.
    files : dict of str to [int, int]
        Size and CRC-32 by name.
    """

    tv5_export: int
    titles: int
    vectors: int
    pending: int
    metric: str
    rescoring: str
    dim: int
    embedder: str
    space: int
    fitted_on: int
    settings: dict[str, Any] | None
    text_settings: dict[str, Any] | None
    checkpoints: dict[str, str]
    files: dict[str, tuple[int, int]]
    extra_fields: dict[str, str] = {}
    profiles: dict[str, Profile] = {}


# -- titles alone -------------------------------------------------------------------------


def export_lines(store: Store, write: Callable[[bytes], object], report: Progress) -> int:
    """Write every title as a line of JSON; return how many."""
    done = 0
    with store.read() as txn:
        total = titles.count(txn)
        for _, title, body in stored_titles(txn):
            write(title_line(title, body))
            done += 1
            if not done % _STEP:
                report(done, total, "exporting")
    report(done, total, "exporting")
    return done


def export_titles(store: Store, dest: Path, report: Progress) -> ExportReport:
    """Write every title to one file of JSON Lines, which appears whole or not at all."""
    with replaced_file(dest) as file:
        count = export_lines(store, file.write, report)
        size = file.tell()
    return ExportReport(str(dest), count, 0, 0, size)


@contextmanager
def replaced_file(dest: Path) -> Iterator[BufferedWriter]:
    """Yield a file that replaces ``dest``, durably, where nothing is raised."""
    partial, process = dest.with_name(dest.name + ".partial"), os.getpid()
    try:
        with disk_errors(dest), _opened(partial) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace_durably(partial, dest)
    except BaseException:
        if os.getpid() == process:
            partial.unlink(missing_ok=True)
        raise


def _opened(path: Path) -> BufferedWriter:
    raw: Any = _ParentsFile(path)
    return BufferedWriter(raw)


class _ParentsFile(io.FileIO):
    """A new file; what a child that was forked meanwhile writes to it is dropped."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self._process = os.getpid()

    def write(self, data: Any) -> int:
        if os.getpid() == self._process:
            return super().write(data)
        return memoryview(data).nbytes


def _is_left_to_parent(file: BufferedWriter, process: int) -> bool:
    """Close a file, without writing what it buffers, in a child that was forked meanwhile."""
    if os.getpid() == process:
        return False
    file.raw.close()
    return True


def stored_titles(txn: Txn) -> Iterator[tuple[int, Title, bytes]]:
    """Yield the row of each title, itself, and the bytes it is stored as."""
    with txn.raw.cursor(txn.dbs.titles) as cursor:
        for key, value in cursor:
            row, data = int.from_bytes(key, "big"), bytes(value)
            try:
                title = titles.decode(data)
            except CorruptFileError as error:
                raise CorruptFileError(
                    f"row {row}: {error}; repair the catalogue with a quarantine first"
                ) from error
            yield row, title, titles.body(data)


def title_line(title: Title, body: bytes) -> bytes:
    """Encode a title so that decoding it gives the bytes stored, and check that it does.

    JSON has no infinity, and a newer tv5core's fields are unknown here.
    """
    line = _json.encode(title)
    try:
        exact = titles.body(titles.encode(_from_json.decode(line))) == body
    except msgspec.ValidationError:
        exact = False
    if not exact:
        kept = base64.b64encode(body).decode("ascii")
        line = _json.encode({**msgspec.to_builtins(title), EXACT_FIELD: kept})
    return line + b"\n"


# -- everything ---------------------------------------------------------------------------


def export_folder(store: Store, dest: Path, report: Progress) -> ExportReport:
    """Write a whole export, which appears under its name when all of it is on disk."""
    with staged(dest) as folder, disk_errors(dest):
        with store.read() as txn:
            meta = store.refresh(txn)
            counts, files = _write_all(store, txn, meta, folder, report)
            manifest = _manifest(txn, meta, counts, files)
        data = msgspec.json.format(_json.encode(manifest))
        (folder / EXPORT).write_bytes(data + b"\n")
    size = len(data) + 1 + sum(size for size, _ in files.values())
    return ExportReport(str(dest), *counts, size)


def _write_all(
    store: Store, txn: Txn, meta: Meta, folder: Path, report: Progress
) -> tuple[tuple[int, int, int], dict[str, tuple[int, int]]]:
    files: dict[str, tuple[int, int]] = {}
    for name, record in (("embedder.tv5", meta.model), ("learnt.tv5", meta.learnt)):
        if record is not None:  # first: a writer may replace it
            shutil.copyfile(store.folder / record.name, folder / name)
            files[name] = checksum_of(folder / name)
    with ExitStack() as stack:
        lines, ids, pending = (
            stack.enter_context(_Out(folder / name, files))
            for name in ("titles.jsonl", "ids.txt", "pending.txt")
        )
        vectors = stack.enter_context(_Matrix(folder / "vectors.npy", meta.dim, files))
        total, done, waiting = titles.count(txn), 0, 0
        for row, title, body in stored_titles(txn):
            lines.write(title_line(title, body))
            vector = stored_vector(txn, meta, row)
            if vector is not None:
                ids.write(title.id.encode() + b"\n")
                vectors.write(vector)
            if titles.is_pending(txn, row):
                pending.write(title.id.encode() + b"\n")
                waiting += 1
            done += 1
            if not done % _STEP:
                report(done, total, "exporting")
    report(done, total, "exporting")
    return (done, vectors.count, waiting), files


def stored_vector(txn: Txn, meta: Meta, row: int) -> bytes | None:
    """Return a row's vector as the bytes of its float32, or None."""
    stored = embeddings.bytes_of(txn, meta.space, row)
    if stored is None:
        return None
    if wrong := embeddings.problem(meta.space, row, stored, meta.dim):
        raise CorruptFileError(f"row {row}: {wrong}; repair the catalogue first")
    return embeddings.vector_bytes(stored, meta.dim)


class _Out:
    """A file that is checksummed as it is written."""

    def __init__(self, path: Path, files: dict[str, tuple[int, int]]) -> None:
        self._path, self._files, self._process = path, files, os.getpid()
        self._file: BufferedWriter = path.open("wb")
        self._crc = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if _is_left_to_parent(self._file, self._process):
            return
        size = self._file.tell()
        self._file.close()
        self._files[self._path.name] = size, self._crc


class _Matrix:
    """A ``.npy`` file of float32 rows, whose number is patched in at the end."""

    def __init__(self, path: Path, dim: int, files: dict[str, tuple[int, int]]) -> None:
        self._path, self._dim, self._files = path, dim, files
        self._process = os.getpid()
        self._file: BufferedWriter = path.open("wb")
        self._file.write(_header(0, dim))
        self.count = 0

    def write(self, vector: bytes) -> None:
        self._file.write(vector)
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if _is_left_to_parent(self._file, self._process):
            return
        self._file.seek(0)
        self._file.write(_header(self.count, self._dim))
        self._file.close()
        self._files[self._path.name] = checksum_of(self._path)


def _header(count: int, dim: int) -> bytes:
    """Make the header for a matrix; numpy leaves room in it for any number of rows."""
    to = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(to, shape)
    return to.getvalue()


def checksum_of(path: Path) -> tuple[int, int]:
    """Return a file's size and CRC-32."""
    size = crc = 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            crc, size = zlib.crc32(data, crc), size + len(data)
    return size, crc


def _manifest(
    txn: Txn, meta: Meta, counts: tuple[int, int, int], files: dict[str, tuple[int, int]]
) -> Manifest:
    kept = {k: base64.b64encode(v).decode("ascii") for k, v in checkpoints(txn)}
    return Manifest(
        tv5_export=EXPORT_VERSION,
        titles=counts[0],
        vectors=counts[1],
        pending=counts[2],
        metric=meta.metric,
        rescoring=meta.rescoring,
        dim=meta.dim,
        embedder=meta.embedder,
        space=meta.space,
        fitted_on=meta.fitted_on,
        settings=meta.settings,
        text_settings=meta.text_settings,
        checkpoints=kept,
        files=files,
        extra_fields=meta.extra_fields,
        profiles=stored_profiles(txn),
    )
