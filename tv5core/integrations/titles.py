"""A film catalogue's titles as text and metadata, for the retrievers of frameworks."""

from __future__ import annotations

from typing import Any

from tv5core.types import Hit, Title

__all__ = ["hit_metadata", "title_text"]

_CAST = 5
_OFFERS = 20


def title_text(title: Title) -> str:
    """Return what a language model should read of a title: names, facts, and the overview."""
    year = f" ({title.year})" if title.year else ""
    people = ", ".join(title.directors[:3])
    cast = ", ".join(person.name for person in title.cast[:_CAST])
    facts = [
        ", ".join(title.genres),
        f"directed by {people}" if people else "",
        f"with {cast}" if cast else "",
        f"{title.runtime} minutes" if title.runtime else "",
    ]
    told = "; ".join(fact for fact in facts if fact)
    lines = (f"{title.title}{year}", told, title.tagline, title.overview)
    return "\n".join(line for line in lines if line)


def hit_metadata(hit: Hit) -> dict[str, Any]:
    """Return a hit's facts as values of JSON; those without a value are left out."""
    title = hit.title
    facts: dict[str, Any] = {
        "id": title.id,
        "kind": title.kind,
        "title": title.title,
        "year": title.year,
        "release_date": title.release_date,
        "genres": list(title.genres),
        "directors": list(title.directors),
        "cast": [person.name for person in title.cast[:_CAST]],
        "runtime": title.runtime,
        "languages": list(title.languages),
        "countries": list(title.countries),
        "rating": title.rating,
        "votes": title.votes,
        "providers": list(dict.fromkeys(offer.provider for offer in title.offers))[:_OFFERS],
        "poster_path": title.poster_path,
        "score": float(hit.score),
        "relevance": float(hit.relevance),
    }
    there = {name: value for name, value in facts.items() if value not in (None, "", [])}
    return {**there, **{name: _plain(value) for name, value in title.extra.items()}}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
