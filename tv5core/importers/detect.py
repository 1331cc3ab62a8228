"""Recognises the format of a file by its name and its beginning."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.importers.base import shortened
from tv5core.importers.formats import FORMATS
from tv5core.importers.jsonstream import peek
from tv5core.importers.lines import header_of
from tv5core.sources.values import decode

__all__ = ["Detected", "detect"]

_HEAD = 1 << 20
_CSV = {".csv", ".tsv"}
_JSON = {".json", ".jsonl", ".ndjson"}
_SPECIFIC_FIRST = sorted(FORMATS.values(), key=lambda each: each.generality)


class Detected(msgspec.Struct, frozen=True):
    """A format (a key of ``FORMATS``) and what it was recognised by."""

    format: str
    why: str


def detect(path: Path, *, mapped: bool = False) -> Detected:
    """Recognise the format of a file.

    Parameters
    ----------
    path : Path
        A regular file.
    mapped : bool
        Whether the user gave a mapping of columns: then every CSV file is
        read by it.

    Raises
    ------
    ImportFormatError
        The format is not one of ``FORMATS``; the message says what was found.
    OSError
        The file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImportFormatError("expected a regular file, got something else")
    suffix = path.suffix.casefold()
    if suffix not in _CSV | _JSON:
        raise ImportFormatError(f"expected .csv, .tsv, .json, .jsonl or .ndjson, got {path.name}")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ImportFormatError("expected UTF-8 text, got UTF-16: convert the file first")
    if not head.strip():
        raise ImportFormatError("expected rows, got an empty file")
    if suffix in _JSON:
        return _detect_json(head, path)
    return Detected("csv", "a mapping was given") if mapped else _detect_csv(header_of(head))


def _detect_csv(header: list[str]) -> Detected:
    for known in _SPECIFIC_FIRST:
        columns = () if known.match_columns is None else known.match_columns(header)
        if columns:
            return Detected(known.name, f"columns {', '.join(columns)}")
    raise ImportFormatError(f"unknown columns {shortened(header)}; a mapping of columns can help")


def _detect_json(head: bytes, path: Path) -> Detected:
    shape, raw = peek(head)
    if not raw and shape == "object":
        # One large object, or a first line that is no JSON.
        raw = _whole(path)
    sample = _sample(raw, head)
    if sample is None:
        raise ImportFormatError("expected JSON objects, got something else")
    for known in _SPECIFIC_FIRST:
        why = "" if known.match_json is None else known.match_json(shape, sample)
        if why:
            return Detected(known.name, why)
    raise ImportFormatError(f"JSON without titles: keys {shortened(sample)}")


def _whole(path: Path) -> bytes:
    if path.stat().st_size > 64 << 20:
        return b""
    return path.read_bytes().removeprefix(b"\xef\xbb\xbf")


def _sample(raw: bytes, head: bytes) -> Mapping[str, Any] | None:
    """Return the first object that can be decoded, also where the first line cannot."""
    for candidate in (raw, *head.split(b"\n", 20)[:20]):
        try:
            value = decode(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None
