"""Cells of a column as values of a title."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyarrow import types as kinds

__all__ = ["Cell", "cell_of"]

Cell = Callable[[Any], Any]
"""Makes a value of a cell that is not null."""


def cell_of(field: str, wanted: Any) -> Cell:
    """Return what makes values of a field.

    Parameters
    ----------
    field : str
    wanted : pyarrow.DataType
        What the field is stored as.
    """
    if kinds.is_list(wanted):
        inner = wanted.value_type
        if kinds.is_struct(inner):
            return _structures(inner.field(0).name)
        return lambda cell: [each for each in cell if each is not None]
    if kinds.is_map(wanted):
        return _mapping
    if kinds.is_struct(wanted):
        return _without_nulls
    if kinds.is_integer(wanted):
        return _integer
    if kinds.is_floating(wanted):
        return _real
    return _day if field == "release_date" else _text


def _structures(first: str) -> Cell:
    """Return what makes structures of a list; a text alone is its first field."""

    def make(cell: Any) -> list[Any]:
        given = [each for each in cell if each is not None]
        return [{first: each} if isinstance(each, str) else _without_nulls(each) for each in given]

    return make


def _mapping(cell: Any) -> dict[str, Any]:
    pairs = cell.items() if isinstance(cell, Mapping) else cell
    return {name: value for name, value in pairs if value is not None}


def _without_nulls(cell: Any) -> Any:
    if isinstance(cell, Mapping):
        return {name: value for name, value in cell.items() if value is not None}
    return cell


def _integer(cell: Any) -> Any:
    """Return whole numbers as int: a pandas column with gaps holds floats, with NaN in them."""
    if isinstance(cell, float | Decimal):
        if math.isnan(cell):
            return None
        if cell == int(cell) if math.isfinite(cell) else False:
            return int(cell)
    return cell


def _real(cell: Any) -> Any:
    if isinstance(cell, Decimal):
        return float(cell)
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def _day(cell: Any) -> Any:
    day = cell.date() if isinstance(cell, datetime) else cell
    return day.isoformat() if isinstance(day, date) else day


def _text(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell
