"""LlamaIndex's metadata filters as conditions.

All operators are supported, and filters within filters. As in LlamaIndex's own store, a missing
value is unequal to any other, ``contains``, ``any`` and ``all`` look into lists and into texts,
and ``is_empty`` holds for None, an empty text and an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import (
    All,
    AnyOf,
    Condition,
    Contains,
    Empty,
    Equal,
    Not,
    OneOf,
    Ordered,
    Within,
)
from tv5core.integrations.documents.conditions import Sign, check_depth

__all__ = ["as_condition"]


def as_condition(given: MetadataFilters | None) -> Condition | None:
    """Return the condition that filters stand for; None for none.

    Raises
    ------
    InvalidInputError
        They are none, or an operator's value has the wrong type.
    """
    if given is None or (isinstance(given, MetadataFilters) and not given.filters):
        return None
    return _joined(given, 0)


def _joined(given: object, depth: int) -> Condition:
    below = check_depth(depth)
    if isinstance(given, MetadataFilter):
        return _OPERATORS[given.operator](given.key, given.value)
    if not isinstance(given, MetadataFilters):
        raise InvalidInputError(f"expected MetadataFilters, got {shown(given)}")
    parts = tuple(_joined(part, below) for part in given.filters)
    if given.condition == FilterCondition.OR:
        return AnyOf(parts)
    if given.condition == FilterCondition.NOT:
        return Not(AnyOf(parts))
    return All(parts)


def _given(make: Callable[[str, Any], Condition]) -> Callable[[str, Any], Condition]:
    """Return a condition that no missing value fulfils, whatever it is compared with."""

    def condition(key: str, value: Any) -> Condition:
        return make(key, value) if value is not None else Not(All(()))

    return condition


def _listed(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInputError(f"expected a list to compare {key} with, got {shown(value)}")
    return tuple(value)


def _ordered(sign: Sign, key: str, value: Any) -> Condition:
    if not isinstance(value, (str, int, float)):
        raise InvalidInputError(f"expected a number or text to compare {key} with, got {value!r}")
    return Ordered(key, sign, value)


def _one_of(key: str, value: Any) -> Condition:
    return OneOf(key, tuple(one for one in _listed(key, value) if one is not None))


def _contains(key: str, value: Any) -> Condition:
    if isinstance(value, str):
        return AnyOf((Contains(key, value), Within(key, value)))
    return Contains(key, value)


def _within(key: str, value: Any, *, ignore_case: bool) -> Condition:
    if not isinstance(value, str):
        raise InvalidInputError(f"expected a text to look for in {key}, got {shown(value)}")
    return Within(key, value, ignore_case)


_OPERATORS: dict[FilterOperator, Callable[[str, Any], Condition]] = {
    FilterOperator.EQ: _given(Equal),
    FilterOperator.NE: lambda key, value: AnyOf((Equal(key, None), Not(Equal(key, value)))),
    FilterOperator.GT: partial(_ordered, ">"),
    FilterOperator.GTE: partial(_ordered, ">="),
    FilterOperator.LT: partial(_ordered, "<"),
    FilterOperator.LTE: partial(_ordered, "<="),
    FilterOperator.IN: _one_of,
    FilterOperator.NIN: lambda key, value: Not(_one_of(key, value)),
    FilterOperator.CONTAINS: _contains,
    FilterOperator.ANY: lambda key, value: AnyOf(
        tuple(_contains(key, one) for one in _listed(key, value))
    ),
    FilterOperator.ALL: lambda key, value: All(
        (Not(Equal(key, None)), *(_contains(key, one) for one in _listed(key, value)))
    ),
    FilterOperator.TEXT_MATCH: lambda key, value: _within(key, value, ignore_case=False),
    FilterOperator.TEXT_MATCH_INSENSITIVE: lambda key, value: _within(key, value, ignore_case=True),
    FilterOperator.IS_EMPTY: lambda key, _: Empty(key),
}
