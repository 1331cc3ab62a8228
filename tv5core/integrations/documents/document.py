"""A document, and the title of a catalogue that it is stored as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from tv5core.arguments import check_text, check_type, shown
from tv5core.columns.fields import EXTRA, keys_of
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.extra_fields import extra_fault
from tv5core.types import ExtraValue, Title

__all__ = ["PAYLOAD", "Document", "Found", "as_title", "can_be_pushed", "of_title"]

PAYLOAD = "document"
"""The catalogue's own field, of type ``text``, that holds metadata and data as JSON."""

_DEEPEST = 64
_WHOLE_IN_FLOAT = 1 << 53


@dataclass(frozen=True)
class Document:
    """A text with metadata.

    Attributes
    ----------
    id : str
        1 to 256 bytes of UTF-8.
    text : str
        Searched by words.
    metadata : dict
        Values of JSON: what conditions are about. Tuples come back as lists.
    data : dict
        Values of JSON that belong to the document and nobody filters by.
    vector : array_like [dim], optional
        Read back as float32[dim], where asked for.
    """

    id: str
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    vector: npt.ArrayLike | None = None


@dataclass(frozen=True)
class Found:
    """A document that a search found.

    Attributes
    ----------
    document : Document
    score : float
        Higher is better: of a vector, its cosine or inner product; of a text, a sum of evidence;
        of both, 0 to 1.
    """

    document: Document
    score: float


def as_title(document: Document, fields: Mapping[str, str]) -> Title:
    """Return the title that stands for a document.

    Raises
    ------
    InvalidInputError
        Something in it is no value of JSON, or a declared field's is of another type.
    """
    check_type("a document", document, Document)
    where = f"document {shown(document.id)}"
    check_text(f"the text of {where}", document.text)
    for name in ("metadata", "data"):
        check_type(f"{name} of {where}", getattr(document, name), Mapping)
        _check_json(getattr(document, name), f"{name} of {where}")
    payload = {"metadata": document.metadata, "data": document.data}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=dict)
    extra = {name: value for name, kind in fields.items()
             if (value := _indexed(document, name, kind)) is not None}  # fmt: skip
    return Title(document.id, "movie", "", overview=document.text, extra={**extra, PAYLOAD: text})


def of_title(title: Title, vector: npt.ArrayLike | None = None) -> Document:
    """Return the document that a title stands for.

    Raises
    ------
    CorruptFileError
        It stands for none.
    """
    try:
        payload = json.loads(title.extra[PAYLOAD])  # type: ignore[arg-type]
        metadata, data = payload["metadata"], payload["data"]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{title.id}: expected a document, got {error!r}") from error
    return Document(title.id, title.overview, metadata, data, vector)


def can_be_pushed(value: object) -> bool:
    """Return whether a value can stand in a filter of words."""
    if not isinstance(value, str):
        return False
    try:
        keys_of(f"{EXTRA}x", value)
    except InvalidInputError:
        return False
    return True


def _indexed(document: Document, name: str, kind: str) -> ExtraValue | None:
    """Return what is stored of a declared field beside the metadata; None for nothing."""
    value = document.metadata.get(name)
    if value is None:
        return None
    if kind == "keywords" and isinstance(value, (list, tuple)):
        value = tuple(value)
    blank = kind in ("keyword", "keywords") and not value
    if not blank and (fault := extra_fault(_stripped(value), kind)):
        raise InvalidInputError(f"expected {fault} in {name} of document {shown(document.id)}")
    if kind == "float" and isinstance(value, int) and abs(value) > _WHOLE_IN_FLOAT:
        raise InvalidInputError(
            f"expected a number that float64 holds in {name} of document {shown(document.id)}, "
            f"got {shown(value)}"
        )
    if kind == "keyword":
        return value if can_be_pushed(value) else None
    if kind == "keywords":
        return tuple(filter(can_be_pushed, value)) or None
    return value


def _stripped(value: Any) -> Any:
    """Return words without those that are blank: they are kept in the metadata alone."""
    if isinstance(value, tuple):
        return tuple(v for v in value if not isinstance(v, str) or v.strip())
    return "x" if isinstance(value, str) and not value.strip() else value


def _check_json(value: object, where: str, depth: int = 0) -> None:
    """Raise InvalidInputError unless JSON gives a value back as it is."""
    if value is None or isinstance(value, (bool, int, float)):
        return
    if isinstance(value, str):
        check_text(where, value)
        return
    if isinstance(value, (list, tuple, Mapping)) and depth < _DEEPEST:
        if isinstance(value, Mapping):
            for name in value:
                if not isinstance(name, str):
                    raise InvalidInputError(f"expected names to be text in {where}, got {name!r}")
                check_text(where, name)
        for part in value.values() if isinstance(value, Mapping) else value:
            _check_json(part, where, depth + 1)
        return
    raise InvalidInputError(
        f"expected values of JSON, at most {_DEEPEST} deep, in {where}, got {shown(value)}"
    )
