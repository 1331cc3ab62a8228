"""Parameters and bodies of requests to typed structs; errors name what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tv5core.arguments import shown
from tv5core.server.errors import MalformedBodyError, ParameterError
from tv5core.server.type_words import expected, plain_type

__all__ = ["decode_body", "read_query"]

T = TypeVar("T", bound=msgspec.Struct)
_SEQUENCES = (inspect.VarTupleType, inspect.ListType)
_SHOWN = 80


class _Parameter:
    """One parameter: how its text becomes a value.

    Parameters
    ----------
    field : msgspec.inspect.Field
    annotation : type
    """

    def __init__(self, field: inspect.Field, annotation: Any) -> None:
        self.name, self.required = field.encode_name, field.required
        self.expected = expected(field.type)
        self._annotation = annotation
        self._is_list = isinstance(plain_type(field.type), _SEQUENCES)

    def read(self, text: str) -> Any:
        """Return the value of a text.

        Raises
        ------
        ParameterError
        """
        given: Any = text
        if self._is_list:
            given = [part for part in text.split(",") if part]
        try:
            value = msgspec.convert(given, self._annotation, strict=False)
        except msgspec.ValidationError:
            value = None
        if value is None:  # also of the text "null", which no parameter accepts
            raise ParameterError(self.name, self.expected, shown(text[:_SHOWN]))
        return value


@lru_cache(maxsize=64)
def _parameters(kind: type[msgspec.Struct]) -> dict[str, _Parameter]:
    described = inspect.type_info(kind)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"expected a struct, got {kind}")
    annotations = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return {f.encode_name: _Parameter(f, annotations[f.name]) for f in described.fields}


def read_query(kind: type[T], given: Mapping[str, str]) -> T:
    """Make a struct of a query's parameters; lists are separated by commas.

    Parameters
    ----------
    kind : type
    given : mapping of str to str
        May have a key several times.

    Raises
    ------
    ParameterError
        A parameter is unknown, missing, occurs twice, or has a value that is not accepted.
    """
    known = _parameters(kind)
    values: dict[str, Any] = {}
    for name, text in given.items():
        parameter = known.get(name)
        if parameter is None:
            raise ParameterError(name[:_SHOWN], _one_of(known), "an unknown parameter")
        if name in values:
            raise ParameterError(name, "one value", "several")
        values[name] = parameter.read(text)
    for name, parameter in known.items():
        if parameter.required and name not in values:
            raise ParameterError(name, parameter.expected, "nothing")
    return kind(**values)


def decode_body(kind: type[T], raw: bytes) -> T:
    """Decode a body of JSON.

    Raises
    ------
    MalformedBodyError, ParameterError
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        name = place.rstrip("`").lstrip(".") or "body"
        raise ParameterError(name, *_wrong(message)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBodyError(f"expected JSON, got {shown(raw[:40])}") from None


def _wrong(message: str) -> tuple[str, str]:
    """Return what was expected and what came, of a message such as ``Expected `int` >= 1``."""
    unknown, _, field = message.partition("Object contains unknown field ")
    if field and not unknown:
        return "known fields only", f"the field {field}"
    missing, _, field = message.partition("Object missing required field ")
    if field and not missing:
        return f"the field {field}", "an object without it"
    expected, _, got = message.removeprefix("Expected ").partition(", got ")
    return expected, got or "another value"


def _one_of(names: Mapping[str, object]) -> str:
    return f"one of {', '.join(sorted(names))}" if names else "no parameters"
