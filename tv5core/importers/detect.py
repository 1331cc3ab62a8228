"""Recognises the format of a file by its name and its beginning."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tv5core.errors import ImportFormatError, UnknownColumnsError
from tv5core.importers.base import Context, Options, Source, UnreadableFileError, shortened
from tv5core.importers.formats import FORMATS
from tv5core.importers.jsonstream import decode_tolerantly, end_of_value, peek
from tv5core.importers.opening import head_of, open_source
from tv5core.importers.tables import columns_of, container_of
from tv5core.sources.values import Remarks

__all__ = ["DATA_SUFFIXES", "Detected", "detect"]

_CSV = {".csv", ".tsv"}
_JSON = {".json", ".jsonl", ".ndjson"}
_TABLES = {".parquet", ".xlsx"}
DATA_SUFFIXES = _CSV | _JSON | _TABLES
"""Names of files that are read, also with ``.gz`` behind them and in a ``.zip``."""
_MAX_WHOLE = 64 << 20
_TRIES = 20
_SPECIFIC_FIRST = sorted(FORMATS.values(), key=lambda each: each.generality)


class Detected(msgspec.Struct, frozen=True):
    """A format (a key of ``FORMATS``) and what it was recognised by."""

    format: str
    why: str


def detect(
    path: Path, *, mapped: bool = False, member: str = "", options: Options | None = None
) -> Detected:
    """Recognise the format of a file.

    Parameters
    ----------
    path : Path
        A regular file.
    mapped : bool
        Whether the user gave a mapping of columns: then every table is
        read by it.
    member : str
        Name of the file in it where ``path`` is a ZIP archive.
    options : Options or None
        Says which encoding the file is in.

    Raises
    ------
    UnreadableFileError
        It is named like data and cannot be read.
    UnknownColumnsError
        It is a table whose columns a mapping could name.
    ImportFormatError
        The format is not one of ``FORMATS``; the message says what was found.
    OSError
        The file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImportFormatError("expected a regular file, got something else")
    source, options = Source(path, "", member=member), options or Options()
    suffix = source.name.suffix.casefold()
    with _reading(source):
        container = container_of(source)
    if container == "text" and suffix not in _CSV | _JSON:
        raise ImportFormatError(
            "expected .csv, .tsv, .json, .jsonl or .ndjson (also with .gz or in a .zip), .parquet "
            f"or .xlsx, got {source.name.name}"
        )
    if container == "text" and suffix in _JSON:
        return _detect_json(source, Context(options))
    with _reading(source):
        empty = container == "text" and not head_of(source, Context(options)).strip()
        columns = [] if empty else columns_of(source, options)
    if empty:
        raise ImportFormatError("expected rows, got an empty file")
    return Detected("csv", "a mapping was given") if mapped else _detect_csv(columns)


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    """Make errors of files that are named like data stand out from those of other files."""
    try:
        yield
    except ImportFormatError as error:
        if source.name.suffix.casefold() not in DATA_SUFFIXES:
            raise
        raise UnreadableFileError(str(error)) from None


def _detect_csv(header: list[str]) -> Detected:
    for known in _SPECIFIC_FIRST:
        columns = () if known.match_columns is None else known.match_columns(header)
        if columns:
            return Detected(known.name, f"columns {', '.join(columns)}")
    if not any(header):
        raise ImportFormatError("expected a line of column names, got none")
    raise UnknownColumnsError(
        f"unknown columns {shortened(header)}; --map title=COLUMN,... (mapping=) names them",
        header,
    )


def _detect_json(source: Source, context: Context) -> Detected:
    with _reading(source):
        head = head_of(source, context)
    if not head.strip():
        raise ImportFormatError("expected rows, got an empty file")
    shape, raw = peek(head)
    if not raw and shape == "object":
        # One large object, or a first line that is no JSON.
        with _reading(source), open_source(source, context) as file:
            raw = file.read(_MAX_WHOLE).removeprefix(b"\xef\xbb\xbf")
    sample = _sample(raw, head)
    if sample is None:
        raise ImportFormatError("expected JSON objects, got something else")
    for known in _SPECIFIC_FIRST:
        why = "" if known.match_json is None else known.match_json(shape, sample)
        if why:
            return Detected(known.name, why)
    raise ImportFormatError(f"JSON without titles: keys {shortened(sample)}")


def _sample(raw: bytes, head: bytes) -> Mapping[str, Any] | None:
    """Return the first object that can be decoded, also where the first of all cannot."""
    for candidate in (raw, *head.split(b"\n", _TRIES)[:_TRIES], *_objects_in(head)):
        try:
            value = decode_tolerantly(candidate, Remarks())
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def _objects_in(head: bytes) -> Iterator[bytes]:
    """Yield the objects of an array one after another, the first few."""
    at = 0
    for _ in range(_TRIES):
        start = head.find(b"{", at)
        if start < 0:
            return
        end = end_of_value(head, start)
        yield head[start:end]
        at = end if end > 0 else start + 1
