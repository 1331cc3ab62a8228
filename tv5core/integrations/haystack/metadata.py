"""What the metadata of documents has: its fields, their values and extremes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tv5core.integrations.documents import Document

__all__ = ["count_values", "extremes", "field_name", "field_types", "unique_values"]


def field_name(name: str) -> str:
    """Return a field's name without the ``meta.`` that filters have before it."""
    return name.removeprefix("meta.")


def field_types(documents: Iterable[Document]) -> dict[str, dict[str, str]]:
    """Return the fields there are with the type of their values."""
    found: dict[str, dict[str, str]] = {}
    for document in documents:
        for name, value in document.metadata.items():
            if value is not None:
                found[name] = {"type": _type(value)}
    return found


def _type(value: object) -> str:
    names: list[tuple[type, str]] = [(bool, "boolean"), (int, "int"), (float, "float")]
    return next((name for kind, name in names if isinstance(value, kind)), "keyword")


def extremes(documents: Iterable[Document], name: str) -> dict[str, Any]:
    """Return the least and the greatest value of a field; None where there is none."""
    values = [
        value
        for document in documents
        if isinstance(value := document.metadata.get(name), (int, float, str))
    ]
    try:
        return {"min": min(values), "max": max(values)}
    except (TypeError, ValueError):  # of numbers and texts; of nothing
        return {"min": None, "max": None}


def unique_values(documents: Iterable[Document], name: str, search_term: str = "") -> list[Any]:
    """Return the values of a field, each once by value and type, in the order of their texts."""
    found: dict[tuple[str, str], Any] = {}
    for document in documents:
        value = document.metadata.get(name)
        if value is not None and search_term.lower() in str(value).lower():
            found.setdefault((type(value).__name__, json.dumps(value, sort_keys=True)), value)
    return [found[key] for key in sorted(found, key=lambda key: (str(found[key]), key[0]))]


def count_values(documents: Iterable[Document], names: Iterable[str]) -> dict[str, int]:
    """Return how many values each field has."""
    listed = list(documents)
    return {name: len(unique_values(listed, name)) for name in map(field_name, names)}
