"""The fields that are searched by words, the groups they form, and their texts in a title."""

from __future__ import annotations

from typing import NamedTuple

from tv5core.types import Title

__all__ = [
    "FIELDS",
    "GROUPS",
    "GROUP_FIELDS",
    "KEYWORDS",
    "PEOPLE",
    "TEXT",
    "TITLE",
    "FieldGroup",
    "field_number",
    "field_values",
    "other_titles",
]

FIELDS = ("title", "other_titles", "people", "characters", "keywords", "text")
"""Fields by number. ``text`` alone is analysed as running text, the others as names."""

TITLE, PEOPLE, KEYWORDS, TEXT = 0, 2, 4, 5


class FieldGroup(NamedTuple):
    """Fields that are one kind of evidence."""

    name: str
    fields: tuple[int, ...]


GROUPS = (
    FieldGroup("title", (0, 1)),
    FieldGroup("people", (2, 3)),
    FieldGroup("text", (4, 5)),
)
GROUP_FIELDS = {group.name: group.fields for group in GROUPS}


def field_number(name: str) -> int:
    """Return a field's number.

    Raises
    ------
    InvalidInputError
        There is no such field.
    """
    from tv5core.errors import InvalidInputError

    if name not in FIELDS:
        raise InvalidInputError(f"expected a field among {', '.join(FIELDS)}, got {name!r}")
    return FIELDS.index(name)


def other_titles(title: Title) -> tuple[str, ...]:
    """Return the titles beside ``title.title``, each once: original and alternative ones."""
    names = (title.original_title, *(other.title for other in title.alternative_titles))
    return tuple(text for text in dict.fromkeys(names) if text and text != title.title)


def field_values(title: Title) -> tuple[tuple[str, ...], ...]:
    """Return the values of every field of a title, in the order of ``FIELDS``."""
    year = (str(title.year),) if title.year is not None else ()
    collection = (title.collection.name,) if title.collection is not None else ()
    return (
        (title.title,),
        (*other_titles(title), *collection),
        tuple(dict.fromkeys((*title.directors, *title.creators, *(p.name for p in title.cast)))),
        tuple(p.character for p in title.cast if p.character),
        (*title.keywords, *title.genres, *year),
        (title.tagline, title.overview),
    )
