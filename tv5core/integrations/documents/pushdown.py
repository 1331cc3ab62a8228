"""From a condition to filters of the catalogue: one true of all it holds for, one of nothing else.

Where both are the same filter, the catalogue answers alone. Words are compared there without case
and accents, so an equality of words is between the two: the catalogue leaves few documents to look
at, and what it found is looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from tv5core.columns import EVERYTHING, NOTHING, Expression
from tv5core.columns.expressions import all_of, any_of, not_
from tv5core.columns.fields import EXTRA
from tv5core.columns.filters import ExtraField
from tv5core.errors import InvalidInputError
from tv5core.extra_fields import is_date
from tv5core.integrations.documents import conditions
from tv5core.integrations.documents.document import can_be_pushed

__all__ = ["Bounds", "bounds"]

_LARGEST = 1 << 53
"""Float64 holds whole numbers up to here; comparisons beyond are left to Python."""


@dataclass(frozen=True)
class Bounds:
    """Filters around a condition.

    Attributes
    ----------
    upper : Expression
        True wherever the condition holds.
    lower : Expression
        True nowhere else.
    """

    upper: Expression = EVERYTHING
    lower: Expression = NOTHING

    @property
    def exact(self) -> bool:
        """Whether the filter is the condition."""
        return self.upper == self.lower


_UNKNOWN = Bounds()
_NEVER = Bounds(NOTHING, NOTHING)


def bounds(condition: conditions.Condition, fields: Mapping[str, str]) -> Bounds:
    """Return the filters around a condition, where some fields are declared with their types."""
    try:
        return _bounds(condition, fields)
    except InvalidInputError:  # too deep, or a value that filters do not take
        return _UNKNOWN


@singledispatch
def _bounds(condition: conditions.Condition, fields: Mapping[str, str]) -> Bounds:  # noqa: ARG001
    return _UNKNOWN


@_bounds.register
def _(condition: conditions.Equal, fields: Mapping[str, str]) -> Bounds:
    return _equal(condition.field, fields.get(condition.field), condition.value)


@_bounds.register
def _(condition: conditions.OneOf, fields: Mapping[str, str]) -> Bounds:
    kind = fields.get(condition.field)
    return _any([_equal(condition.field, kind, value) for value in condition.values])


@_bounds.register
def _(condition: conditions.Ordered, fields: Mapping[str, str]) -> Bounds:
    kind, value = fields.get(condition.field), condition.value
    if kind in ("int", "float") and _is_number(value) and not isinstance(value, bool):
        pass
    elif kind != "date" or not is_date(value):
        return _UNKNOWN
    return _exactly(_compared(_own(condition.field), condition.sign, value))


@_bounds.register
def _(condition: conditions.Contains, fields: Mapping[str, str]) -> Bounds:
    if fields.get(condition.field) != "keywords":
        return _UNKNOWN
    if not isinstance(condition.value, str):
        return _NEVER
    if not can_be_pushed(condition.value):
        return _UNKNOWN
    return Bounds(upper=_own(condition.field).any(condition.value))


@_bounds.register
def _(condition: conditions.Empty, fields: Mapping[str, str]) -> Bounds:
    if fields.get(condition.field) in ("int", "float", "bool", "date"):
        return _exactly(not_(_own(condition.field).exists()))
    return _UNKNOWN


@_bounds.register
def _(condition: conditions.Predicate, fields: Mapping[str, str]) -> Bounds:
    if condition.hint is None:
        return _UNKNOWN
    return Bounds(upper=_bounds(condition.hint, fields).upper)


@_bounds.register
def _(condition: conditions.Not, fields: Mapping[str, str]) -> Bounds:
    part = _bounds(condition.part, fields)
    return Bounds(not_(part.lower), not_(part.upper))


@_bounds.register
def _(condition: conditions.All, fields: Mapping[str, str]) -> Bounds:
    parts = [_bounds(part, fields) for part in condition.parts]
    return Bounds(all_of(p.upper for p in parts), all_of(p.lower for p in parts))


@_bounds.register
def _(condition: conditions.AnyOf, fields: Mapping[str, str]) -> Bounds:
    return _any([_bounds(part, fields) for part in condition.parts])


def _own(name: str) -> ExtraField:
    return ExtraField(EXTRA + name)


def _any(parts: list[Bounds]) -> Bounds:
    return Bounds(any_of(p.upper for p in parts), any_of(p.lower for p in parts))


def _exactly(expression: Expression) -> Bounds:
    return Bounds(expression, expression)


def _equal(name: str, kind: str | None, value: Any) -> Bounds:
    """Return the filters around a field of a type being equal to a value."""
    if kind is None or kind == "keywords":
        return _UNKNOWN
    field = _own(name)
    if value is None:
        missing = not_(field.exists())
        return Bounds(upper=missing) if kind == "keyword" else _exactly(missing)
    return _EQUAL[kind](field, value)


def _equal_word(field: ExtraField, value: Any) -> Bounds:
    if not isinstance(value, str):
        return _NEVER
    return Bounds(upper=field.any(value)) if can_be_pushed(value) else _UNKNOWN


def _equal_number(field: ExtraField, value: Any) -> Bounds:
    if not isinstance(value, (int, float)):
        return _NEVER
    if not _is_number(value):
        return _UNKNOWN
    number = int(value) if isinstance(value, bool) else value
    return _exactly(field.between(number, number))


def _equal_flag(field: ExtraField, value: Any) -> Bounds:
    if not isinstance(value, (int, float)) or value not in (0, 1):
        return _NEVER
    return _exactly(field.any(bool(value)))


def _equal_day(field: ExtraField, value: Any) -> Bounds:
    if isinstance(value, str) and not is_date(value):
        return _UNKNOWN  # perhaps the same day, written with a time
    return _exactly(field.any(value)) if isinstance(value, str) else _NEVER


_EQUAL = {
    "keyword": _equal_word,
    "int": _equal_number,
    "float": _equal_number,
    "bool": _equal_flag,
    "date": _equal_day,
}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) <= _LARGEST


def _compared(field: ExtraField, sign: str, value: Any) -> Expression:
    compare: dict[str, Callable[[Any], Expression]] = {
        "<": field.__lt__,
        "<=": field.__le__,
        ">": field.__gt__,
        ">=": field.__ge__,
    }
    return compare[sign](value)
