"""Tables of our own titles, as ``tv5 export`` writes them: Parquet and CSV.

A column holds a field of the same name, ``extra.NAME`` one of the catalogue's own. In CSV, lists
and structures are JSON; lists of words may also be written ``Drama|Crime``. Tables written by hand
are read the same way: a CSV is ours if it has ``id``, ``kind``, ``title`` and no column that is no
field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tv5core.importers.base import Context, Format, Item, Reject, Source, excerpt
from tv5core.importers.extra import EXTRA, extra_of_texts
from tv5core.importers.jsonl import item_of
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import read_rows
from tv5core.types import Title

__all__ = ["FORMAT", "read_own_table"]

_FIELDS = set(Title.__struct_fields__) - {"extra"}
_NEEDED = ("id", "kind", "title")
_NESTED = {
    *("genres", "keywords", "cast", "directors", "creators", "languages", "countries"),
    *("offers", "alternative_titles", "collection", "external_ids"),
}
_WORDS = ("genres", "keywords", "languages", "countries")
_VECTOR = "vector"


def read_own_table(source: Source, context: Context) -> Iterator[Item]:
    """Read titles; wrong types are rejects."""
    for record in read_rows(source, context):
        yield record if isinstance(record, Reject) else _item(record, context)


def _item(record: CsvRow, context: Context) -> Item:
    fields = record.fields
    if fields.get(_VECTOR):
        context.note("vector left out: titles are embedded here, or add_table() takes it")
    try:
        given = {name: _READERS[name](fields[name]) for name in _FIELDS & set(fields)}
    except ValueError as error:
        return Reject(record.line, "wrong type", str(error), excerpt(",".join(fields.values())))
    title: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    title["extra"] = extra_of_texts(fields, context)
    return item_of(record.line, msgspec.json.encode(title), context)


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _real(text: str) -> float | None:
    return float(text) if text else None


def _flag(text: str) -> bool | None:
    known: Mapping[str, bool | None] = {"": None, "true": True, "false": False}
    if text.casefold() not in known:
        raise ValueError(f"adult: expected true or false, got {text}")
    return known[text.casefold()]


def _nested(text: str) -> Any:
    return msgspec.json.decode(text) if text else None


def _words(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _nested(text)
    return [word.strip() for word in text.split("|") if word.strip()] or None


def _pairs(text: str) -> Any:
    value = _nested(text)
    return dict(value) if isinstance(value, list) else value  # Arrow's maps are lists of pairs


_READERS: dict[str, Callable[[str], Any]] = {
    **{name: _nested if name in _NESTED else str for name in _FIELDS},
    **dict.fromkeys(_WORDS, _words),
    **dict.fromkeys(("year", "runtime", "seasons", "votes", "updated_at"), _whole),
    **dict.fromkeys(("rating", "popularity"), _real),
    "adult": _flag,
    "external_ids": _pairs,
}


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    known = all(name in _FIELDS or name == _VECTOR or name.startswith(EXTRA) for name in header)
    return _NEEDED if known and set(_NEEDED) <= set(header) else ()


FORMAT = Format(
    "table", "tables of tv5core's own titles (Parquet, CSV)", read_own_table, _matching_columns
)
