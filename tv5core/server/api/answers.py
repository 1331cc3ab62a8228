"""Types of answers; ``/openapi.json`` is made of them.

Every answer says whether it is current: ``_stale`` where it is older than it should be, and
``_fallback`` where it comes from the titles that ship with tv5core.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tv5core.recommend import Reasons
from tv5core.results import FacetValue, Interpretation, Suggestion, Total
from tv5core.types import Kind, Offer, Title

__all__ = [
    "AvailabilityAnswer",
    "Card",
    "Health",
    "HitsAnswer",
    "Invalidated",
    "ListAnswer",
    "Offers",
    "Recommended",
    "RecommendedAnswer",
    "SearchAnswer",
    "SearchHit",
    "Statistics",
    "SuggestAnswer",
    "TitleAnswer",
    "card",
]


class Tiered(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer says of how current it is."""

    stale: bool = msgspec.field(name="_stale", default=False)
    fallback: bool = msgspec.field(name="_fallback", default=False)


class Card(msgspec.Struct, frozen=True):
    """A title as lists show it."""

    id: str
    kind: Kind
    title: str
    original_title: str = ""
    year: int | None = None
    release_date: str = ""
    overview: str = ""
    genres: tuple[str, ...] = ()
    runtime: int | None = None
    certification: str = ""
    rating: float | None = None
    votes: int = 0
    popularity: float = 0.0
    poster_path: str = ""


_CARD_FIELDS = Card.__struct_fields__


def card(title: Title) -> Card:
    """Return a title as lists show it."""
    return Card(*[getattr(title, name) for name in _CARD_FIELDS])


class SearchHit(msgspec.Struct, frozen=True):
    """One hit of a search; ``parts`` where it was asked to explain."""

    id: str
    score: float
    relevance: float
    title: Card
    parts: dict[str, float] = {}
    folded: tuple[str, ...] = ()
    fragments: dict[str, str] = {}


class SearchAnswer(Tiered, frozen=True, kw_only=True):
    """What a search answers."""

    query: str
    hits: tuple[SearchHit, ...]
    total: Total
    facets: dict[str, tuple[FacetValue, ...]] = {}
    did_you_mean: str = ""
    interpretation: Interpretation | None = None
    took_ms: float = 0.0
    cursor: str = ""
    explanation: dict[str, Any] = {}
    degraded: str = ""


class Offers(msgspec.Struct, frozen=True):
    """Where a title can be watched in one country; ``missing`` says which source did not answer.

    Without offers, ``known`` says whether that means nowhere, or that nobody could tell.
    """

    region: str
    known: bool
    offers: tuple[Offer, ...] = ()
    sources: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    attribution: str = ""


class TitleAnswer(Tiered, frozen=True, kw_only=True):
    """A title of all sources together; ``sources`` says what each of them gave."""

    title: Title
    availability: Offers
    sources: dict[str, str] = {}


class SuggestAnswer(Tiered, frozen=True, kw_only=True):
    """Titles to suggest for what was typed so far."""

    query: str
    suggestions: tuple[Suggestion, ...]


class ListAnswer(Tiered, frozen=True, kw_only=True):
    """Titles in an order."""

    titles: tuple[Card, ...]
    total: Total = Total(0)
    facets: dict[str, tuple[FacetValue, ...]] = {}
    cursor: str = ""
    explanation: dict[str, Any] = {}


class HitsAnswer(Tiered, frozen=True, kw_only=True):
    """Titles with scores; a cursor where the list has pages."""

    hits: tuple[SearchHit, ...]
    cursor: str = ""


class AvailabilityAnswer(Tiered, frozen=True, kw_only=True):
    """Where one title can be watched."""

    id: str
    availability: Offers


class Recommended(msgspec.Struct, frozen=True):
    """One title recommended; ``reasons`` where it was asked to explain."""

    id: str
    score: float
    title: Card
    reasons: Reasons | None = None


class RecommendedAnswer(Tiered, frozen=True, kw_only=True):
    """Titles recommended, best first."""

    recommendations: tuple[Recommended, ...]


class Statistics(msgspec.Struct, frozen=True):
    """The cache, and what the providers' limits have left."""

    cache: dict[str, Any]
    upstream: dict[str, Headroom]


class Headroom(msgspec.Struct, frozen=True):
    """What the limit of a provider has left."""

    limit: int
    remaining: int
    reset_s: float
    queued: int
    in_flight: int


class Invalidated(msgspec.Struct, frozen=True):
    """What was declared old."""

    ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Health(msgspec.Struct, frozen=True):
    """Whether the gateway is well; ``checks`` says what is not."""

    status: str
    checks: dict[str, str] = {}
