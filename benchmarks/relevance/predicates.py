"""Judgements by what is true of a title: ``genre=Comedy year=1980-1989 on=netflix``.

A predicate is words ``field=values`` that all hold. Values are separated by ``|``, of which one
holds; blanks inside them are written ``_``. ``!field=values`` holds where none does.

=========== ========================================================================================
genre       one of its genres
keyword     one of its keywords
about       words, beginnings ending in ``*``, in title, tagline, overview or keywords
title       words in one of its names
person      the name of someone who acts in it, directs or creates it
director    the name of a director or creator
on          a provider that offers it
country     ISO code of a country of origin
language    ISO code of a spoken language
kind        ``movie`` or ``show``
cert        age rating
year        ``1980``, ``1980-1989``, ``-1959``, ``2000-``
runtime     minutes, in the same notation
rating      0 to 10, in the same notation
=========== ========================================================================================
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from benchmarks.relevance.names import folded
from tv5core import Title

__all__ = ["Facts", "names_of", "people_of"]

Numbers = set[int]


def names_of(title: Title) -> list[str]:
    """Return every name a title goes by."""
    others = (each.title for each in getattr(title, "alternative_titles", ()))
    return [name for name in (title.title, title.original_title, *others) if name]


def people_of(title: Title) -> Iterable[str]:
    """Return the names of all who are credited."""
    yield from (person.name for person in title.cast)
    yield from title.directors
    yield from title.creators


class Facts:
    """Which titles a predicate holds for, by indexes that are built when they are asked for.

    Parameters
    ----------
    titles : sequence of Title
    """

    def __init__(self, titles: Sequence[Title]) -> None:
        self._titles = titles
        self._values: dict[str, dict[str, Numbers]] = {}
        self._words: dict[str, _Words] = {}

    def select(self, predicate: str) -> list[int]:
        """Return the numbers of the titles a predicate holds for.

        Raises
        ------
        ValueError
            A field is unknown, or a range is none.
        """
        words = predicate.split()
        if not words:
            raise ValueError("expected field=values, got nothing")
        everything = set(range(len(self._titles)))
        for word in words:
            found = self._term(word.removeprefix("!"))
            everything = everything - found if word.startswith("!") else everything & found
        return sorted(everything)

    def _term(self, word: str) -> Numbers:
        name, sign, values = word.partition("=")
        if not sign or not values:
            raise ValueError(f"expected field=values, got {word!r}")
        if name in _RANGES:
            return self._in_range(name, values)
        options = [value.replace("_", " ") for value in values.split("|")]
        if name in _VALUES:
            index = self._value_index(name)
            return set().union(*(index.get(folded(option), set()) for option in options))
        if name in _TEXTS:
            if name not in self._words:
                self._words[name] = _Words(list(map(_TEXTS[name], self._titles)))
            return set().union(*map(self._words[name].find, options))
        known = ", ".join([*_VALUES, *_TEXTS, *_RANGES])
        raise ValueError(f"expected one of {known}, got {name!r}")

    def _value_index(self, name: str) -> dict[str, Numbers]:
        if name not in self._values:
            index: defaultdict[str, Numbers] = defaultdict(set)
            for number, title in enumerate(self._titles):
                for value in _VALUES[name](title):
                    index[value].add(number)
            merged: defaultdict[str, Numbers] = defaultdict(set)
            for value, numbers in index.items():
                merged[folded(value)] |= numbers
            self._values[name] = merged
        return self._values[name]

    def _in_range(self, name: str, text: str) -> Numbers:
        get = _RANGES[name]
        found = re.fullmatch(r"([\d.]*)(-?)([\d.]*)", text)
        if not found or not (found[1] or found[3]):
            raise ValueError(f"expected a number or a range such as 1980-1989, got {text!r}")
        low = float(found[1] or "-inf")
        high = float(found[3] or "inf") if found[2] else low
        values = map(get, self._titles)
        return {i for i, value in enumerate(values) if value is not None and low <= value <= high}


class _Words:
    """Texts by their words: exact ones, beginnings and phrases."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = [f" {text} " for text in texts]
        index: defaultdict[str, Numbers] = defaultdict(set)
        for number, text in enumerate(texts):
            for word in set(text.split()):
                index[word].add(number)
        self._index = dict(index)
        self._sorted = sorted(index)

    def find(self, option: str) -> Numbers:
        """Find a word, a beginning (``time*``) or a phrase."""
        if option.endswith("*"):
            start = folded(option[:-1])
            at = bisect_left(self._sorted, start)
            found: Numbers = set()
            while at < len(self._sorted) and self._sorted[at].startswith(start):
                found |= self._index[self._sorted[at]]
                at += 1
            return found
        phrase = folded(option)
        parts = [self._index.get(word, set()) for word in phrase.split()]
        numbers = set.intersection(*parts) if parts else set()
        return {number for number in numbers if f" {phrase} " in self._texts[number]}


_VALUES: dict[str, Callable[[Title], Iterable[str]]] = {
    "genre": lambda title: title.genres,
    "keyword": lambda title: title.keywords,
    "person": people_of,
    "director": lambda title: (*title.directors, *title.creators),
    "on": lambda title: (offer.provider for offer in title.offers),
    "country": lambda title: title.countries,
    "language": lambda title: title.languages,
    "kind": lambda title: (title.kind,),
    "cert": lambda title: (title.certification,),
}
_TEXTS: dict[str, Callable[[Title], str]] = {
    "about": lambda title: folded(
        " | ".join((title.title, title.tagline, title.overview, *title.keywords))
    ),
    "title": lambda title: " | ".join(map(folded, names_of(title))),
}
_RANGES: dict[str, Callable[[Title], float | None]] = {
    "year": lambda title: title.year,
    "runtime": lambda title: title.runtime,
    "rating": lambda title: title.rating,
}
