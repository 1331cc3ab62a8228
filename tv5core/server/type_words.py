"""Types in words, for messages that say what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect

__all__ = ["expected", "plain_type"]


def plain_type(kind: inspect.Type) -> inspect.Type:
    """Return a type without its metadata, and without None beside it."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        others = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
        return plain_type(others[0]) if len(others) == 1 else kind
    return kind


def expected(kind: inspect.Type) -> str:
    """Say in words what a type accepts."""
    plain = plain_type(kind)
    say = _WORDS.get(type(plain))
    return say(plain) if say else "a value"


def _number(word: str) -> Callable[[Any], str]:
    def say(kind: Any) -> str:
        low, high = kind.ge, kind.le
        if low is not None and high is not None:
            return f"{word} from {low} to {high}"
        return f"{word} of at least {low}" if low is not None else word

    return say


def _text(kind: Any) -> str:
    if kind.pattern:
        return f"text that matches {kind.pattern}"
    return f"text of at most {kind.max_length:,} characters" if kind.max_length else "text"


def _list(kind: Any) -> str:
    most = f"at most {kind.max_length} " if kind.max_length else ""
    return f"{most}values separated by commas"


_WORDS: dict[type, Callable[[Any], str]] = {
    inspect.IntType: _number("an integer"),
    inspect.FloatType: _number("a number"),
    inspect.BoolType: lambda _: "true or false",
    inspect.StrType: _text,
    inspect.LiteralType: lambda kind: f"one of {', '.join(map(str, kind.values))}",
    inspect.VarTupleType: _list,
    inspect.ListType: _list,
}
