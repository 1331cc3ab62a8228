"""The rule by which two descriptions of one work become one.

A catalogue holds one title a work, and every source may add to it. Sources
have a rank: ``own`` (the user's titles, and any source we do not know), then
``tmdb``, ``imdb``, ``justwatch``, ``streaming``, ``csv``, ``wikipedia``. *Stronger* is the
side of the higher rank; of two from the same source the one with the later
``updated_at``; else the one that is stored.

======================================  =======================================
field                                   value after merging
======================================  =======================================
id, kind                                those stored, always
title, original_title, tagline, year,   the stronger side's, or the other's
release_date, runtime, certification,   where it has none
seasons, poster_path, popularity,
collection
overview                                the same, but one of fewer than 40
                                        characters gives way to a longer one
rating and votes                        together from the side with more votes
genres, keywords, languages,            united without repeats, the stronger
countries, directors, creators          side's first
cast                                    united by name, the stronger side's
                                        first; a missing character is filled
offers                                  united by provider, region, kind and
                                        quality; the later ``checked_at`` wins
external_ids                            united; an id already stored stays
alternative_titles                      united, the stronger side's first
adult                                   whether one side says so
extra                                   united; the stronger side's values
source                                  the source of higher rank
updated_at                              that of the source kept, the later one
======================================  =======================================

The user may prefer another side to be the stronger one: ``newer``, the row that is read now (but
for one that says it is older); ``first``, the stored title; or a source by its name. What is
preferred also gives rating and votes, where it has them, and the title's source.

Merging the same description again changes nothing, in whatever order others
came between; a rule that looked at two fields together could not promise that.
Rating and votes can go together because more votes never give way to fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.names import normalise_name
from tv5core.types import AlternativeTitle, Offer, Person, Title

__all__ = ["SHORT_OVERVIEW", "check_preference", "merge", "rank"]

SHORT_OVERVIEW = 40
"""An overview of fewer characters gives way to a longer one."""

_RANKS = {"tmdb": 6, "imdb": 5, "justwatch": 4, "streaming": 3, "csv": 2, "wikipedia": 1}
_OWN = 7
_PREFERENCES = ("newer", "first", "own", *_RANKS)
_SCALARS = (
    "title", "original_title", "tagline", "year", "release_date", "runtime", "certification",
    "seasons", "poster_path", "popularity", "collection", "adult",
)  # fmt: skip
_WORDS = ("genres", "keywords", "languages", "countries")
_NAMES = ("directors", "creators")


def rank(source: str) -> int:
    """Rank of a source; the higher one takes precedence."""
    return _RANKS.get(source, _OWN)


def check_preference(prefer: str) -> None:
    """Validate the user's choice of whose fields win.

    Raises
    ------
    InvalidInputError
        It is neither ``newer`` nor ``first`` nor a source that has a rank.
    """
    if prefer not in _PREFERENCES:
        raise InvalidInputError(f"expected one of {', '.join(_PREFERENCES)}; got {prefer!r}")


def merge(stored: Title, incoming: Title, *, restated: bool = False, prefer: str = "") -> Title:
    """Unite two descriptions of one work by the rule in this module's docstring.

    Parameters
    ----------
    stored : Title
        What the catalogue has.
    incoming : Title
        What a file says.
    restated : bool
        The incoming title is the user's new statement under the stored title's
        very id: of two from the same source it is then the stronger one.
    prefer : str
        ``newer``, ``first`` or a source, whose side is the stronger one; empty for the ranks.

    Returns
    -------
    Title
        Equal to ``stored`` where nothing is new.
    """
    preferred = _is_preferred(stored, incoming, prefer)
    wins = _is_stronger(stored, incoming, restated) if preferred is None else preferred
    strong, weak = (incoming, stored) if wins else (stored, incoming)
    fields: dict[str, Any] = {
        name: getattr(strong, name) or getattr(weak, name) for name in _SCALARS
    }
    fields["overview"] = _overview(strong.overview, weak.overview)
    fields["rating"], fields["votes"] = _rating(strong, weak, preferred is not None)
    for name in _WORDS:
        fields[name] = _united(getattr(strong, name), getattr(weak, name), str.casefold)
    for name in _NAMES:
        fields[name] = _united(getattr(strong, name), getattr(weak, name), _person_key)
    fields["cast"] = _cast(strong.cast, weak.cast)
    fields["offers"] = _offers(stored.offers, incoming.offers)
    fields["alternative_titles"] = _alternative_titles(strong, weak)
    fields["extra"] = {**weak.extra, **strong.extra}
    fields["external_ids"] = _external_ids(stored, incoming)
    fields["source"], fields["updated_at"] = _origin(strong, weak, preferred is not None)
    return msgspec.structs.replace(stored, **fields)


def _is_preferred(stored: Title, incoming: Title, prefer: str) -> bool | None:
    """Whether the user prefers the incoming title; None where the preference does not decide."""
    if prefer == "newer":
        return not incoming.updated_at or incoming.updated_at >= stored.updated_at
    if prefer == "first" or not prefer:
        return False if prefer else None
    mine, theirs = _is_from(incoming, prefer), _is_from(stored, prefer)
    return mine if mine != theirs else None


def _is_from(title: Title, source: str) -> bool:
    return title.source == source or (source == "own" and title.source not in _RANKS)


def _is_stronger(stored: Title, incoming: Title, restated: bool) -> bool:
    if incoming.source == stored.source:
        later = incoming.updated_at > stored.updated_at
        return later or (restated and incoming.updated_at == stored.updated_at)
    return rank(incoming.source) > rank(stored.source)


def _overview(strong: str, weak: str) -> str:
    return weak if len(strong) < SHORT_OVERVIEW and len(weak) > len(strong) else strong


def _rating(strong: Title, weak: Title, preferred: bool) -> tuple[float | None, int]:
    if preferred and strong.rating is not None:
        return strong.rating, strong.votes
    best = (
        weak
        if (weak.rating is not None, weak.votes) > (strong.rating is not None, strong.votes)
        else strong
    )
    return best.rating, best.votes


def _person_key(name: str) -> str:
    return normalise_name(name) or name


def _united(
    first: Iterable[str], second: Iterable[str], key: Callable[[str], str]
) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for word in (*first, *second):
        found.setdefault(key(word), word)
    return tuple(found.values())


def _cast(first: tuple[Person, ...], second: tuple[Person, ...]) -> tuple[Person, ...]:
    found: dict[str, Person] = {}
    for person in (*first, *second):
        key = _person_key(person.name)
        known = found.setdefault(key, person)
        if not known.character and person.character:
            found[key] = Person(known.name, person.character)
    return tuple(found.values())


def _alternative_titles(strong: Title, weak: Title) -> tuple[AlternativeTitle, ...]:
    found: dict[tuple[str, str, str], AlternativeTitle] = {}
    for name in (*strong.alternative_titles, *weak.alternative_titles):
        found.setdefault((name.title.casefold(), name.language, name.region), name)
    return tuple(found.values())


def _offers(stored: tuple[Offer, ...], incoming: tuple[Offer, ...]) -> tuple[Offer, ...]:
    if not incoming:
        return stored
    found = {(o.provider, o.region, o.kind, o.quality): o for o in stored}
    for offer in incoming:
        key = (offer.provider, offer.region, offer.kind, offer.quality)
        known = found.setdefault(key, offer)
        if offer.checked_at > known.checked_at:
            found[key] = offer
    return tuple(found.values())


def _external_ids(stored: Title, incoming: Title) -> dict[str, str]:
    added = dict(incoming.external_ids)
    if stored.kind != incoming.kind:
        # TMDB numbers films and series apart: the number would mean another work.
        added.pop("tmdb", None)
    return {**added, **stored.external_ids}


def _origin(strong: Title, weak: Title, preferred: bool) -> tuple[str, int]:
    if strong.source == weak.source:
        return strong.source, max(strong.updated_at, weak.updated_at)
    higher = weak if not preferred and rank(weak.source) > rank(strong.source) else strong
    return higher.source, higher.updated_at
