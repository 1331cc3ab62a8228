"""Columns of a given table matched to a title's fields, and everything wrong with them at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import types as kinds

from tv5core.arguments import check_type, shown
from tv5core.arrow.schema import EXTRA_ARROW_TYPES, FIELD_TYPES
from tv5core.errors import InvalidInputError

__all__ = ["Column", "Layout", "match_columns"]

_EXTRA = "extra."
_REQUIRED = ("id", "title")


class Column(msgspec.Struct, frozen=True):
    """One column of a table.

    Attributes
    ----------
    name : str
        In the table.
    field : str
        Of the title, or of the catalogue's own where ``is_extra``.
    type : pyarrow.DataType
        What the field is stored as.
    is_extra : bool
    """

    name: str
    field: str
    type: Any
    is_extra: bool = False


class Layout(msgspec.Struct, frozen=True):
    """What the columns of a table mean.

    Attributes
    ----------
    columns : tuple of Column
    vectors : str
        The column of vectors; empty for none.
    kind : str
        What titles are where no column says so; empty where one does.
    """

    columns: tuple[Column, ...]
    vectors: str
    kind: str


def match_columns(
    schema: Any,
    extra_fields: Mapping[str, str],
    *,
    columns: Mapping[str, str | None] | None,
    vectors: str | None,
    kind: str | None,
) -> Layout:
    """Match the columns of a table to fields.

    Parameters
    ----------
    schema : pyarrow.Schema
    extra_fields : mapping of str to str
        The catalogue's own fields: types by name.
    columns : mapping of str to (str or None), optional
        By a column's name, the field it holds, or None to leave it out; the others hold the field
        of their own name.
    vectors : str, optional
        The column of vectors.
    kind : {"movie", "show"}, optional
        What all titles are, where no column says so.

    Raises
    ------
    InvalidInputError
        The message lists every column that is wrong.
    """
    names = _check_names(schema, columns, vectors)
    faults = _Faults()
    found: dict[str, Column] = {}
    for name in schema.names:
        field = names.get(name, name)
        if name == vectors or field is None:
            continue
        column = _column(name, field, extra_fields)
        if column is None:
            faults.add(name, _unknown(name, field, extra_fields))
        elif column.field in found:
            faults.add(name, f"another column for {field}, beside {found[column.field].name!r}")
        else:
            found[column.field] = column
            faults.check_type(column, schema.field(name).type)
    if vectors is not None:
        faults.check_vectors(vectors, schema.field(vectors).type)
    missing = [*_REQUIRED, *(() if kind else ("kind",))]
    for field in missing:
        if field not in found:
            faults.add(field, "a column is needed" + _HINTS.get(field, ""))
    faults.raise_if_any()
    return Layout(tuple(found.values()), vectors or "", "" if "kind" in found else kind or "")


_HINTS = {
    "kind": ": 'movie' or 'show' in each row, or kind= for all",
    "id": ": rename one, or say columns={'its name': 'id'}",
}


def _check_names(
    schema: Any, columns: Mapping[str, str | None] | None, vectors: str | None
) -> dict[str, str | None]:
    check_type("columns", columns, (Mapping, type(None)))
    names = dict(columns or {})
    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if doubled:
        raise InvalidInputError(f"expected each column once, got several of {', '.join(doubled)}")
    for name in [*names, *([] if vectors is None else [vectors])]:
        if name not in schema.names:
            raise InvalidInputError(
                f"expected columns of the table ({', '.join(schema.names)}), got {shown(name)}"
            )
    return names


def _column(name: str, field: str, extra_fields: Mapping[str, str]) -> Column | None:
    if field in FIELD_TYPES:
        return Column(name, field, FIELD_TYPES[field])
    own = field.removeprefix(_EXTRA)
    if own in extra_fields:
        return Column(name, own, EXTRA_ARROW_TYPES[extra_fields[own]], is_extra=True)
    return None


def _unknown(name: str, field: str, extra_fields: Mapping[str, str]) -> str:
    known = [*FIELD_TYPES, *extra_fields]
    near = difflib.get_close_matches(field.casefold(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no field of a title (columns={{{name!r}: None}} leaves it out){hint}"


# -- types --------------------------------------------------------------------------------


class _Faults:
    """What is wrong with a schema, column by column."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, name: str, what: str) -> None:
        self._found.append(f"{name}: {what}")

    def check_type(self, column: Column, got: Any) -> None:
        wanted = _family(column.type)
        if not wanted(_plain(got)) and not kinds.is_null(got):
            self.add(column.name, f"expected {column.type}, got {got}")

    def check_vectors(self, name: str, got: Any) -> None:
        if not (_is_list(got) and _is_number(_plain(got.value_type))):
            self.add(name, f"expected fixed_size_list<float>[dim], got {got}")

    def raise_if_any(self) -> None:
        if self._found:
            raise InvalidInputError(
                "expected a table of titles, got wrong columns:\n  " + "\n  ".join(self._found)
            )


def _plain(type_: Any) -> Any:
    """Return what is behind a dictionary or an extension."""
    if kinds.is_dictionary(type_):
        return _plain(type_.value_type)
    if isinstance(type_, pa.BaseExtensionType):
        return _plain(type_.storage_type)
    return type_


def _family(wanted: Any) -> Callable[[Any], bool]:
    """Return whether a type can be read as the one wanted."""
    if kinds.is_string(wanted):
        return _is_text
    if kinds.is_integer(wanted) or kinds.is_floating(wanted):
        return _is_number
    if kinds.is_boolean(wanted):
        return lambda got: bool(kinds.is_boolean(got))
    if kinds.is_map(wanted):
        return _is_mapping
    if kinds.is_struct(wanted):
        return lambda got: bool(kinds.is_struct(got))
    inner = wanted.value_type
    return lambda got: _is_list(got) and _fits_items(inner, _plain(got.value_type))


def _fits_items(wanted: Any, got: Any) -> bool:
    """Return whether items of a list fit; a list of names stands for one of people."""
    if kinds.is_null(got):
        return True
    if kinds.is_struct(wanted):
        named = {wanted.field(0).name} <= {each.name for each in got} if _is_struct(got) else False
        return named or _is_text(got)
    return _family(wanted)(got)


def _is_mapping(got: Any) -> bool:
    """Return whether a type holds names and values; pandas makes lists of pairs of them."""
    pairs = _is_list(got) and _is_list(got.value_type) and _is_text(got.value_type.value_type)
    return bool(kinds.is_map(got) or kinds.is_struct(got) or pairs)


def _is_struct(got: Any) -> bool:
    return bool(kinds.is_struct(got))


def _is_text(got: Any) -> bool:
    some: Sequence[Callable[[Any], bool]] = (
        *(kinds.is_string, kinds.is_large_string, kinds.is_string_view),
        *(kinds.is_date, kinds.is_timestamp),
    )
    return any(test(got) for test in some)


def _is_number(got: Any) -> bool:
    return bool(kinds.is_integer(got) or kinds.is_floating(got) or kinds.is_decimal(got))


def _is_list(got: Any) -> bool:
    some = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list, kinds.is_list_view)
    return any(test(got) for test in some)
