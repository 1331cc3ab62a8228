"""The rule by which two descriptions of one work become one.

A catalogue holds one title a work, and every source may add to it. Sources
have a rank: ``own`` (the user's titles, and any source we do not know), then
``tmdb``, ``justwatch``, ``streaming``, ``csv``, ``wikipedia``. *Stronger* is the
side of the higher rank; of two from the same source the one with the later
``updated_at``; else the one that is stored.

======================================  =======================================
field                                   value after merging
======================================  =======================================
id, kind                                those stored, always
title, original_title, tagline, year,   the stronger side's, or the other's
release_date, runtime, certification,   where it has none
seasons, poster_path, popularity
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
source                                  the source of higher rank
updated_at                              that of the source kept, the later one
======================================  =======================================

Merging the same description again changes nothing, in whatever order others
came between; a rule that looked at two fields together could not promise that.
Rating and votes can go together because more votes never give way to fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tv5core.store.aliases import normalise_name
from tv5core.types import Offer, Person, Title

__all__ = ["SHORT_OVERVIEW", "merge", "rank"]

SHORT_OVERVIEW = 40
"""An overview of fewer characters gives way to a longer one."""

_RANKS = {"tmdb": 5, "justwatch": 4, "streaming": 3, "csv": 2, "wikipedia": 1}
_OWN = 6
_SCALARS = (
    "title", "original_title", "tagline", "year", "release_date", "runtime", "certification",
    "seasons", "poster_path", "popularity",
)  # fmt: skip
_WORDS = ("genres", "keywords", "languages", "countries")
_NAMES = ("directors", "creators")


def rank(source: str) -> int:
    """Rank of a source; higher is believed more."""
    return _RANKS.get(source, _OWN)


def merge(stored: Title, incoming: Title, *, restated: bool = False) -> Title:
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

    Returns
    -------
    Title
        Equal to ``stored`` where nothing is new.
    """
    wins = _is_stronger(stored, incoming, restated)
    strong, weak = (incoming, stored) if wins else (stored, incoming)
    fields: dict[str, Any] = {
        name: getattr(strong, name) or getattr(weak, name) for name in _SCALARS
    }
    fields["overview"] = _overview(strong.overview, weak.overview)
    fields["rating"], fields["votes"] = _rating(strong, weak)
    for name in _WORDS:
        fields[name] = _united(getattr(strong, name), getattr(weak, name), str.casefold)
    for name in _NAMES:
        fields[name] = _united(getattr(strong, name), getattr(weak, name), _person_key)
    fields["cast"] = _cast(strong.cast, weak.cast)
    fields["offers"] = _offers(stored.offers, incoming.offers)
    fields["external_ids"] = _external_ids(stored, incoming)
    fields["source"], fields["updated_at"] = _origin(stored, incoming)
    return msgspec.structs.replace(stored, **fields)


def _is_stronger(stored: Title, incoming: Title, restated: bool) -> bool:
    if incoming.source == stored.source:
        later = incoming.updated_at > stored.updated_at
        return later or (restated and incoming.updated_at == stored.updated_at)
    return rank(incoming.source) > rank(stored.source)


def _overview(strong: str, weak: str) -> str:
    return weak if len(strong) < SHORT_OVERVIEW and len(weak) > len(strong) else strong


def _rating(strong: Title, weak: Title) -> tuple[float | None, int]:
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


def _origin(stored: Title, incoming: Title) -> tuple[str, int]:
    if incoming.source == stored.source:
        return stored.source, max(stored.updated_at, incoming.updated_at)
    higher = incoming if rank(incoming.source) > rank(stored.source) else stored
    return higher.source, higher.updated_at
