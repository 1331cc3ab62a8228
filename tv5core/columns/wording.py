"""Filters as text that ``query.grammar`` reads back as an equal filter."""

from __future__ import annotations

import re
from datetime import date, timedelta

from tv5core.columns.expressions import (
    EVERYTHING,
    NOTHING,
    And,
    Bound,
    Exists,
    Expression,
    Ids,
    Not,
    Offered,
    Or,
    Range,
    Values,
)
from tv5core.columns.fields import EXTRA

__all__ = ["to_text"]

_BARE = re.compile(r"[^\W_][\w.+'-]*")
"""Values that need no quotation marks."""
_RANGE = re.compile(r".*\.\.|\d{4}s")
_EPOCH = date(1970, 1, 1)


def to_text(expression: Expression) -> str:
    """Return a filter as text; equal filters give equal texts.

    Examples
    --------
    >>> from tv5core import F
    >>> to_text(F.genre("Drama") & (F.runtime <= 100) & ~F.adult)
    'genre:drama runtime:<=100 -adult'
    """
    if expression == EVERYTHING:
        return "*"
    if expression == NOTHING:
        return "-*"
    if isinstance(expression, Or):
        return " | ".join(map(to_text, expression.parts))
    if isinstance(expression, And):
        return " ".join(map(_in_brackets, expression.parts))
    if isinstance(expression, Not):
        text = _leaf(expression.part)
        return f"-({text})" if " " in text and isinstance(expression.part, Range) else f"-{text}"
    return _leaf(expression)


def _in_brackets(part: Expression) -> str:
    return f"({to_text(part)})" if isinstance(part, Or) else to_text(part)


def _leaf(leaf: Expression) -> str:
    if isinstance(leaf, Values):
        return "adult" if leaf.field == "adult" else f"{leaf.field}:{_list(leaf.keys)}"
    if isinstance(leaf, Ids):
        return f"id:{_list(leaf.ids)}"
    if isinstance(leaf, Exists):
        return f"{leaf.field}:*"
    if isinstance(leaf, Offered):
        return f"on:{_offer(leaf)}"
    if isinstance(leaf, Range):
        return _range(leaf)
    raise TypeError(f"expected a leaf, got {leaf!r}")


def _list(values: tuple[str, ...]) -> str:
    quoted = [_quoted(value) for value in values]
    return quoted[0] if len(quoted) == 1 else f"({'|'.join(quoted)})"


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value) and not _RANGE.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _offer(leaf: Offered) -> str:
    region = f"@{leaf.region}" if leaf.region else ""
    kind = f"/{leaf.offer}" if leaf.offer else ""
    return f"{_quoted(leaf.provider) if leaf.provider else '*'}{region}{kind}"


def _range(leaf: Range) -> str:
    low, high = _bound(leaf.field, leaf.low), _bound(leaf.field, leaf.high)
    above, below = ">" if leaf.low_open else ">=", "<" if leaf.high_open else "<="
    if leaf.high is None:
        return f"{leaf.field}:{above}{low}"
    if leaf.low is None:
        return f"{leaf.field}:{below}{high}"
    if leaf.low_open or leaf.high_open:
        return f"{leaf.field}:{above}{low} {leaf.field}:{below}{high}"
    if low == high and not leaf.field.startswith(EXTRA):  # a range of one's own field stays one
        return f"{leaf.field}:{low}"
    return f"{leaf.field}:{low}..{high}"


def _bound(field: str, bound: Bound) -> str:
    if field == "date" and isinstance(bound, int):
        return (_EPOCH + timedelta(bound)).isoformat()
    return str(bound)
