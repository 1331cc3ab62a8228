"""Whether two titles of one name are one work.

A name, a year and a kind are shared by remakes, shorts and namesakes. What else
the two descriptions have in common decides: people above all, then the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tv5core.names import normalise_name
from tv5core.types import Title

__all__ = [
    "CONTRADICTED",
    "STRONG",
    "SUPPORTED",
    "agreement",
    "ids_conflict",
    "near_year_suffices",
    "own_id",
]

CONTRADICTED = -1
"""The two share nothing where both say something."""
SUPPORTED = 2
"""At least one person in common, or much of the text."""
STRONG = 4
"""Enough to overlook a difference in the year."""

_DIRECTOR, _ACTOR, _MENTION = 4, 2, 2
# Years between a series' first season and a later one; longer gaps are new versions.
_SEASONS_SPAN = 6
# Letters of a name that hardly two works of neighbouring years share.
_LONG_SERIES_NAME, _LONG_FILM_NAME, _LONG_FILM_WORDS = 10, 12, 3
# Shares of the shorter text's words, and how many words make a share meaningful.
_MOST_WORDS, _MANY_WORDS, _ENOUGH_WORDS = 0.6, 0.35, 8
_SAME_MINUTES = 2
_WORD = re.compile(r"\w{4,}")
_TOLD_YEAR = re.compile(r"\b(?:is|was) an? (\d{4})\b")
_DERIVED = ("tmdb:", "imdb:", "justwatch:", "wikipedia:", "name:", "row:")


def own_id(title: Title) -> str:
    """Return the id that the user gave the title; empty where the importer made it."""
    given = title.external_ids.get("own", "")
    return given or ("" if title.id.startswith(_DERIVED) else title.id)


def ids_conflict(one: Title, other: Title) -> bool:
    """Whether both have an id of one scheme and the two differ: then they are two works.

    Wikipedia pages are no such ids: one film may be linked under several names
    of its page, so different pages separate only titles that have little else in common.
    """
    for scheme, value in one.external_ids.items():
        if scheme != "wikipedia" and other.external_ids.get(scheme, value) != value:
            return True
    mine, theirs = own_id(one), own_id(other)
    if mine and theirs and mine != theirs:
        return True
    pages = {t.external_ids["wikipedia"] for t in (one, other) if "wikipedia" in t.external_ids}
    return len(pages) > 1 and agreement(one, other) < STRONG


def agreement(one: Title, other: Title) -> int:
    """How much two titles of one name agree.

    Returns
    -------
    int
        4 for a director and 2 for an actor in common (up to five), 2 for a
        person of one named in the other's text, up to 6 for the same text and 1
        for the same length. 0 when there is nothing to compare and
        ``CONTRADICTED`` when there is but nothing agrees.
    """
    directors, others_directors = _keys(one.directors), _keys(other.directors)
    cast, others_cast = _keys(p.name for p in one.cast), _keys(p.name for p in other.cast)
    score = _DIRECTOR * min(2, len(directors & others_directors))
    score += _ACTOR * min(5, len(cast & others_cast))
    if score == 0:
        # Crossed roles: some catalogues list a director among the cast.
        score += _ACTOR * min(1, len(directors & others_cast) + len(cast & others_directors))
    score += _MENTION * min(3, _mentions(one, other) + _mentions(other, one))
    score += _same_text(one.overview, other.overview)
    if score == 0 and _contradicts(one, other):
        return CONTRADICTED
    return score + int(_same_length(one, other))


def _keys(people: Iterable[str]) -> set[str]:
    return {key for key in map(normalise_name, people) if key}


def _mentions(title: Title, other: Title) -> int:
    """How many of a title's leading people the other's text names in full."""
    if not other.overview:
        return 0
    overview = f" {normalise_name(other.overview)} "
    leading = [*title.directors[:2], *(person.name for person in title.cast[:5])]
    full = (normalise_name(name) for name in leading)
    return sum(1 for name in full if " " in name and f" {name} " in overview)


def _same_text(one: str, other: str) -> int:
    if not one or not other:
        return 0
    if one == other:
        return 6
    words, others = set(_WORD.findall(one.casefold())), set(_WORD.findall(other.casefold()))
    fewer = min(len(words), len(others))
    shared = len(words & others) / max(1, fewer)
    if shared >= _MOST_WORDS:
        return 4
    return 2 if shared >= _MANY_WORDS and fewer >= _ENOUGH_WORDS else 0


def _same_length(one: Title, other: Title) -> bool:
    return bool(one.runtime and other.runtime and abs(one.runtime - other.runtime) <= _SAME_MINUTES)


def _share_surname(people: set[str], others: set[str]) -> bool:
    """Whether two sets may name one person twice: David and Dave Hand, or names turned round."""
    lasts, others_lasts = {p.split()[-1] for p in people}, {p.split()[-1] for p in others}
    firsts, others_firsts = {p.split()[0] for p in people}, {p.split()[0] for p in others}
    return bool(lasts & others_lasts or firsts & others_lasts or lasts & others_firsts)


def near_year_suffices(one: Title, other: Title) -> bool:
    """Whether two titles of one name and without contradiction are likely one despite their years.

    Catalogues date a film by its premiere or by a later release, a year apart.
    It is enough that one's text names the other's year ("is a 2003 film"), that
    a name of two words comes with the same length, or that the name is long.
    A series ``one`` may be dated by a later season than ``other``, up to six
    years; the name must be a distinctive one.
    """
    words = normalise_name(one.title).split()
    letters = sum(map(len, words))
    if one.kind == "show":
        later = (one.year or 0) - (other.year or 0)
        return -1 <= later <= _SEASONS_SPAN and len(words) > 1 and letters >= _LONG_SERIES_NAME
    if other.year in _named_years(one.overview) or one.year in _named_years(other.overview):
        return True
    if len(words) > 1 and _same_length(one, other):
        return True
    return len(words) >= _LONG_FILM_WORDS and letters >= _LONG_FILM_NAME


def _named_years(overview: str) -> set[int]:
    return {int(year) for year in _TOLD_YEAR.findall(overview[:300])}


def _contradicts(one: Title, other: Title) -> bool:
    """Whether two titles without a person in common name enough people, or differ in length."""
    if len(one.cast) > 1 and len(other.cast) > 1:
        return True
    if one.kind == "movie" and one.directors and other.directors:
        return not _share_surname(_keys(one.directors), _keys(other.directors))
    if one.kind != "movie" or not one.runtime or not other.runtime:
        return False
    return abs(one.runtime - other.runtime) > 0.25 * max(one.runtime, other.runtime)
