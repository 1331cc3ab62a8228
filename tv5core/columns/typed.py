"""What a leaf means in a column of a known type; and what is wrong with one that means nothing."""

from __future__ import annotations

from collections.abc import Mapping

from tv5core.arguments import shown
from tv5core.columns.expressions import (
    Bound,
    Exists,
    Expression,
    Ids,
    Offered,
    Range,
    Values,
    leaves,
)
from tv5core.columns.fields import NUMBERS, field_type
from tv5core.columns.filters import day_range
from tv5core.columns.numbers import Span
from tv5core.errors import InvalidInputError

__all__ = ["check_filter", "spans_of"]

_TRUTH = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}
_YEARS = range(1, 10_000)


def check_filter(expression: Expression, schema: Mapping[str, str]) -> None:
    """Check a filter against the fields that a catalogue has.

    Parameters
    ----------
    expression : Expression
    schema : mapping of str to str
        Types of the catalogue's own fields by name.

    Raises
    ------
    InvalidInputError
        It names a field that there is not, or a value that the field's type does not have.
    """
    for leaf in leaves(expression):
        if isinstance(leaf, (Values, Range, Exists)):
            kind = field_type(leaf.field, schema)
            if kind in NUMBERS:
                spans_of(leaf, kind)
            elif isinstance(leaf, Range):
                raise InvalidInputError(f"expected words for {leaf.field}, got a range")
        elif not isinstance(leaf, (Offered, Ids)):
            raise InvalidInputError(f"expected a filter, got {shown(leaf)}")


def spans_of(leaf: Values | Range | Exists, kind: str) -> list[Span]:
    """Return which numbers a leaf allows in a column of a type.

    Raises
    ------
    InvalidInputError
        One of its values is none of that type.
    """
    if isinstance(leaf, Exists):
        return [Span(None, None)]
    if isinstance(leaf, Values):
        return [_point(leaf.field, key, kind) for key in leaf.keys]
    if kind == "bool":
        raise InvalidInputError(f"expected true or false for {leaf.field}, got a range")
    if kind == "date":
        return [_days(leaf)]
    low, high = (_number(leaf.field, bound) for bound in (leaf.low, leaf.high))
    return [Span(low, high, leaf.low_open, leaf.high_open)]


def _point(field: str, key: str, kind: str) -> Span:
    if kind == "date":
        return Span(*day_range(field, key))
    if kind == "bool":
        if key not in _TRUTH:
            raise InvalidInputError(f"expected true or false for {field}, got {shown(key)}")
        return Span(_TRUTH[key], _TRUTH[key])
    try:
        number = int(key) if key.lstrip("+-").isdecimal() and key.isascii() else float(key)
    except ValueError:
        raise InvalidInputError(f"expected a number for {field}, got {shown(key)}") from None
    return Span(number, number)


def _number(field: str, bound: Bound) -> float | None:
    if isinstance(bound, str):
        raise InvalidInputError(f"expected a number for {field}, got {shown(bound)}")
    return bound


def _days(leaf: Range) -> Span:
    """Return days: those of a built-in date are numbers already, of others text or years."""
    if field_type(leaf.field) == "date":
        return Span(_number(leaf.field, leaf.low), _number(leaf.field, leaf.high))
    low, high = (_text(leaf.field, bound) for bound in (leaf.low, leaf.high))
    first = None if low is None else day_range(leaf.field, low)[leaf.low_open]
    last = None if high is None else day_range(leaf.field, high)[not leaf.high_open]
    return Span(first, last, leaf.low_open, leaf.high_open)


def _text(field: str, bound: Bound) -> str | None:
    if isinstance(bound, int) and bound in _YEARS:
        return f"{bound:04}"
    if bound is None or isinstance(bound, str):
        return bound
    raise InvalidInputError(f"expected a date such as 2010-07-16 for {field}, got {shown(bound)}")
