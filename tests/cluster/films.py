"""Made-up films that share words, people, genres and years, so that shards have to agree."""

from __future__ import annotations

import random

from tv5core.types import Person, Title

WORDS = (
    "silent river stone hunter night garden winter bridge copper falcon letter harbour mirror "
    "orchard thunder paper lantern island velvet engine"
).split()
PEOPLE = ("Ada Quill", "Bram Otter", "Cleo Marsh", "Dov Lark", "Enid Frost")
GENRES = ("Drama", "Comedy", "Thriller", "Western")


def film(number: int, seed: int = 0) -> Title:
    """Return a film; another seed gives another text of the same id."""
    draw = random.Random(number * 1_000 + seed)
    words = draw.sample(WORDS, 8)
    return Title(
        f"made:{number}",
        "movie",
        " ".join(words[: draw.randint(1, 3)]).title(),
        year=draw.choice([None, 1975, 1983, 1984, 1999, 2010]),
        genres=tuple(draw.sample(GENRES, draw.randint(1, 2))),
        overview=" ".join(draw.choices(WORDS, k=12)) + ".",
        cast=(Person(draw.choice(PEOPLE)),),
        votes=draw.choice([0, 0, 5, 5, 700, 20_000]),
        rating=draw.choice([None, 5.5, 7.25]),
    )
