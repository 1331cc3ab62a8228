"""Evaluates filters over the columns of a segment, to bitmaps and to estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.columns.expressions import (
    And,
    Exists,
    Expression,
    Ids,
    Not,
    Offered,
    Or,
    Range,
    Values,
)
from tv5core.columns.fields import ROLES
from tv5core.columns.keywords import KeywordColumn
from tv5core.columns.numbers import NumberColumn
from tv5core.columns.typed import spans_of
from tv5core.errors import InvalidInputError

__all__ = ["Columns", "IdLookup", "estimate", "evaluate", "offers_matching"]

I64 = npt.NDArray[np.int64]
IdLookup = Callable[[Sequence[str]], I64]
"""Returns the documents that have some ids."""


class Columns:
    """The columns of a segment by name, and how many documents it has."""

    def __init__(
        self,
        count: int,
        numbers: Mapping[str, NumberColumn],
        keywords: Mapping[str, KeywordColumn],
        types: Mapping[str, str],
    ) -> None:
        self.count, self.numbers, self.keywords, self.types = count, numbers, keywords, types


def evaluate(expression: Expression, columns: Columns, ids: IdLookup | None) -> Bitmap:
    """Return the documents for which an expression is true."""
    if isinstance(expression, Not):
        return _inverted(evaluate(expression.part, columns, ids), columns.count)
    if isinstance(expression, (And, Or)):
        if not expression.parts:
            return _all(columns) if isinstance(expression, And) else _none(columns)
        parts = (evaluate(part, columns, ids) for part in expression.parts)
        return reduce(np.bitwise_and if isinstance(expression, And) else np.bitwise_or, parts)
    if isinstance(expression, Ids):
        return _with_ids(expression, columns, ids)
    if isinstance(expression, Offered):
        column = columns.keywords["on"]
        return column.with_values(offers_matching(column, expression))
    if isinstance(expression, (Values, Range, Exists)):
        return _of_field(expression, columns)
    raise InvalidInputError(f"expected a filter, got {type(expression).__name__}")


def _none(columns: Columns) -> Bitmap:
    return np.zeros(-(-columns.count // 8), np.uint8)


def _all(columns: Columns) -> Bitmap:
    return bitmap.full(columns.count)


def _inverted(some: Bitmap, count: int) -> Bitmap:
    inverted = ~some
    if count % 8:
        inverted[-1] &= (1 << count % 8) - 1
    return inverted


def _with_ids(leaf: Ids, columns: Columns, ids: IdLookup | None) -> Bitmap:
    if ids is None:
        raise InvalidInputError("expected a way to look up ids for a filter by id, got none")
    return bitmap.from_rows(np.unique(ids(leaf.ids)), columns.count)


def _of_field(leaf: Values | Range | Exists, columns: Columns) -> Bitmap:
    name, roles = _column_of(leaf.field)
    if name in columns.numbers:
        column = columns.numbers[name]
        spans = spans_of(leaf, columns.types[name])
        found = [column.within(span) for span in spans]
    elif name in columns.keywords:
        words = columns.keywords[name]
        if isinstance(leaf, Values):
            found = [words.with_key(key, roles) for key in leaf.keys]
        else:
            found = [words.with_any(roles)] if isinstance(leaf, Exists) else []
    else:
        found = []  # one of the catalogue's own fields, declared after the segment was made
    return reduce(np.bitwise_or, found) if found else _none(columns)


def _column_of(field: str) -> tuple[str, int]:
    """Return the column of a field, and the roles that it looks at; 0 for all."""
    if field not in ROLES:
        return field, 0
    return "person", 0 if field == "person" else ROLES[field]


def offers_matching(column: KeywordColumn, leaf: Offered) -> I64:
    """Return the values of offers by a service, in a country, of a kind."""
    first, end = column.values_of(leaf.provider) if leaf.provider else (0, len(column.rests))
    if not leaf.region and not leaf.offer:
        return np.arange(first, end)
    number, facts = column.facts
    right = np.array(
        [leaf.region in ("", region) and leaf.offer in ("", offer) for region, offer in facts], bool
    )
    return first + np.flatnonzero(right[number[first:end]])


# -- estimates --------------------------------------------------------------------------------


def estimate(expression: Expression, columns: Columns) -> int:
    """Return how many documents an expression is true of at most, without looking at them."""
    if isinstance(expression, And):
        return min((estimate(part, columns) for part in expression.parts), default=columns.count)
    if isinstance(expression, Or):
        return min(columns.count, sum(estimate(part, columns) for part in expression.parts))
    if isinstance(expression, Not):
        return columns.count - _at_least(expression.part, columns)
    if isinstance(expression, Ids):
        return min(columns.count, len(expression.ids))
    if isinstance(expression, Offered):
        column = columns.keywords["on"]
        values = offers_matching(column, expression)
        counts = column.ends[values + 1].astype(np.int64) - column.ends[values]
        return min(columns.count, int(counts.sum()))
    if isinstance(expression, (Values, Range, Exists)):
        return _estimate_of_field(expression, columns)
    raise InvalidInputError(f"expected a filter, got {type(expression).__name__}")


def _estimate_of_field(leaf: Values | Range | Exists, columns: Columns) -> int:
    name, _ = _column_of(leaf.field)
    if name in columns.numbers:
        spans = spans_of(leaf, columns.types[name])
        return min(columns.count, sum(columns.numbers[name].count_within(span) for span in spans))
    if name not in columns.keywords or isinstance(leaf, Range):
        return 0
    if isinstance(leaf, Exists):
        return columns.count
    words = columns.keywords[name]
    return min(columns.count, sum(words.count_of(key) for key in leaf.keys))


def _at_least(leaf: Expression, columns: Columns) -> int:
    """Return how many documents a leaf is true of at least."""
    if not isinstance(leaf, (Values, Range, Exists)):
        return 0
    name, roles = _column_of(leaf.field)
    if name in columns.numbers:
        spans = spans_of(leaf, columns.types[name])
        return max((columns.numbers[name].count_within(span) for span in spans), default=0)
    if roles or name not in columns.keywords or not isinstance(leaf, Values):
        return 0
    words = columns.keywords[name]
    return max(words.most_of_one(key) for key in leaf.keys)
