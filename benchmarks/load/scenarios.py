"""What users ask: four scenarios, as requests drawn at random."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["QUERIES", "SCENARIOS", "Asked", "Pace", "Population", "Scenario"]

PROFILES = ("action_fan", "documentary_enthusiast", "family_viewer")
GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Thriller", "Documentary", "Family")
SORTS = ("popularity", "rating", "votes", "date")

_WHO = "detective soldier robot family band nurse pirate queen hacker teacher ghost chef".split()
_WHAT = "heist wedding murder war trial escape race journey conspiracy revenge reunion".split()
_WHERE = "paris space tokyo desert island prison school ocean village antarctica".split()
QUERIES = tuple(f"{who} {what} in {where}" for who in _WHO for what in _WHAT for where in _WHERE)
"""Searches people might type, the popular ones first."""


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes
    ----------
    kind : str
        Of the service levels: ``detail``, ``metadata``, ``search``, ``semantic``,
        ``availability``, ``recommend``.
    path : str
    body : dict or None
        To post.
    """

    kind: str
    path: str
    body: dict[str, Any] | None = None


@dataclass
class Pace:
    """When a user asks again: at equal distances from its own beginning.

    Parameters
    ----------
    pace_s : float
        0 for no thinking time.
    due : float
        When the user begins.
    """

    pace_s: float
    due: float

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next request is due; 0 where it is late."""
        self.due += self.pace_s
        return max(0.0, self.due - now)


@dataclass
class Population:
    """Draws titles and searches.

    Parameters
    ----------
    ids : sequence of str
        The most popular first.
    seed : int
    is_uniform : bool
        Draw all alike; else by Zipf's law with exponent 1.
    """

    ids: Sequence[str]
    seed: int = 0
    is_uniform: bool = False
    _sums: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def rank(self, count: int) -> int:
        """Draw a rank below ``count``."""
        if self.is_uniform:
            return self.random.randrange(count)
        if count not in self._sums:
            self._sums[count] = list(accumulate(1 / rank for rank in range(1, count + 1)))
        sums = self._sums[count]
        return min(bisect(sums, self.random.random() * sums[-1]), count - 1)

    def id(self) -> str:
        """Draw a title."""
        return self.ids[self.rank(len(self.ids))]

    def query(self) -> str:
        """Draw a search."""
        return QUERIES[self.rank(len(QUERIES))]


def detail(who: Population) -> Asked:
    """Ask for a title of all sources together."""
    return Asked("detail", f"/v1/titles/{quote(who.id(), safe='')}")


def availability(who: Population) -> Asked:
    """Ask where to watch a title."""
    return Asked("availability", f"/v1/titles/{quote(who.id(), safe='')}/availability")


def listing(who: Population) -> Asked:
    """Ask for a page of a list, or for titles like one."""
    if who.random.random() < 0.5:
        return Asked("metadata", f"/v1/titles/{quote(who.id(), safe='')}/similar")
    genre, sort = GENRES[who.rank(len(GENRES))], SORTS[who.rank(len(SORTS))]
    asked = {"genre": genre, "sort": sort, "offset": 20 * who.rank(5)}
    return Asked("metadata", f"/v1/browse?{urlencode(asked)}")


def search(who: Population) -> Asked:
    """Search; one in ten by meaning alone, with words nobody used before."""
    if who.random.random() < 0.1:
        fresh = f"{who.query()} {who.random.randrange(10**6)}"
        return Asked("semantic", f"/v1/search?{urlencode({'q': fresh, 'mode': 'semantic'})}")
    return Asked("search", f"/v1/search?{urlencode({'q': who.query()})}")


def recommend(who: Population) -> Asked:
    """Ask for recommendations: by a profile, or by what someone likes."""
    if who.random.random() < 0.7:
        return Asked("recommend", f"/v1/recommendations?profile={PROFILES[who.rank(3)]}")
    likes = sorted({who.ids[who.rank(min(50, len(who.ids)))]})
    return Asked("recommend", "/v1/recommendations", {"likes": likes})


def browse(who: Population) -> Asked:
    """Scenario 1: titles, and where to watch some of them."""
    return detail(who) if who.random.random() < 0.9 else availability(who)


def mixed(who: Population) -> Asked:
    """Scenario 4: 40 % lists, 30 % searches, 20 % titles, 10 % recommendations."""
    at = who.random.random()
    if at < 0.4:
        return listing(who)
    if at < 0.7:
        return search(who)
    return detail(who) if at < 0.9 else recommend(who)


@dataclass(frozen=True)
class Scenario:
    """A scenario: how many users, what they ask, and which share the cache has to answer.

    Attributes
    ----------
    together : bool
        All users ask the same at the same time, another search every second.
    hit_ratio : float or dict
        Required, of all look-ups or by kind of the cache.
    """

    users: int
    ask: Callable[[Population], Asked]
    hit_ratio: float | dict[str, float]
    together: bool = False


SCENARIOS = {
    "browse": Scenario(50, browse, 0.85),
    "storm": Scenario(20, search, 0.85, together=True),
    "recommend": Scenario(10, recommend, 0.60),
    "mixed": Scenario(
        50, mixed, {"browse": 0.95, "search": 0.70, "title": 0.90, "recommended": 0.60}
    ),
}
"""By name, as the issue of the gateway numbers them."""
