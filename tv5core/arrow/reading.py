"""Titles and vectors of a table, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as kinds

from tv5core.arguments import shown
from tv5core.arrow.cells import cell_of
from tv5core.arrow.columns import Column, Layout
from tv5core.errors import InvalidInputError
from tv5core.types import Title

__all__ = ["batches_of", "open_table"]

F32 = npt.NDArray[np.float32]
Floats = npt.NDArray[Any]

_BATCH = 10_000
_FAULTS_SHOWN = 5


def open_table(given: object) -> Any:
    """Return a ``pyarrow.RecordBatchReader`` of a table.

    Parameters
    ----------
    given : object with ``__arrow_c_stream__`` or ``__arrow_c_array__``, mapping, or sequence
        Such as a table of pyarrow, polars, pandas or DuckDB; columns by name; or rows as dicts.

    Raises
    ------
    InvalidInputError
        It is none of these.
    """
    try:
        if hasattr(given, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(given)
        if hasattr(given, "__arrow_c_array__"):
            return pa.Table.from_batches([pa.record_batch(given)]).to_reader()
        if isinstance(given, Mapping):
            return pa.table({name: _column(each) for name, each in given.items()}).to_reader()
        if _is_rows(given):
            return pa.Table.from_pylist(list(given)).to_reader()  # type: ignore[call-overload]
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"expected a table, got one that Arrow refuses: {error}") from None
    raise InvalidInputError(
        "expected an object with __arrow_c_stream__, columns by name, or rows as dicts, got "
        f"{shown(given)}"
    )


def _is_rows(given: object) -> bool:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        return False
    return all(isinstance(row, Mapping) for row in given)


def _column(given: Any) -> Any:
    """Return a column; a matrix is one of vectors."""
    if isinstance(given, np.ndarray) and given.ndim == 2:
        flat = pa.array(np.ascontiguousarray(given).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, given.shape[1])
    return given


def batches_of(reader: Any, layout: Layout) -> Iterator[tuple[list[Title], Floats | None]]:
    """Yield titles and their vectors, at most 10,000 at once.

    Parameters
    ----------
    reader : pyarrow.RecordBatchReader
    layout : Layout
        Of its columns.

    Yields
    ------
    titles : list of Title
    vectors : ndarray [n, dim] or None
        A view of the table's memory where that is possible.

    Raises
    ------
    InvalidInputError
        A value is not one of its field; the message says in which rows.
    """
    first = 0
    for whole in _batches(reader):
        for start in range(0, whole.num_rows, _BATCH):
            batch = whole.slice(start, _BATCH)
            vectors = None
            if layout.vectors:
                vectors = _matrix(layout.vectors, batch.column(layout.vectors), first)
            yield _titles(batch, layout, first), vectors
            first += batch.num_rows


def _batches(reader: Any) -> Iterator[Any]:
    """Yield batches; what a producer raises on the way is bad input as well."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InvalidInputError(f"expected a whole table, got: {error}") from error
        yield batch


def _titles(batch: Any, layout: Layout, first: int) -> list[Title]:
    rows: list[dict[str, Any]] = [{} for _ in range(batch.num_rows)]
    if layout.kind:
        for row in rows:
            row["kind"] = layout.kind
    for column in layout.columns:
        _fill(rows, column, batch.column(column.name))
    titles, faults = [], []
    for number, row in enumerate(rows, first):
        try:
            titles.append(msgspec.convert(row, Title))
        except msgspec.ValidationError as error:
            faults.append(f"row {number}: {error}")
    if faults:
        more = f"\n  and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        listed = "\n  ".join(faults[:_FAULTS_SHOWN])
        raise InvalidInputError(f"expected titles in all rows, got:\n  {listed}{more}")
    return titles


def _fill(rows: list[dict[str, Any]], column: Column, values: Any) -> None:
    make = cell_of(column.field, column.type)
    for row, cell in zip(rows, values.to_pylist(), strict=True):
        value = None if cell is None else make(cell)
        if value is not None:
            into = row.setdefault("extra", {}) if column.is_extra else row
            into[column.field] = value


# -- vectors ------------------------------------------------------------------------------


def _matrix(name: str, column: Any, first: int) -> Floats:
    """Return vectors as a matrix, of the table's own memory where its layout is one."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if column.null_count:
        missing = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise InvalidInputError(f"expected a vector in each row of {name}, got none in row "
                                f"{first + missing}")  # fmt: skip
    dim = _dim(name, column, first)
    flat = column.flatten()
    if flat.null_count:
        raise InvalidInputError(f"expected numbers in the vectors of {name}, got null")
    return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(column), dim)


def _dim(name: str, column: Any, first: int) -> int:
    if kinds.is_fixed_size_list(column.type):
        return int(column.type.list_size)
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    if not len(lengths):
        return 0
    others = np.flatnonzero(lengths != lengths[0])
    if len(others):
        raise InvalidInputError(
            f"expected vectors of one length in {name}, got {lengths[0]} numbers in row {first} "
            f"and {lengths[others[0]]} in row {first + int(others[0])}"
        )
    return int(lengths[0])
