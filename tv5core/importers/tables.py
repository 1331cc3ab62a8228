"""Rows of a table by column names: CSV, Parquet and Excel files alike.

Cells of the last two have types; they become the text that a CSV file would have, so that one
importer reads all three. Both need a library: ``pip install tv5core[arrow]`` and ``[xlsx]``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time
from typing import Any

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Options, Reject, Source
from tv5core.importers.lines import CsvRow, header_of, read_csv
from tv5core.importers.opening import GZIP, ZIP, head_of, unpacked_limit

__all__ = ["columns_of", "container_of", "read_rows"]

_PARQUET = b"PAR1"
# First bytes of files that are met under names such as .csv, and what to do with them.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save it as .xlsx or .csv"),
    (b"BZh", "a bzip2 file: unpack it, or pack it with gzip"),
    (b"\xfd7zXZ\0", "an xz file: unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file: unpack it, or pack it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"%PDF", "a PDF file"),
    (b"SQLite format 3", "an SQLite database: export its table as .csv"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself"),
    (b"<!DOCTYPE", "a web page: the download may have failed"),
    (b"<!doctype", "a web page: the download may have failed"),
    (b"<html", "a web page: the download may have failed"),
)
_BATCH = 1_000
_SHEETS = 21  # named in the report, the first one aside


def container_of(source: Source) -> str:
    """Return what a file is by its first bytes: ``parquet``, ``xlsx``, ``zip`` or ``text``.

    Raises
    ------
    ImportFormatError
        It is one of the containers that are not read.
    """
    with source.path.open("rb") as file:
        start = file.read(32)
    if source.member or start.startswith(GZIP):
        _check_packed(head_of(source, size=32))
        return "text"
    for mark, what in _OTHERS:
        if start.startswith(mark):
            raise ImportFormatError(f"expected rows, got {what}")
    if start.startswith(ZIP):
        return "xlsx" if _is_workbook(source) else "zip"
    return "parquet" if start.startswith(_PARQUET) else "text"


def _check_packed(start: bytes) -> None:
    """Raise ImportFormatError where what is packed is no text."""
    packed = ((_PARQUET, "a Parquet file"), (ZIP, "an Excel file or an archive"))
    for mark, what in (*packed, *_OTHERS):
        if start.startswith(mark):
            name = what.partition(":")[0]
            raise ImportFormatError(f"expected rows, got {name} in an archive: unpack it first")


def _is_workbook(source: Source) -> bool:
    try:
        with zipfile.ZipFile(source.path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def columns_of(source: Source, options: Options) -> list[str]:
    """Column names of a table; empty where it has none.

    Raises
    ------
    ImportFormatError
        The file is damaged, or the library that reads it is missing.
    OSError
        The file cannot be read.
    """
    read = _TYPED.get(container_of(source))
    if read is None:
        return header_of(source, options)
    with closing(read(source, Context(options))) as rows:
        return next(_texts(rows, Context(options)), [])


def read_rows(source: Source, context: Context, *, fold: bool = True) -> Iterator[CsvRow | Reject]:
    """Yield the rows of a table; see :func:`read_csv`. The first row of a sheet is its header.

    Names of columns are in lower case where ``fold`` is set, as known formats have them.

    Raises
    ------
    ImportFormatError
        The file is damaged, or the library that reads it is missing.
    OSError
        The file cannot be read.
    """
    read = _TYPED.get(container_of(source))
    if read is None:
        yield from read_csv(source, context, fold=fold)
        return
    with closing(read(source, context)) as rows:
        texts = _texts(rows, context)
        header = [name.casefold() if fold else name for name in next(texts, [])]
        for line, fields in enumerate(texts, 2):
            if any(fields):
                yield CsvRow(line, dict(zip(header, fields, strict=True)))


def _texts(rows: Iterable[Sequence[Any]], context: Context) -> Iterator[list[str]]:
    """Rows as text, all as wide as the first that is not blank."""
    width = 0
    for row in rows:
        fields = [_cell(value) for value in row]
        if not width and not any(fields):
            continue
        width = width or _width(fields)
        for beyond in filter(None, fields[width:]):
            context.note("cell without a column name", beyond)
        yield (fields + [""] * (width - len(fields)))[:width]


def _width(header: Sequence[str]) -> int:
    """Return how many columns have a name, up to the last; a sheet may be wider than its table."""
    return max(place for place, name in enumerate(header, 1) if name)


def _cell(value: Any) -> str:
    """Return a typed cell as a CSV file would have it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _parquet(source: Source, _context: Context) -> Iterator[Sequence[Any]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise _missing(source, "pyarrow", "arrow") from None
    try:
        with parquet.ParquetFile(source.path) as file:
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(each).total_byte_size for each in groups)
            _check_unpacked(source, size)
            yield file.schema_arrow.names
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from zip(*(_values(column) for column in batch.columns), strict=True)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ImportFormatError(f"expected a whole Parquet file, got: {error}") from None


def _values(column: Any) -> list[Any]:
    return column.to_pylist()  # type: ignore[no-any-return]


def _xlsx(source: Source, context: Context) -> Iterator[Sequence[Any]]:
    try:
        import openpyxl
    except ImportError:
        raise _missing(source, "openpyxl", "xlsx") from None
    with zipfile.ZipFile(source.path) as archive:
        _check_unpacked(source, sum(each.file_size for each in archive.infolist()))
    try:
        with closing(openpyxl.load_workbook(source.path, read_only=True, data_only=True)) as book:
            for sheet in book.worksheets[1:_SHEETS]:
                context.note(f"sheet {sheet.title!r} left out, the first one is read")
            if more := book.worksheets[_SHEETS:]:
                context.note(f"and {len(more)} more sheets")
            yield from book.worksheets[0].iter_rows(values_only=True)
    except (OSError, ImportFormatError):
        raise
    except Exception as error:  # noqa: BLE001 - what a damaged sheet raises is not documented
        raise ImportFormatError(f"expected a whole Excel file, got: {error}") from None


def _check_unpacked(source: Source, size: int) -> None:
    limit = unpacked_limit(source.path.stat().st_size)
    if size > limit:
        raise ImportFormatError(f"expected at most {limit} bytes unpacked, got {size}")


def _missing(source: Source, library: str, extra: str) -> ImportFormatError:
    return ImportFormatError(
        f"expected {library} to read {source.name.name}, which is not installed: "
        f"pip install tv5core[{extra}]"
    )


_TYPED: dict[str, Callable[[Source, Context], Any]] = {"parquet": _parquet, "xlsx": _xlsx}
