"""Titles with about 5 KB of metadata, made up from a number."""

from __future__ import annotations

import random

from tv5core import Offer, Person, Title

__all__ = ["generated_title"]

_KNOBS = random.Random(5)
_SYLLABLES = "ba co da el fi gra ho in ja ke lo mar ne or pa qui ro sa ti un ver wo ya zen".split()
_VOCABULARY = [
    "".join(_KNOBS.choices(_SYLLABLES, k=_KNOBS.choice((1, 2, 2, 3, 4)))) for _ in range(4_000)
]
_COMMONNESS = [1 / rank for rank in range(1, len(_VOCABULARY) + 1)]
_GENRES = ("Drama", "Comedy", "Thriller", "Horror", "Romance", "Science Fiction", "Documentary")
_PROVIDERS = ("netflix", "max", "hulu", "disney plus", "apple tv", "mubi", "paramount plus")


def generated_title(number: int) -> Title:
    """Make up a title with about 5 KB of metadata, always the same for a number."""
    draw = random.Random(number)
    words = draw.choices(_VOCABULARY, _COMMONNESS, k=180)
    names = [f"{a.title()} {b.title()}" for a, b in zip(words[:60], words[60:120], strict=True)]
    return Title(
        id=f"made:movie:{number}",
        kind="movie",
        title=" ".join(words[:3]).title(),
        original_title=" ".join(words[3:6]).title(),
        release_date=f"{draw.randint(1950, 2024)}-07-{draw.randint(1, 28):02}",
        overview=" ".join(words),
        tagline=" ".join(words[6:16]),
        genres=tuple(draw.sample(_GENRES, 3)),
        keywords=tuple(words[20:40]),
        cast=tuple(Person(names[i], names[i + 1]) for i in range(0, 40, 2)),
        directors=(names[41],),
        creators=(names[42], names[43]),
        runtime=draw.randint(70, 200),
        languages=("en",),
        countries=("US",),
        rating=draw.randint(10, 99) / 10,
        votes=draw.randint(1, 100_000),
        popularity=draw.random() * 100,
        external_ids={"imdb": f"tt{number:08}", "tmdb": str(number)},
        poster_path=f"/{number:032x}.jpg",
        offers=tuple(_offer(draw, number) for _ in range(14)),
        source="made",
    )


def _offer(draw: random.Random, number: int) -> Offer:
    provider = draw.choice(_PROVIDERS)
    return Offer(
        provider=provider,
        region=draw.choice(("US", "GB", "DE", "FR", "ES")),
        kind=draw.choice(("flatrate", "rent", "buy")),
        price=draw.randint(2, 20) + 0.99,
        currency="USD",
        url=f"https://{provider.replace(' ', '-')}.example/title/{number}?source={draw.random()}",
        quality=draw.choice(("sd", "hd", "4k")),
        checked_at=1_700_000_000 + number,
    )
