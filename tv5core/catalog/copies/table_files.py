"""Titles as one table in a file: Parquet, with vectors if there are any, or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedWriter
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arrow import load_library
from tv5core.catalog.copies.export import ExportReport, replaced_file, stored_titles, stored_vector
from tv5core.errors import DiskFailureError
from tv5core.store import Store, titles
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title

__all__ = ["TABLES", "export_table", "read_table"]

F32 = npt.NDArray[np.float32]
Vectors = tuple[F32, npt.NDArray[np.bool_]]
Rows = tuple[list[Title], Vectors | None]

_STEP = 5_000
_FIELDS = [name for name in Title.__struct_fields__ if name != "extra"]


def export_table(store: Store, dest: Path, report: Progress) -> ExportReport:
    """Write every title to a file, by its suffix; it appears whole or not at all."""
    with replaced_file(dest) as file:
        counts = TABLES[dest.suffix](store, file, report)
        size = file.tell()
    return ExportReport(str(dest), *counts, 0, size)


def read_table(store: Store, report: Progress, *, vectors: bool) -> Any:
    """Return every title as a ``pyarrow.Table``."""
    pa = load_library("pyarrow")
    from tv5core.arrow.writing import titles_batch

    with store.read() as txn:
        own = store.refresh(txn).extra_fields
        rows = _rows(store, txn, report, vectors=vectors)
        batches = [titles_batch(some, own, given) for some, given in rows]
    return pa.Table.from_batches(batches or [titles_batch([], own)])


def _rows(store: Store, txn: Txn, report: Progress, *, vectors: bool) -> Iterator[Rows]:
    """Yield titles, and their vectors where they are wanted and there are any."""
    meta, total = store.refresh(txn), titles.count(txn)
    found, done, with_vectors = stored_titles(txn), 0, vectors and bool(meta.dim)
    while some := list(islice(found, _STEP)):
        rows = [row for row, _, _ in some]
        yield [title for _, title, _ in some], _matrix(txn, meta, rows) if with_vectors else None
        done += len(some)
        report(done, total, "exporting")


def _matrix(txn: Txn, meta: Meta, rows: list[int]) -> Vectors:
    matrix, has = np.zeros((len(rows), meta.dim), np.float32), np.zeros(len(rows), np.bool_)
    for place, row in enumerate(rows):
        vector = stored_vector(txn, meta, row)
        if vector is not None:
            matrix[place], has[place] = np.frombuffer(vector, "<f4"), True
    return matrix, has


# -- Parquet ------------------------------------------------------------------------------


def _parquet(store: Store, file: BufferedWriter, report: Progress) -> tuple[int, int]:
    pa = load_library("pyarrow")
    from pyarrow import parquet

    from tv5core.arrow.schema import title_schema
    from tv5core.arrow.writing import titles_batch, vectors_field

    count = having = 0
    with store.read() as txn:
        meta = store.refresh(txn)
        schema = title_schema(meta.extra_fields)
        if meta.dim:
            schema = schema.append(vectors_field(meta.dim))
        with _as_disk_errors(pa), parquet.ParquetWriter(file, schema) as table:
            for some, vectors in _rows(store, txn, report, vectors=True):
                table.write_batch(titles_batch(some, meta.extra_fields, vectors))
                count += len(some)
                having += 0 if vectors is None else int(vectors[1].sum())
    return count, having


@contextmanager
def _as_disk_errors(pa: Any) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise DiskFailureError(f"expected to write a table, got: {error}") from error


# -- CSV ----------------------------------------------------------------------------------


def _csv(store: Store, file: BufferedWriter, report: Progress) -> tuple[int, int]:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        return _write_csv(store, csv.writer(text), report), 0
    finally:
        text.detach()  # which flushes it, and leaves the file open


def _write_csv(store: Store, writer: Any, report: Progress) -> int:
    count = 0
    with store.read() as txn:
        own = sorted(store.refresh(txn).extra_fields)
        writer.writerow([*_FIELDS, *(f"extra.{name}" for name in own)])
        for some, _ in _rows(store, txn, report, vectors=False):
            for title in some:
                cells = [_cell(getattr(title, name)) for name in _FIELDS]
                writer.writerow([*cells, *(_cell(title.extra.get(name)) for name in own)])
            count += len(some)
    return count


def _cell(value: Any) -> str:
    """Return a value as text: lists and structures as JSON, what is empty as nothing."""
    if value is None or (not value and isinstance(value, tuple | dict)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return msgspec.json.encode(value).decode()


TABLES: dict[str, Callable[[Store, BufferedWriter, Progress], tuple[int, int]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
}
"""What writes a file, by its suffix."""
