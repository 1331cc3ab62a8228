"""Haystack's filters as conditions.

Haystack itself decides what a filter is true of; what the catalogue's filters can express of it
narrows the documents that it is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from dateutil import parser as dates
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter

from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import (
    All,
    AnyOf,
    Condition,
    Document,
    Equal,
    Not,
    OneOf,
    Ordered,
    Predicate,
)
from tv5core.integrations.documents.conditions import Sign, check_depth
from tv5core.integrations.haystack.converting import as_haystack

__all__ = ["as_condition"]

_META = "meta."
_DATE_LENGTH = 10
_ANYTHING = All(())


def as_condition(filters: Mapping[str, Any] | None) -> Condition | None:
    """Return the condition that filters stand for; None for none.

    Raises
    ------
    FilterError
        They are malformed, or compare what has no order.
    """
    if not filters:
        return None
    try:
        hint = _translated(filters, 0)
    except InvalidInputError as error:
        raise FilterError(str(error)) from error
    return Predicate(partial(_matches, dict(filters)), hint)


def _matches(filters: dict[str, Any], document: Document) -> bool:
    return document_matches_filter(filters, as_haystack(document))


def _translated(filters: object, depth: int) -> Condition:
    """Return a condition that is true of all that a filter is true of, if not only of it."""
    if not isinstance(filters, Mapping):
        raise FilterError(f"expected a filter to be a dict, got {filters!r}")
    return _comparison(filters) if "field" in filters else _logic(filters, depth)


def _logic(filters: Mapping[str, Any], depth: int) -> Condition:
    below = check_depth(depth)
    operator, conditions = _part(filters, "operator"), _part(filters, "conditions")
    if not isinstance(conditions, (list, tuple)):
        raise FilterError(f"expected a list of conditions, got {conditions!r}")
    parts = tuple(_translated(part, below) for part in conditions)
    if operator == "AND":
        return All(parts)
    if operator == "OR":
        return AnyOf(parts)
    if operator == "NOT":
        return Not(All(parts))
    raise FilterError(f"expected AND, OR or NOT, got {operator!r}")


def _comparison(filters: Mapping[str, Any]) -> Condition:
    operator, value = _part(filters, "operator"), _part(filters, "value")
    field = filters["field"]
    if not isinstance(field, str):
        raise FilterError(f"expected a field's name, got {field!r}")
    make = _OPERATORS.get(operator) if isinstance(operator, str) else None
    if make is None:
        raise FilterError(f"expected an operator among {', '.join(_OPERATORS)}; got {operator!r}")
    condition = make(field.removeprefix(_META), value)
    # A field of the document itself, or within another, is no field of the metadata.
    return condition if field.startswith(_META) and field.count(".") == 1 else _unknown()


def _unknown() -> Condition:
    """Return a condition of which nothing is known, also where it is negated."""
    return Predicate(lambda _: True)


def _part(filters: Mapping[str, Any], name: str) -> Any:
    if name not in filters:
        raise FilterError(f"expected {name!r} in a filter, got {dict(filters)!r}")
    return filters[name]


def _equal(field: str, value: Any) -> Condition:
    return _unknown() if _may_be_a_date(value) else Equal(field, value)


def _one_of(field: str, value: Any) -> Condition:
    if not isinstance(value, list):
        raise FilterError(f"expected a list to compare {field} with, got {value!r}")
    return _unknown() if any(map(_may_be_a_date, value)) else OneOf(field, tuple(value))


def _may_be_a_date(value: Any) -> bool:
    """Return whether Haystack may find a value equal to one that is written otherwise."""
    if isinstance(value, datetime):
        return True
    return isinstance(value, str) and len(value) >= _DATE_LENGTH and value[4] == value[7] == "-"


def _ordered(sign: Sign, field: str, value: Any) -> Condition:
    if isinstance(value, list):
        raise FilterError(f"expected a value to compare {field} with, got a list")
    if value is None:
        return Not(_ANYTHING)
    if isinstance(value, str):
        _check_date(field, value)
        return _unknown()
    return Ordered(field, sign, value) if isinstance(value, (int, float)) else _unknown()


def _check_date(field: str, value: str) -> None:
    try:
        dates.parse(value)
    except (ValueError, OverflowError) as error:
        raise FilterError(
            f"expected a number or a date in ISO 8601 to compare {field} with, got {value!r}"
        ) from error


_OPERATORS: dict[str, Callable[[str, Any], Condition]] = {
    "==": _equal,
    "!=": lambda field, value: Not(_equal(field, value)),
    ">": partial(_ordered, ">"),
    ">=": partial(_ordered, ">="),
    "<": partial(_ordered, "<"),
    "<=": partial(_ordered, "<="),
    "in": _one_of,
    "not in": lambda field, value: Not(_one_of(field, value)),
}
