"""Which columns there are, and what a title has in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tv5core.columns.fields import (
    EXTRA,
    FIELDS,
    ROLES,
    name_key,
    names_of,
    provider_key,
    value_key,
)
from tv5core.columns.filters import day_number
from tv5core.columns.keywords import SEPARATOR, Entry
from tv5core.extra_fields import is_date
from tv5core.types import Collection, Offer, Title

__all__ = ["KeywordSource", "NumberSource", "keyword_sources", "number_sources"]

_LARGEST = (1 << 62) - 1


@dataclass(frozen=True)
class NumberSource:
    """A column of numbers: its name, what a title has in it, and whether numbers are whole."""

    name: str
    get: Callable[[Title], float | None]
    whole: bool


@dataclass(frozen=True)
class KeywordSource:
    """A column of words.

    Attributes
    ----------
    name : str
    get : callable
        Returns what a title has in it.
    entries : callable
        Returns the values that one of these stands for.
    roles : callable or None
        Returns the role of each.
    """

    name: str
    get: Callable[[Title], Sequence[Any]]
    entries: Callable[[Any], Sequence[Entry]]
    roles: Callable[[Title], Sequence[int]] | None = None


# -- numbers ----------------------------------------------------------------------------------


def number_sources(schema: Mapping[str, str]) -> Iterator[NumberSource]:
    """Return the columns of numbers of a catalogue with fields of its own."""
    for field in FIELDS.values():
        if field.type in ("int", "date", "float", "bool"):
            yield NumberSource(
                field.name, _attribute(field.name, field.type), field.type != "float"
            )
    for name, kind in schema.items():
        if kind in ("int", "date", "float", "bool"):
            yield NumberSource(EXTRA + name, _extra(name, kind), kind != "float")


def _attribute(name: str, kind: str) -> Callable[[Title], float | None]:
    attribute = "release_date" if kind == "date" else name
    convert = _CONVERT[kind]
    return lambda title: convert(getattr(title, attribute))


def _extra(name: str, kind: str) -> Callable[[Title], float | None]:
    convert = _CONVERT[kind]
    return lambda title: convert(title.extra.get(name))


def _day(value: object) -> int | None:
    return day_number(date.fromisoformat(value)) if is_date(value) else None  # type: ignore[arg-type]


def _whole(value: object) -> int | None:
    return max(-_LARGEST, min(int(value), _LARGEST)) if isinstance(value, int) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


_CONVERT: dict[str, Callable[[object], float | None]] = {
    "int": _whole,
    "bool": _whole,
    "float": _real,
    "date": _day,
}


# -- words ------------------------------------------------------------------------------------


def keyword_sources(schema: Mapping[str, str]) -> Iterator[KeywordSource]:
    """Return the columns of words of a catalogue with fields of its own."""
    yield KeywordSource("kind", lambda title: (title.kind,), _as_is)
    for name, get in _WORDS.items():
        yield KeywordSource(name, get, _values(name))
    yield KeywordSource("person", _people, _person, _roles)
    yield KeywordSource("collection", _collections, _collection)
    yield KeywordSource("on", lambda title: title.offers, _offer)
    for name, kind in schema.items():
        if kind in ("keyword", "keywords"):
            yield KeywordSource(EXTRA + name, _extra_words(name), _values(EXTRA + name))


_WORDS: dict[str, Callable[[Title], Sequence[Any]]] = {
    "genre": lambda title: title.genres,
    "keyword": lambda title: title.keywords,
    "language": lambda title: title.languages,
    "country": lambda title: title.countries,
    "certification": lambda title: (title.certification,) if title.certification else (),
}


def _as_is(value: str) -> Sequence[Entry]:
    return ((value, value),)


def _values(field: str) -> Callable[[str], Sequence[Entry]]:
    def entries(text: str) -> Sequence[Entry]:
        pairs = ((value_key(field, name), _shown(name)) for name in names_of(field, text))
        return [pair for pair in pairs if pair[0]]

    return entries


def _shown(text: str) -> str:
    return text.replace(SEPARATOR, " ").strip()


def _people(title: Title) -> Sequence[str]:
    return (*(person.name for person in title.cast), *title.directors, *title.creators)


def _roles(title: Title) -> Sequence[int]:
    return (
        *(ROLES["cast"] for _ in title.cast),
        *(ROLES["director"] for _ in title.directors),
        *(ROLES["creator"] for _ in title.creators),
    )


def _person(name: str) -> Sequence[Entry]:
    key = name_key(name)
    return ((key, _shown(name)),) if key else ()


def _collections(title: Title) -> Sequence[Collection]:
    return () if title.collection is None else (title.collection,)


def _collection(collection: Collection) -> Sequence[Entry]:
    name = collection.name or collection.id
    key = value_key("collection", name)
    return ((key, f"{_shown(name)}{SEPARATOR}{_shown(collection.id)}"),) if key else ()


def _offer(offer: Offer) -> Sequence[Entry]:
    key, name = provider_key(offer.provider), _shown(offer.provider)
    where = SEPARATOR.join((name, _shown(offer.region).upper(), _shown(offer.kind)))
    return ((key, where),) if key else ()


def _extra_words(name: str) -> Callable[[Title], Sequence[Any]]:
    def words(title: Title) -> Sequence[Any]:
        value = title.extra.get(name, ())
        return (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()

    return words
