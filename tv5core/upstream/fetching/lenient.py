"""Converts what it can of a decoded body: unusable values and entries are left out.

Providers send single values of a wrong type: an empty text for a number, an empty list for an
object, an entry without a name. Each of them is left out, with its place; the rest is kept. It is
slower than :func:`msgspec.convert`, and so is used only where that fails.
"""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any

import msgspec
from msgspec import inspect

__all__ = ["EXACT", "Finite", "prune"]

EXACT = msgspec.Meta(extra={"exact": True})
"""Marks a field that is never left out, such as a number of pages: its default would lose data."""

Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
"""A finite number: texts such as ``"NaN"`` and ``"inf"`` count as numbers, and are refused."""

_SYSTEMATIC = 5
"""A longer list of which no entry is usable is an error: its entries are of another kind."""

_PLAIN_TYPES: dict[type[inspect.Type], type] = {
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BoolType: bool,
}


def prune(value: Any, kind: Any) -> tuple[Any, list[str]]:
    """Leave out what keeps a value from being converted.

    Parameters
    ----------
    value : object
        Decoded JSON without nulls.
    kind : type
        Such as a struct.

    Returns
    -------
    object
        The rest, which :func:`msgspec.convert` accepts.
    list of str
        Places of the values left out, such as ``similar.results[]``.

    Raises
    ------
    msgspec.ValidationError
        A required value is missing or unusable.
    """
    omitted: list[str] = []
    return _prune(value, _info(kind), "", omitted), omitted


@functools.lru_cache(maxsize=256)
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _prune(value: Any, info: inspect.Type, place: str, omitted: list[str]) -> Any:
    """Return the usable part of a value; places of what is left out are appended."""
    if isinstance(info, inspect.Metadata):
        return _prune(value, info.type, place, omitted)
    if isinstance(info, inspect.UnionType):
        return _prune_union(value, info, place, omitted)
    if isinstance(info, inspect.StructType):
        return _prune_object(value, info, place, omitted)
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        return _prune_list(value, info.item_type, place, omitted)
    if isinstance(info, inspect.DictType):
        return _prune_mapping(value, info.value_type, place, omitted)
    return _plain(value, info)


def _prune_union(value: Any, info: inspect.UnionType, place: str, omitted: list[str]) -> Any:
    error = msgspec.ValidationError("expected a value, got another")
    for each in info.types:
        if isinstance(each, inspect.NoneType):
            continue
        try:
            return _prune(value, each, place, omitted)
        except msgspec.ValidationError as failure:
            error = failure
    raise error


def _prune_object(value: Any, info: inspect.StructType, place: str, omitted: list[str]) -> Any:
    start = len(omitted)
    kept = dict(value) if isinstance(value, dict) else value
    for field in info.fields if isinstance(value, dict) else ():
        name = field.encode_name
        if name not in kept:
            continue
        below = f"{place}.{name}" if place else name
        try:
            kept[name] = _prune(kept[name], field.type, below, omitted)
        except msgspec.ValidationError:
            if not field.required and not _is_exact(field.type):
                del kept[name]
                omitted.append(below)
    try:
        msgspec.convert(kept, info.cls, strict=False)
    except msgspec.ValidationError:
        del omitted[start:]
        raise
    return kept


def _is_exact(info: inspect.Type) -> bool:
    return isinstance(info, inspect.Metadata) and bool((info.extra or {}).get("exact"))


def _prune_list(value: Any, item: inspect.Type, place: str, omitted: list[str]) -> list[Any]:
    if not isinstance(value, list):
        msgspec.convert(value, list, strict=False)
    start, below, kept = len(omitted), f"{place}[]", []
    error: msgspec.ValidationError | None = None
    for each in value:
        try:
            kept.append(_prune(each, item, below, omitted))
        except msgspec.ValidationError as failure:
            error = failure
            omitted.append(below)
    if error is not None and not kept and len(value) >= _SYSTEMATIC:
        del omitted[start:]
        raise error
    return kept


def _prune_mapping(value: Any, item: inspect.Type, place: str, omitted: list[str]) -> Any:
    if not isinstance(value, dict):
        msgspec.convert(value, dict, strict=False)
    below, kept = f"{place}[]", {}
    for key, each in value.items():
        try:
            kept[key] = _prune(each, item, below, omitted)
        except msgspec.ValidationError:
            omitted.append(below)
    return kept


def _plain(value: Any, info: inspect.Type) -> Any:
    kind = _PLAIN_TYPES.get(type(info))
    if kind is None:
        return value
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    converted: object = msgspec.convert(value, kind, strict=False)
    if isinstance(info, inspect.IntType | inspect.FloatType) and not _is_within(converted, info):
        raise msgspec.ValidationError(f"Expected another number, got {converted}")
    return converted


def _is_within(number: Any, info: inspect.IntType | inspect.FloatType) -> bool:
    """Return whether a number keeps its type's bounds; NaN keeps none."""
    return all(
        bound is None or keeps(number, bound)
        for keeps, bound in (
            (operator.gt, info.gt), (operator.ge, info.ge),
            (operator.lt, info.lt), (operator.le, info.le),
        )
    )  # fmt: skip
