"""LangChain's filters as conditions.

LangChain leaves the form of filters to each store. This is the one that most of its stores share:

===================================== ============================================
filter                                holds where
===================================== ============================================
``{"topic": "sea"}``                  the value is equal, as ``$eq``
``{"year": {"$gte": 1990}}``          ``$eq $ne $gt $gte $lt $lte``
``{"topic": {"$in": ["sea", "sky"]}}`` ``$in $nin``
``{"tags": {"$contains": "blue"}}``   the list has the value
``{"name": {"$like": "shark"}}``      the text occurs within, whatever its case
``{"year": {"$exists": True}}``       there is a value
``{"$and": [...]}``                   ``$and $or``; ``{"$not": {...}}``
a function of the document            it returns True
===================================== ============================================

Several keys of one mapping must all hold. ``$ne`` and ``$nin`` hold for a missing value, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.documents import Document as LangChainDocument

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import (
    All,
    AnyOf,
    Condition,
    Contains,
    Document,
    Equal,
    Not,
    OneOf,
    Ordered,
    Predicate,
    Within,
)
from tv5core.integrations.documents.conditions import check_depth

__all__ = ["Filter", "as_condition", "as_langchain"]

Filter = Mapping[str, Any] | Callable[[LangChainDocument], bool]


def as_langchain(document: Document) -> LangChainDocument:
    """Return a document as LangChain has them."""
    return LangChainDocument(
        id=document.id, page_content=document.text, metadata=dict(document.metadata)
    )


def as_condition(given: Filter | None) -> Condition | None:
    """Return the condition a filter stands for; None for none.

    Raises
    ------
    InvalidInputError
        It is no filter; the message says where.
    """
    if given is None or (isinstance(given, Mapping) and not given):
        return None
    if isinstance(given, Condition):
        return given
    if callable(given):
        accepts = given
        return Predicate(lambda document: accepts(as_langchain(document)))
    return _mapping(given, 0)


def _mapping(given: object, depth: int) -> Condition:
    below = check_depth(depth)
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"expected a filter to be a mapping, got {shown(given)}")
    return _all([_entry(name, value, below) for name, value in given.items()])


def _all(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _entry(name: object, value: object, depth: int) -> Condition:
    if not isinstance(name, str):
        raise InvalidInputError(f"expected a field's name in a filter, got {shown(name)}")
    if name in ("$and", "$or"):
        parts = tuple(_mapping(part, depth) for part in _listed(name, value))
        return All(parts) if name == "$and" else AnyOf(parts)
    if name == "$not":
        return Not(_mapping(value, depth))
    if name.startswith("$"):
        raise InvalidInputError(f"expected a field, $and, $or or $not in a filter, got {name!r}")
    if isinstance(value, Mapping) and any(str(key).startswith("$") for key in value):
        return _all([_operation(name, sign, operand) for sign, operand in value.items()])
    return Equal(name, value)


def _operation(field: str, sign: object, value: Any) -> Condition:
    make = _OPERATIONS.get(sign) if isinstance(sign, str) else None
    if make is None:
        known = ", ".join(_OPERATIONS)
        raise InvalidInputError(f"expected one of {known} for {field}, got {shown(sign)}")
    return make(field, value)


def _listed(name: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise InvalidInputError(f"expected a list after {name}, got {shown(value)}")
    return list(value)


def _exists(field: str, value: object) -> Condition:
    if not isinstance(value, bool):
        raise InvalidInputError(f"expected True or False after $exists, got {shown(value)}")
    return Not(Equal(field, None)) if value else Equal(field, None)


def _like(field: str, value: object) -> Condition:
    if not isinstance(value, str):
        raise InvalidInputError(f"expected a text after $like, got {shown(value)}")
    return Within(field, value, ignore_case=True)


def _one_of(field: str, value: object) -> Condition:
    return OneOf(field, tuple(_listed("$in or $nin", value)))


_OPERATIONS: dict[str, Callable[[str, Any], Condition]] = {
    "$eq": Equal,
    "$ne": lambda field, value: Not(Equal(field, value)),
    "$gt": lambda field, value: Ordered(field, ">", value),
    "$gte": lambda field, value: Ordered(field, ">=", value),
    "$lt": lambda field, value: Ordered(field, "<", value),
    "$lte": lambda field, value: Ordered(field, "<=", value),
    "$in": _one_of,
    "$nin": lambda field, value: Not(_one_of(field, value)),
    "$contains": Contains,
    "$like": _like,
    "$exists": _exists,
}
