"""Columns as named arrays of a file, and checks of those that come from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy.typing as npt

from tv5core.columns.contents import KeywordSource, NumberSource
from tv5core.columns.evaluation import Columns
from tv5core.columns.keywords import KeywordColumn
from tv5core.columns.numbers import NumberColumn
from tv5core.columns.strings import StringTable
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.extra_fields import check_declaration

__all__ = ["count_of", "keyword_column", "number_column", "schema_of", "sections_of"]

Array = npt.NDArray[Any]
_CODES = ("|u1", "<u2", "<u4")


def sections_of(columns: Columns) -> dict[str, Array]:
    """Return the arrays of all columns by name."""
    found: dict[str, Array] = {}
    for name, numbers in columns.numbers.items():
        found |= {f"{name}.numbers": numbers.values, f"{name}.codes": numbers.codes}
    for name, words in columns.keywords.items():
        found |= {f"{name}.{part}": array for part, array in words.arrays.items()}
    return found


def _section(sections: Mapping[str, Array], name: str, *types: str) -> Array:
    array = sections.get(name)
    if array is None:
        raise CorruptFileError(f"expected columns with {name}, got none")
    if array.ndim != 1 or array.dtype.str not in types:
        raise CorruptFileError(
            f"expected {name} of {' or '.join(types)} in one dimension, got {array.dtype.str} "
            f"in {array.ndim}"
        )
    return array


def schema_of(sections: Mapping[str, Array]) -> dict[str, str]:
    """Return the types of the catalogue's own fields."""
    raw = _section(sections, "schema", "|u1").tobytes()
    try:
        return dict(check_declaration(msgspec.json.decode(raw, type=dict[str, str])))
    except (msgspec.MsgspecError, InvalidInputError) as error:
        raise CorruptFileError(f"expected a schema of columns, got {error}") from error


def number_column(sections: Mapping[str, Array], source: NumberSource) -> NumberColumn:
    """Return a column of numbers."""
    values = _section(sections, f"{source.name}.numbers", "<i8" if source.whole else "<f8")
    codes = _section(sections, f"{source.name}.codes", *_CODES)
    if len(codes) and int(codes.max()) > len(values):
        raise CorruptFileError(
            f"expected codes of {source.name} up to {len(values)}, got {codes.max()}"
        )
    return NumberColumn(values, codes)


def keyword_column(sections: Mapping[str, Array], source: KeywordSource) -> KeywordColumn:
    """Return a column of words."""

    def part(name: str, *types: str) -> Array:
        return _section(sections, f"{source.name}.{name}", *types)

    with_roles = source.roles is not None
    column = KeywordColumn(
        StringTable(part("keys", "|u1"), part("key_offsets", "<u4")),
        part("starts", "<u4"),
        StringTable(part("rests", "|u1"), part("rest_offsets", "<u4")),
        part("offsets", "<u4"),
        part("values", *_CODES),
        part("ends", "<u4"),
        part("postings", "<u4"),
        part("roles", "|u1") if with_roles else None,
        part("posting_roles", "|u1") if with_roles else None,
    )
    _check_keywords(source.name, column)
    return column


def _check_keywords(name: str, column: KeywordColumn) -> None:
    """Refuse arrays that point outside of each other."""
    sizes = [
        (column.keys.offsets, len(column.keys.blob)),
        (column.rests.offsets, len(column.rests.blob)),
        (column.starts, len(column.rests.offsets) - 1),
        (column.offsets, len(column.values)),
        (column.ends, len(column.postings)),
    ]
    sound = all(len(array) and array[0] == 0 and array[-1] == size for array, size in sizes)
    sound = sound and all(bool((array[1:] >= array[:-1]).all()) for array, _ in sizes)
    sound = sound and len(column.starts) == len(column.keys.offsets)
    sound = sound and len(column.ends) == len(column.rests.offsets)
    sound = sound and len(column.values) == len(column.postings)
    sound = (
        sound and _below(column.values, len(column.rests)) and _below(column.postings, len(column))
    )
    for roles in (column.roles, column.posting_roles):
        sound = sound and (roles is None or len(roles) == len(column.values))
    if not sound:
        raise CorruptFileError(f"expected a column {name} whose arrays agree, got one of others")


def _below(array: Array, size: int) -> bool:
    return not len(array) or int(array.max()) < size


def count_of(columns: Sequence[NumberColumn | KeywordColumn]) -> int:
    """Return how many documents all columns have."""
    counts = {len(column) for column in columns}
    if len(counts) != 1:
        raise CorruptFileError(f"expected columns of one length, got {sorted(counts)}")
    return counts.pop()
