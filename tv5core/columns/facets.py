"""Counts documents by value: facets of search results, names for interpretation and suggestions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_int
from tv5core.bitmap import Bitmap
from tv5core.columns.evaluation import Columns, offers_matching
from tv5core.columns.expressions import Offered
from tv5core.columns.fields import (
    NUMBERS,
    ROLES,
    field_type,
    keys_of,
    kind_of_offer,
    name_key,
    provider_key,
    region_key,
)
from tv5core.columns.keywords import KeywordColumn
from tv5core.columns.numbers import NumberColumn
from tv5core.errors import InvalidInputError
from tv5core.kernels import NONE

__all__ = ["HasColumns", "count_facet", "find_value", "known_values"]

I64 = npt.NDArray[np.int64]
_EPOCH = date(1970, 1, 1)


class HasColumns(Protocol):
    """A segment of columns."""

    @property
    def columns(self) -> Columns:
        """Its columns."""

    @property
    def schema(self) -> dict[str, str]:
        """Types of the catalogue's own fields by name."""


class _Counted(NamedTuple):
    """Documents of one segment by value.

    Attributes
    ----------
    counts : int64[v]
    key_of, name_of : callable
        What a value is compared by in all segments, and shown as.
    find : callable
        Returns the value of a key, -1 where there is none.
    """

    counts: I64
    key_of: Callable[[int], Any]
    name_of: Callable[[int], Any]
    find: Callable[[Any], int]


def count_facet(
    parts: Sequence[tuple[HasColumns, Bitmap]],
    field: str,
    limit: int | None = None,
    *,
    region: str = "",
    offer: str = "",
) -> dict[Any, int]:
    """Count the documents of bitmaps by the values of a field, over several segments.

    Parameters
    ----------
    parts : sequence of (ColumnSegment, Bitmap)
        Each with the documents to count.
    field : str
        A field of words or numbers; a document counts once for each of its values.
    limit : int, optional
        Only the most frequent values.
    region, offer : str
        For ``on``: count services only where they offer a title there and so.

    Returns
    -------
    dict
        Counts above 0 by value, descending, then by value, without regard to case and accents:
        names of words and services, numbers, dates as ``2010-07-16``, True and False.

    Raises
    ------
    InvalidInputError
        There is no such field, or it cannot be counted.
    """
    limit = None if limit is None else check_int("limit", limit, 1)
    chosen = Offered(
        "", region_key(region) if region else "", kind_of_offer(offer) if offer else ""
    )
    schema = {name: kind for part, _ in parts for name, kind in part.schema.items()}
    if (kind := field_type(field, schema)) == "id":
        raise InvalidInputError("expected a field that can be counted, got id")
    tables = [_counted(part.columns, matches, field, kind, chosen) for part, matches in parts]
    return _united([table for table in tables if table is not None], limit)


def _united(tables: list[_Counted], limit: int | None) -> dict[Any, int]:
    """Add up tables of several segments, and return the most frequent values.

    Only the values that may be among the most frequent are named: all of the smaller tables, and of
    the largest one those that are among its own most frequent.
    """
    if not tables:
        return {}
    if len(tables) > 1:
        tables.sort(key=lambda table: np.count_nonzero(table.counts), reverse=True)
    largest, found, names = tables[0], dict[Any, int](), dict[Any, Any]()
    for table in tables[1:]:
        for value in np.flatnonzero(table.counts).tolist():
            key = table.key_of(value)
            found[key] = found.get(key, 0) + int(table.counts[value])
            names.setdefault(key, table.name_of(value))
    for key in found:
        if (value := largest.find(key)) >= 0 and largest.counts[value]:
            found[key] += int(largest.counts[value])
            names[key] = largest.name_of(value)
    for value in _most_frequent(largest.counts, limit, len(found)):
        key = largest.key_of(value)
        if key not in found:
            found[key], names[key] = int(largest.counts[value]), largest.name_of(value)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {names[key]: count for key, count in ordered[:limit]}


def _most_frequent(counts: I64, limit: int | None, more: int = 0) -> list[int]:
    """Return the values of the highest counts above 0.

    Of equal ones, which are very many of people, the first in the order of keys, and so many more.
    """
    used = np.flatnonzero(counts)
    if limit is not None and len(used) > limit:
        some = counts[used]
        least = np.partition(some, -limit)[-limit]
        above, equal = used[some > least], used[some == least]
        used = np.concatenate([above, equal[: limit - len(above) + more]])
    found: list[int] = used.tolist()
    return found


def _counted(
    columns: Columns, matches: Bitmap, field: str, kind: str, chosen: Offered
) -> _Counted | None:
    name, roles = _column_of(field)
    if name in columns.numbers:
        return _of_numbers(columns.numbers[name], matches, kind)
    if name not in columns.keywords:
        return None
    column = columns.keywords[name]
    groups = None
    if field == "on" and (chosen.region or chosen.offer):
        groups = np.full(len(column.rests), NONE, np.uint32)
        values = offers_matching(column, chosen)
        groups[values] = column.groups[values]
    counts = column.count_keys(matches, roles, groups)
    return _Counted(counts, column.keys.__getitem__, column.name, column.keys.find)


def _column_of(field: str) -> tuple[str, int]:
    if field not in ROLES:
        return field, 0
    return "person", 0 if field == "person" else ROLES[field]


def _of_numbers(column: NumberColumn, matches: Bitmap, kind: str) -> _Counted:
    values = column.values.tolist()
    show = _SHOW.get(kind, lambda value: value)

    def find(value: Any) -> int:
        place = int(np.searchsorted(column.values, value))
        return place if place < len(values) and values[place] == value else -1

    counts = column.count_values(matches)[1:]
    return _Counted(counts, values.__getitem__, lambda n: show(values[n]), find)


_SHOW: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "date": lambda days: (_EPOCH + timedelta(days)).isoformat(),
}


# -- known values -----------------------------------------------------------------------------


def known_values(
    columns: Columns, field: str, prefix: str, limit: int | None
) -> list[tuple[str, int]]:
    """Return names in a field of words by descending count; see ``ColumnSegment.values``."""
    column, roles = _words(columns, field)
    if column is None:
        return []
    first, end = column.keys.prefix_range(name_key(prefix) if prefix else "")
    counts = column.key_counts(roles)[first:end]
    chosen = sorted(_most_frequent(counts, limit), key=lambda n: (-counts[n], n))
    return [(column.name(first + n), int(counts[n])) for n in chosen[:limit]]


def find_value(columns: Columns, field: str, text: str) -> tuple[str, int] | None:
    """Return a value's name and count; see ``ColumnSegment.find_value``."""
    column, roles = _words(columns, field)
    keys = (provider_key(text),) if field == "on" else keys_of(field, text)
    group = -1 if column is None else column.keys.find(keys[0])
    if column is None or group < 0 or not (count := int(column.key_counts(roles)[group])):
        return None
    return column.name(group), count


def _words(columns: Columns, field: str) -> tuple[KeywordColumn | None, int]:
    kind = columns.types.get(field) or field_type(field)
    if kind in NUMBERS or kind == "id":
        raise InvalidInputError(f"expected a field of words, got {field}")
    name, roles = _column_of(field)
    return columns.keywords.get(name), roles
