"""Telling the format of a file from its name and its beginning."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.importers.jsonstream import peek
from tv5core.importers.lines import header_of
from tv5core.importers.tmdb import list_of_titles, looks_like_title
from tv5core.sources.values import decode

__all__ = ["FORMATS", "Detected", "detect"]

FORMATS = {
    "links": "MovieLens links: ids only, to match titles by",
    "jsonl": "JSON Lines of tv5core's own titles",
    "tmdb-json": "TMDB details or lists, as JSON",
    "tmdb-csv": "CSV with TMDB's columns",
    "justwatch": "JustWatch-style titles CSV, with its credits",
    "justwatch-credits": "JustWatch-style credits CSV",
    "streaming": "catalogue of one service, CSV with listed_in",
    "csv": "any CSV, with a mapping of columns",
    "wikipedia": "JSON array of films made from Wikipedia",
}
"""Formats in the order they are imported: rich in ids first."""

_HEAD = 1 << 20
_CSV = {".csv", ".tsv"}
_JSON = {".json", ".jsonl", ".ndjson"}
_TMDB_COLUMNS = {
    "vote_average", "vote_count", "overview", "release_date", "first_air_date", "original_title",
    "crew",
}  # fmt: skip
_JUSTWATCH_COLUMNS = {"age_certification", "imdb_id", "tmdb_popularity", "production_countries"}
_WIKIPEDIA_KEYS = {"extract", "href", "cast"}


class Detected(msgspec.Struct, frozen=True):
    """A format (a key of ``FORMATS``) and what it was recognised by."""

    format: str
    why: str


def detect(path: Path, *, mapped: bool = False) -> Detected:
    """Tell the format of a file.

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
    columns = {name.casefold() for name in header}
    if {"movieid", "imdbid", "tmdbid"} <= columns and "title" not in columns:
        return _by_columns("links", ["movieId", "imdbId", "tmdbId"])
    if "movieid" in columns:
        raise ImportFormatError(f"MovieLens data without titles to search: {_some(header)}")
    if {"person_id", "id", "name", "role"} <= columns:
        return _by_columns("justwatch-credits", ["person_id", "id", "name", "role"])
    if {"show_id", "type", "title", "listed_in"} <= columns:
        return _by_columns("streaming", ["show_id", "type", "listed_in"])
    if {"id", "title", "type", "release_year"} <= columns and columns & _JUSTWATCH_COLUMNS:
        return _by_columns("justwatch", ["id", "type", "release_year"])
    named = columns & {"title", "name", "original_title"}
    if columns & {"id", "movie_id"} and named and columns & _TMDB_COLUMNS:
        return _by_columns("tmdb-csv", ["id", *sorted(columns & _TMDB_COLUMNS)[:3]])
    raise ImportFormatError(f"unknown columns {_some(header)}; a mapping of columns can tell")


def _by_columns(name: str, columns: Iterable[str]) -> Detected:
    return Detected(name, f"columns {', '.join(columns)}")


def _some(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:8])[:200]


def _detect_json(head: bytes, path: Path) -> Detected:
    shape, raw = peek(head)
    if not raw and shape == "object":
        # One large object, or a first line that is no JSON.
        raw = _whole(path)
    sample = _sample(raw, head)
    if sample is None:
        raise ImportFormatError("expected JSON objects, got something else")
    if isinstance(sample.get("id"), str) and sample.get("kind") in ("movie", "show"):
        return Detected("jsonl", "objects with id, kind and title")
    if shape == "array" and "title" in sample and sample.keys() & _WIKIPEDIA_KEYS:
        return Detected("wikipedia", "array of objects with title, year and cast or extract")
    if looks_like_title(sample):
        return Detected("tmdb-json", f"{shape} with TMDB's keys")
    if found := list_of_titles(sample):
        return Detected("tmdb-json", f"a TMDB list of {len(found)}")
    raise ImportFormatError(f"JSON without titles: keys {_some(sample)}")


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
