"""What else a TMDB record calls a title: alternative titles, translations, its collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tv5core.sources.lists import split_list
from tv5core.sources.numbers import digits
from tv5core.sources.places import country, language
from tv5core.sources.values import Notes, text
from tv5core.types import AlternativeTitle, Collection

__all__ = ["alternative_titles", "collection"]

_LONGEST = 1_000


def alternative_titles(
    record: Mapping[str, Any], known: Iterable[str]
) -> tuple[AlternativeTitle, ...]:
    """Return the names in ``translations`` and ``alternative_titles``.

    A name appears once for each language; of those without a language, which only name the country
    that uses them, only names that no language has are kept.

    Parameters
    ----------
    record : mapping
        A body of TMDB, with these parts where they were asked for.
    known : iterable of str
        Names the title has already, which are left out.
    """
    seen = {name.casefold() for name in known}
    found: dict[tuple[str, str], AlternativeTitle] = {}
    for each in _translations(record):
        if each.title.casefold() not in seen:
            found.setdefault((each.title.casefold(), each.language), each)
    seen |= {name for name, _ in found}
    for each in _alternatives(record):
        if each.title.casefold() not in seen:
            seen.add(each.title.casefold())
            found[each.title.casefold(), ""] = each
    return tuple(found.values())


def _translations(record: Mapping[str, Any]) -> Iterator[AlternativeTitle]:
    for entry in _listed(record.get("translations"), "translations"):
        data = entry.get("data")
        if isinstance(data, Mapping):
            name = text(data.get("title") or data.get("name"))[:_LONGEST]
            spoken = language(text(entry.get("iso_639_1")))
            if name:
                yield AlternativeTitle(name, spoken, country(text(entry.get("iso_3166_1"))))


def _alternatives(record: Mapping[str, Any]) -> Iterator[AlternativeTitle]:
    given = record.get("alternative_titles")
    for entry in (*_listed(given, "titles"), *_listed(given, "results")):
        if name := text(entry.get("title"))[:_LONGEST]:
            yield AlternativeTitle(name, region=country(text(entry.get("iso_3166_1"))))


def _listed(part: object, key: str) -> list[Mapping[str, Any]]:
    inner = part.get(key) if isinstance(part, Mapping) else None
    return [x for x in inner if isinstance(x, Mapping)] if isinstance(inner, list) else []


def collection(value: object, notes: Notes) -> Collection | None:
    """Return the collection in ``belongs_to_collection``, an object of JSON or Python."""
    if isinstance(value, str):
        value = next(iter(split_list(value, notes, what="collection")), None)
    if not isinstance(value, Mapping):
        return None
    number, name = digits(value.get("id")), text(value.get("name"))[:_LONGEST]
    return Collection(f"tmdb:{number}", name) if number and name else None
