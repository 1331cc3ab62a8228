"""The fields that can be filtered by, and the keys under which their values are compared.

========================================= ========= ==================================
field                                     type      compared by
========================================= ========= ==================================
year, runtime, votes, seasons             int       value
date                                      date      day
rating, popularity                        float     value
adult                                     bool      value
kind                                      keyword   ``movie`` or ``show``
keyword, person, cast, director,          keyword   the name without case, accents
creator, collection                                 and punctuation
genre, certification                      keyword   without case and accents
language, country                         keyword   code, also found by English name
on                                        offer     service, region and kind of offer
id                                        id        exactly
extra.NAME                                declared  as declared
========================================= ========= ==================================

A *key* is what equal values have in common. Both the values of titles and those of filters pass
through :func:`keys_of`, so they agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tv5core.arguments import check_text, shown
from tv5core.errors import InvalidInputError
from tv5core.names import fold, normalise_name
from tv5core.sources.places import country, language
from tv5core.sources.vocabulary import certification, genres, provider

__all__ = [
    "EXTRA",
    "FIELDS",
    "KINDS",
    "MAX_VALUE",
    "NUMBERS",
    "OFFER_KINDS",
    "ROLES",
    "Field",
    "field_type",
    "keys_of",
    "kind_of_offer",
    "name_key",
    "names_of",
    "nearest",
    "provider_key",
    "region_key",
    "value_key",
]

EXTRA = "extra."
"""Before the name of a catalogue's own field."""
MAX_VALUE = 1_000
"""Longest value in a filter, in characters."""
KINDS = ("movie", "show")
OFFER_KINDS = ("flatrate", "free", "ads", "rent", "buy")
NUMBERS = ("int", "float", "bool", "date")
"""Types of fields whose values are numbers."""
ROLES = {"person": 7, "cast": 1, "director": 2, "creator": 4}
"""Fields of people, and the bits of the roles each looks at."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_KIND_WORDS = {
    "film": "movie", "films": "movie", "movies": "movie",
    "series": "show", "shows": "show", "tv": "show",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field by name: its type, and whether a title has at most one value in it."""

    name: str
    type: str
    single: bool = False


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        *(Field(name, "int", single=True) for name in ("year", "runtime", "votes", "seasons")),
        Field("date", "date", single=True),
        *(Field(name, "float", single=True) for name in ("rating", "popularity")),
        Field("adult", "bool", single=True),
        Field("kind", "keyword", single=True),
        *(Field(name, "keyword") for name in ("genre", "keyword", *ROLES, "language", "country")),
        Field("certification", "keyword", single=True),
        Field("collection", "keyword", single=True),
        Field("on", "offer"),
        Field("id", "id", single=True),
    )
}


def field_type(name: str, schema: Mapping[str, str] | None = None) -> str:
    """Return a field's type: ``extra`` for one of the catalogue's own where no schema is given.

    Raises
    ------
    InvalidInputError
        There is no such field.
    """
    if name in FIELDS:
        return FIELDS[name].type
    if name.startswith(EXTRA):
        own = name.removeprefix(EXTRA)
        if schema is None:
            return "extra"
        if own in schema:
            return _not_only_stored(name, schema[own])
    known = [*FIELDS, *(EXTRA + own for own in schema or ())]
    raise InvalidInputError(f"expected a field, got {shown(name)}{nearest(name, known)}")


def _not_only_stored(name: str, kind: str) -> str:
    if kind == "text":
        raise InvalidInputError(
            f"expected a field to filter or count by, got {name}, whose type text is only stored"
        )
    return kind


def nearest(given: str, known: list[str]) -> str:
    """Return ``": did you mean X?"`` for the known word most like one; else an empty text."""
    from rapidfuzz import process

    found = process.extractOne(given[:40].lower(), known, score_cutoff=60)
    return f": did you mean {found[0]}?" if found else f"; known are {', '.join(known)}"


# -- keys -------------------------------------------------------------------------------------


def keys_of(field: str, value: object) -> tuple[str, ...]:
    """Return the keys a value of a keyword field stands for: one, but for compound genres.

    Raises
    ------
    InvalidInputError
        It is no text, or no value that the field can have.
    """
    text = check_text(f"a value of {field}", value)
    if not text.strip() or len(text) > MAX_VALUE or _CONTROL.search(text):
        raise InvalidInputError(
            f"expected a value of {field} of 1 to {MAX_VALUE} characters without control "
            f"characters, got {shown(text)}"
        )
    if field in ("id", "on"):
        return (text,)
    if field == "kind":
        return (_closed(field, fold(text), KINDS, _KIND_WORDS),)
    if field == "genre":
        return tuple(value_key("genre", name) for name in names_of("genre", text))
    return (value_key(field, text),)


def names_of(field: str, text: str) -> tuple[str, ...]:
    """Return how a title's value is shown: a genre by our names, a place or language by code."""
    if field == "genre":
        return genres((text,)) or (text,)
    translate = _SHOWN.get(field)
    name = text if translate is None else translate(text)
    return (name,) if name else ()


def value_key(field: str, text: str) -> str:
    """Return the key of one value."""
    if field in _NAMES:
        return name_key(text)
    if field == "collection":
        return _LAST_WORD.sub("", name_key(text))
    translate = _SHOWN.get(field)
    key = fold((translate(text) if translate else text) or text) or text
    # The key is its own, also where it is a name only once it is folded: a filter as text has it.
    if text.isascii() or translate is None:
        return key
    return fold(translate(key) or key) or key


def name_key(text: str) -> str:
    """Return the key of a name, which may be of marks alone."""
    return normalise_name(text) or fold(text) or text


def provider_key(text: str) -> str:
    """Return the key of a service, which is its own: a filter as text has it."""
    folded = fold(text)
    return fold(provider(folded)) or folded or text


def region_key(text: str) -> str:
    """Return the code of a country, also for its English name, or raise InvalidInputError."""
    found = country(text)
    if not _REGION.fullmatch(found):
        raise InvalidInputError(f"expected a country such as US, got {shown(text)}")
    return found


def kind_of_offer(text: str) -> str:
    """Return a kind of offer, or raise InvalidInputError."""
    return _closed("offer", fold(text), OFFER_KINDS, {})


def _closed(what: str, word: str, known: tuple[str, ...], also: Mapping[str, str]) -> str:
    found = also.get(word, word)
    if found not in known:
        raise InvalidInputError(
            f"expected {what} to be {' or '.join(known)}, got {shown(word)}"
            f"{nearest(word, list(known))}"
        )
    return found


_NAMES = {"keyword", *ROLES}
_REGION = re.compile("[A-Z]{2}")
_LAST_WORD = re.compile("(?: collection)+$")
_SHOWN: dict[str, Callable[[str], str]] = {
    "language": language,
    "country": country,
    "certification": certification,
}
