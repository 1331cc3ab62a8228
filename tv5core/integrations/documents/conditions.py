"""Conditions on a document's metadata, as values that frameworks' filters are translated into.

A field that is missing is None: no comparison holds for it but ``Empty`` and an ``Equal`` to None.
A negation holds wherever the condition does not, so a missing field is not equal to anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tv5core.errors import InvalidInputError
from tv5core.integrations.documents.document import Document

__all__ = [
    "MAX_DEPTH",
    "All",
    "AnyOf",
    "Condition",
    "Contains",
    "Empty",
    "Equal",
    "Not",
    "OneOf",
    "Ordered",
    "Predicate",
    "Within",
    "check_depth",
]

MAX_DEPTH = 32
"""How deep conditions may be nested; a filter may come from a model or a request."""

Sign = Literal["<", "<=", ">", ">="]
_SIGNS: dict[Sign, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def check_depth(depth: int) -> int:
    """Return the depth below, or raise InvalidInputError where filters are nested too deep."""
    if depth >= MAX_DEPTH:
        raise InvalidInputError(f"expected filters nested at most {MAX_DEPTH} deep, got more")
    return depth + 1


class Condition:
    """What a document may be asked for."""

    def holds(self, document: Document) -> bool:
        """Return whether it is true of a document."""
        raise NotImplementedError


@dataclass(frozen=True)
class Equal(Condition):
    """The field's value is this one."""

    field: str
    value: Any

    def holds(self, document: Document) -> bool:
        """Return whether the value is there."""
        return bool(document.metadata.get(self.field) == self.value)


@dataclass(frozen=True)
class OneOf(Condition):
    """The field's value is one of some."""

    field: str
    values: tuple[Any, ...]

    def holds(self, document: Document) -> bool:
        """Return whether the value is among them."""
        return document.metadata.get(self.field) in self.values


@dataclass(frozen=True)
class Ordered(Condition):
    """The field's value is above or below another: of numbers, or of texts."""

    field: str
    sign: Sign
    value: Any

    def holds(self, document: Document) -> bool:
        """Return whether both can be compared, and it is."""
        stored = document.metadata.get(self.field)
        kinds = [(str,), (int, float)]
        if not any(isinstance(stored, k) and isinstance(self.value, k) for k in kinds):
            return False
        return _SIGNS[self.sign](stored, self.value)


@dataclass(frozen=True)
class Contains(Condition):
    """The field's list has a value."""

    field: str
    value: Any

    def holds(self, document: Document) -> bool:
        """Return whether the value is in the list."""
        stored = document.metadata.get(self.field)
        return isinstance(stored, (list, tuple)) and self.value in stored


@dataclass(frozen=True)
class Within(Condition):
    """The field's text has another within it."""

    field: str
    text: str
    ignore_case: bool = False

    def holds(self, document: Document) -> bool:
        """Return whether the text occurs."""
        stored = document.metadata.get(self.field)
        if not isinstance(stored, str):
            return False
        if self.ignore_case:
            return self.text.lower() in stored.lower()
        return self.text in stored


@dataclass(frozen=True)
class Empty(Condition):
    """The field is missing, None, or an empty text or list."""

    field: str

    def holds(self, document: Document) -> bool:
        """Return whether nothing is there."""
        stored = document.metadata.get(self.field)
        return stored is None or stored in ("", [], ())


@dataclass(frozen=True)
class Predicate(Condition):
    """A function of the document decides; ``hint`` is true of all it accepts.

    Parameters
    ----------
    function : callable
        Takes a Document.
    hint : Condition, optional
        What the catalogue can use to look at fewer documents.
    """

    function: Callable[[Document], bool]
    hint: Condition | None = None

    def holds(self, document: Document) -> bool:
        """Return what the function says."""
        return bool(self.function(document))


@dataclass(frozen=True)
class Not(Condition):
    """A condition does not hold."""

    part: Condition

    def holds(self, document: Document) -> bool:
        """Return the contrary."""
        return not self.part.holds(document)


@dataclass(frozen=True)
class All(Condition):
    """All conditions hold."""

    parts: tuple[Condition, ...]

    def holds(self, document: Document) -> bool:
        """Return whether each does."""
        return all(part.holds(document) for part in self.parts)


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one condition holds."""

    parts: tuple[Condition, ...]

    def holds(self, document: Document) -> bool:
        """Return whether one does."""
        return any(part.holds(document) for part in self.parts)
