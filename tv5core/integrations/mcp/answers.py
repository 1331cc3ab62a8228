"""Titles, offers and counts as small values, cleaned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tv5core.integrations.mcp.fencing import cleaned
from tv5core.results import FacetValue
from tv5core.types import Offer, Title

__all__ = ["count_items", "offer_items", "title_item"]

_SHORT = 100
_FEW = 3
_MOST_OFFERS = 40


def title_item(title: Title, **more: Any) -> dict[str, Any]:
    """Return a title's facts; those without a value are left out."""
    item = {
        "id": cleaned(title.id, 256),
        "kind": title.kind,
        "title": cleaned(title.title, _SHORT),
        "year": title.year,
        "genres": _short(title.genres[:_FEW]),
        "directors": _short(title.directors[:_FEW]),
        "cast": _short(person.name for person in title.cast[:_FEW]),
        "runtime_minutes": title.runtime,
        "rating": title.rating,
        "votes": title.votes,
        "overview": cleaned(title.overview),
        **more,
    }
    return {name: value for name, value in item.items() if value not in (None, "", [], 0)}


def offer_items(offers: Iterable[Offer], region: str) -> list[dict[str, Any]]:
    """Return where a title can be watched, in one country or in all."""
    found = [offer for offer in offers if not region or offer.region in ("", region)]
    return [
        {
            name: value
            for name, value in {
                "provider": cleaned(offer.provider, _SHORT),
                "region": cleaned(offer.region, _SHORT),
                "kind": cleaned(offer.kind, _SHORT),
                "price": offer.price,
                "currency": cleaned(offer.currency, _SHORT),
                "quality": cleaned(offer.quality, _SHORT),
                "checked_at": offer.checked_at,
            }.items()
            if value not in (None, "", 0)
        }
        for offer in found[:_MOST_OFFERS]
    ]


def count_items(facets: Mapping[str, Iterable[FacetValue]]) -> list[dict[str, Any]]:
    """Return the values of each field with how many titles have them."""
    return [
        {
            "field": field,
            "values": [[_value(one.value), one.count] for one in values],
        }
        for field, values in facets.items()
    ]


def _value(value: object) -> object:
    return cleaned(value, _SHORT) if isinstance(value, str) else value


def _short(texts: Iterable[str]) -> list[str]:
    return [cleaned(text, _SHORT) for text in texts]
