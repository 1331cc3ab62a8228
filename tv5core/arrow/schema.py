"""The Arrow schema of titles: one column a field, lists and structures nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tv5core.types import Title

__all__ = ["EXTRA_ARROW_TYPES", "FIELD_TYPES", "title_schema"]

_TEXTS = pa.list_(pa.string())
_PERSON = pa.struct([("name", pa.string()), ("character", pa.string())])
_OFFER = pa.struct(
    [
        ("provider", pa.string()),
        ("region", pa.string()),
        ("kind", pa.string()),
        ("price", pa.float64()),
        ("currency", pa.string()),
        ("url", pa.string()),
        ("quality", pa.string()),
        ("checked_at", pa.int64()),
        ("source", pa.string()),
    ]
)
_ALTERNATIVE = pa.struct(
    [("title", pa.string()), ("language", pa.string()), ("region", pa.string())]
)
_COLLECTION = pa.struct([("id", pa.string()), ("name", pa.string())])

_OTHERS: Mapping[str, Any] = {
    "genres": _TEXTS,
    "keywords": _TEXTS,
    "cast": pa.list_(_PERSON),
    "directors": _TEXTS,
    "creators": _TEXTS,
    "languages": _TEXTS,
    "countries": _TEXTS,
    "year": pa.int64(),
    "runtime": pa.int64(),
    "seasons": pa.int64(),
    "votes": pa.int64(),
    "updated_at": pa.int64(),
    "rating": pa.float64(),
    "popularity": pa.float64(),
    "adult": pa.bool_(),
    "external_ids": pa.map_(pa.string(), pa.string()),
    "offers": pa.list_(_OFFER),
    "alternative_titles": pa.list_(_ALTERNATIVE),
    "collection": _COLLECTION,
}

FIELD_TYPES: Mapping[str, Any] = {
    name: _OTHERS.get(name, pa.string()) for name in Title.__struct_fields__ if name != "extra"
}
"""The Arrow type of each field of a title, in their order; those of ``extra`` are declared."""

EXTRA_ARROW_TYPES: Mapping[str, Any] = {
    "keyword": pa.string(),
    "keywords": _TEXTS,
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.string(),
    "text": pa.string(),
}
"""The Arrow type of each type of a catalogue's own fields."""


def title_schema(extra_fields: Mapping[str, str]) -> Any:
    """Return the ``pyarrow.Schema`` of titles with a catalogue's own fields.

    A field of the catalogue's own is a column ``extra.NAME``.

    Parameters
    ----------
    extra_fields : mapping of str to str
        Their types by name.
    """
    own = {f"extra.{name}": EXTRA_ARROW_TYPES[kind] for name, kind in extra_fields.items()}
    return pa.schema([*FIELD_TYPES.items(), *own.items()])
