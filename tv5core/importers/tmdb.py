"""TMDB: details and list responses of its API, and the CSV files made from them.

A CSV row and a JSON body have the same keys; only the notation of lists differs.
:mod:`tv5core.sources.tmdb` says what a title is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, excerpt, folded
from tv5core.importers.jsonstream import (
    decode_tolerantly,
    peek,
    read_json_array,
    read_json_file,
    read_json_lines,
)
from tv5core.importers.lines import CsvRow
from tv5core.importers.opening import head_of
from tv5core.importers.tables import read_rows
from tv5core.sources.tmdb import SHOW_KEYS, released, title_of
from tv5core.sources.values import RowError, plain

__all__ = [
    "CSV_FORMAT",
    "JSON_FORMAT",
    "list_of_titles",
    "looks_like_title",
    "read_tmdb_csv",
    "read_tmdb_json",
]

_LISTS = ("results", "movie_results", "tv_results", "parts", "items")
_COLUMNS = {
    "vote_average", "vote_count", "overview", "release_date", "first_air_date", "original_title",
    "crew", "poster_path", "backdrop_path", "genre_ids", "original_language",
}  # fmt: skip
_FILM_KEYS = {"original_title", "release_date", "overview", "imdb_id", "vote_average"}


def looks_like_title(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a film or a series as TMDB writes them."""
    keys = record.keys()
    if "id" not in keys or keys & {"season_number", "birthday", "known_for_department"}:
        return False
    if record.get("media_type") in ("movie", "tv"):
        return True
    if "title" in keys:
        return bool(keys & _FILM_KEYS)
    return "name" in keys and bool(keys & SHOW_KEYS)


def list_of_titles(record: Mapping[str, Any]) -> list[Any] | None:
    """Return the titles in a page of results, a collection or a list; None for other bodies."""
    found: list[Any] = []
    for key in _LISTS:
        part = record.get(key)
        if isinstance(part, list) and any(
            isinstance(x, dict) and looks_like_title(x) for x in part
        ):
            found.extend(part)
    return found or None


def read_tmdb_csv(source: Source, context: Context) -> Iterator[Item]:
    """Read a CSV file with TMDB's column names."""
    context.read_dates_of(lambda again: map(_released, read_rows(source, again)))
    for record in read_rows(source, context):
        if isinstance(record, Reject):
            yield record
        else:
            yield _item(record.line, record.fields, context)


def _released(record: CsvRow | Reject) -> object:
    return released(record.fields) if isinstance(record, CsvRow) else None


def read_tmdb_json(source: Source, context: Context) -> Iterator[Item]:
    """Read details (one object a file, an array or one a line) or pages of results."""
    context.read_dates_of(lambda again: _all_released(source, again))
    for found in _values(source, context):
        if isinstance(found, Reject):
            yield found
        else:
            yield from _items(*found, context)


def _all_released(source: Source, context: Context) -> Iterator[object]:
    for found in _values(source, context):
        if not isinstance(found, Reject) and isinstance(found[1], dict):
            yield from (released(each) for each in _records(found[1]) if isinstance(each, dict))


def _values(source: Source, context: Context) -> Iterator[tuple[int, Any] | Reject]:
    """Yield the JSON values of a file with their lines, however it is laid out."""
    shape, _ = peek(head_of(source, context))
    if shape == "object":
        yield 1, read_json_file(source, context)
    elif shape == "array":
        yield from read_json_array(source, context)
    else:
        yield from _json_lines(source, context)


def _json_lines(source: Source, context: Context) -> Iterator[tuple[int, Any] | Reject]:
    for found in read_json_lines(source, context):
        if isinstance(found, Reject):
            yield found
            continue
        line, raw = found
        try:
            yield line, decode_tolerantly(raw, context)
        except ValueError as error:
            yield Reject(line, "malformed JSON", str(error), excerpt(raw))


def _records(value: dict[str, Any]) -> list[Any]:
    """Titles in a JSON body: it is one, or lists some."""
    inner = None if looks_like_title(value) else list_of_titles(value)
    return [value] if inner is None else inner


def _items(line: int, value: object, context: Context) -> Iterator[Item]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        yield Reject(line, "not an object", f"expected a JSON object, got {kind}")
        return
    for record in _records(value):
        if isinstance(record, dict):
            yield _item(line, record, context)
        else:
            yield Reject(line, "not an object", "expected a JSON object in the list")


def _item(line: int, record: Mapping[str, Any], context: Context) -> Item:
    try:
        return Row(line, title_of(record, context, context.options.region, context.dates))
    except RowError as error:
        shown = ", ".join(f"{key}={plain(value)[:40]}" for key, value in list(record.items())[:12])
        return Reject(line, error.reason, error.detail, excerpt(shown))


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    columns = folded(header)
    named = columns & {"title", "name", "original_title"}
    telling = columns & _COLUMNS - {"overview"}  # many have an overview
    if columns & {"id", "movie_id"} and named and telling and "kind" not in columns:
        return ["id", *sorted(columns & _COLUMNS)[:3]]
    return []


def _matches(shape: str, sample: Mapping[str, Any]) -> str:
    if looks_like_title(sample):
        return f"{shape} with TMDB's keys"
    found = list_of_titles(sample)
    return f"a TMDB list of {len(found)}" if found else ""


JSON_FORMAT = Format(
    "tmdb-json",
    "TMDB details or lists, as JSON",
    read_tmdb_json,
    match_json=_matches,
    generality=2,
)
CSV_FORMAT = Format(
    "tmdb-csv", "CSV with TMDB's columns", read_tmdb_csv, _matching_columns, generality=2
)
