"""Titles as one table in a file: Parquet, with vectors if there are any, or CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arrow import load_pyarrow
from tv5core.catalog.copies.export import ExportReport, replaced_file, stored_titles, stored_vector
from tv5core.errors import DiskFailureError
from tv5core.store import Store, titles
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
    with replaced_file(dest) as path:
        counts = TABLES[dest.suffix](store, path, report)
        size = path.stat().st_size
    return ExportReport(str(dest), *counts, 0, size)


def read_table(store: Store, report: Progress, *, vectors: bool) -> Any:
    """Return every title as a ``pyarrow.Table``."""
    pa = load_pyarrow()
    from tv5core.arrow.writing import titles_batch

    with store.read() as txn:
        own = store.refresh(txn).extra_fields
        rows = _rows(store, txn, report, vectors=vectors)
        batches = [titles_batch(some, own, given) for some, given in rows]
    return pa.Table.from_batches(batches or [titles_batch([], own)])


def _rows(store: Store, txn: Txn, report: Progress, *, vectors: bool) -> Iterator[Rows]:
    """Yield titles, and their vectors where they are wanted and there are any."""
    meta, total = store.refresh(txn), titles.count(txn)
    some: list[tuple[Title, bytes | None]] = []
    done, with_vectors = 0, vectors and bool(meta.dim)
    for row, _, title in stored_titles(txn):
        some.append((title, stored_vector(txn, meta, row) if with_vectors else None))
        if len(some) == _STEP:
            yield [title for title, _ in some], _matrix(some, meta.dim) if with_vectors else None
            done += len(some)
            report(done, total, "exporting")
            some = []
    if some:
        yield [title for title, _ in some], _matrix(some, meta.dim) if with_vectors else None
    report(total, total, "exporting")


def _matrix(some: list[tuple[Title, bytes | None]], dim: int) -> Vectors:
    matrix, has = np.zeros((len(some), dim), np.float32), np.zeros(len(some), np.bool_)
    for place, (_, vector) in enumerate(some):
        if vector is not None:
            matrix[place], has[place] = np.frombuffer(vector, "<f4"), True
    return matrix, has


# -- Parquet ------------------------------------------------------------------------------


def _parquet(store: Store, path: Path, report: Progress) -> tuple[int, int]:
    pa = load_pyarrow()
    from pyarrow import parquet

    from tv5core.arrow.schema import title_schema
    from tv5core.arrow.writing import titles_batch, vectors_field

    count = having = 0
    with store.read() as txn:
        meta = store.refresh(txn)
        schema = title_schema(meta.extra_fields)
        if meta.dim:
            schema = schema.append(vectors_field(meta.dim))
        with _as_disk_errors(pa, path), parquet.ParquetWriter(path, schema) as file:
            for some, vectors in _rows(store, txn, report, vectors=True):
                file.write_batch(titles_batch(some, meta.extra_fields, vectors))
                count += len(some)
                having += 0 if vectors is None else int(vectors[1].sum())
    _sync(path)
    return count, having


@contextmanager
def _as_disk_errors(pa: Any, path: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise DiskFailureError(f"{path}: expected to write a table, got: {error}") from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


# -- CSV ----------------------------------------------------------------------------------


def _csv(store: Store, path: Path, report: Progress) -> tuple[int, int]:
    count = 0
    with store.read() as txn, path.open("w", encoding="utf-8", newline="") as file:
        own = sorted(store.refresh(txn).extra_fields)
        writer = csv.writer(file)
        writer.writerow([*_FIELDS, *(f"extra.{name}" for name in own)])
        for some, _ in _rows(store, txn, report, vectors=False):
            for title in some:
                cells = [_cell(getattr(title, name)) for name in _FIELDS]
                writer.writerow([*cells, *(_cell(title.extra.get(name)) for name in own)])
            count += len(some)
        file.flush()
        os.fsync(file.fileno())
    return count, 0


def _cell(value: Any) -> str:
    """Return a value as text: lists and structures as JSON, what is empty as nothing."""
    if value is None or (not value and isinstance(value, tuple | dict)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return msgspec.json.encode(value).decode()


TABLES: dict[str, Callable[[Store, Path, Progress], tuple[int, int]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
}
"""What writes a file, by its suffix."""
