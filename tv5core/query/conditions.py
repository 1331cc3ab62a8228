"""Readings as filters: what was understood of a text, in the language of columns."""

from __future__ import annotations

from collections.abc import Iterable

from tv5core.columns import EVERYTHING, Expression, F
from tv5core.columns.expressions import all_of, any_of
from tv5core.columns.filters import NumberField
from tv5core.columns.wording import to_text
from tv5core.query.interpretation import Condition, Found
from tv5core.query.phrases import Numbers
from tv5core.results import Reading

__all__ = ["filter_of", "reading_of"]


def filter_of(found: Iterable[Found]) -> Expression:
    """Return the filter that titles of all readings pass."""
    return all_of(_expression(one) for reading in found for one in reading.conditions)


def reading_of(found: Found) -> Reading:
    """Return a reading as answers show it."""
    return Reading(found.words, found.kind, to_text(filter_of([found])))


def _expression(condition: Condition) -> Expression:
    if isinstance(condition, Numbers):
        field: NumberField = getattr(F, condition.field)
        low, high = condition.low, condition.high
        if low is None:
            return EVERYTHING if high is None else field <= high
        return field >= low if high is None else field.between(low, high)
    return any_of(getattr(F, field)(value) for field, value in condition)
