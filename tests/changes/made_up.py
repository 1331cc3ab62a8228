"""Titles of few words, people and values, so that many share them; filters and their meaning."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tv5core import F
from tv5core.columns import Expression
from tv5core.types import Collection, Offer, Person, Title

__all__ = ["DIM", "Meaning", "embed", "filter_of", "text_of", "title_of", "typo"]

DIM = 32
Meaning = Callable[[Title], bool]

WORDS = (
    "harbour lantern winter thief garden crossing silent river painter soldier orchard mirror "
    "station comet island sparrow bridge carnival desert engine falcon glacier"
).split()
PEOPLE = ("Ada Quill", "Bo Lund", "Chiara Neri", "Dmitri Volkov", "Élodie Marchand", "Fu Lin")
GENRES = ("Drama", "Crime", "Comedy", "Western", "Documentary")
SERVICES = ("netflix", "hulu", "mubi")


def title_of(chance: random.Random, name: str) -> Title:
    """Draw a title of some id."""

    def some(values: tuple[str, ...], most: int) -> tuple[str, ...]:
        return tuple(chance.sample(values, chance.randint(0, most)))

    year = chance.choice([None, *range(1960, 2000, 3)])
    number = chance.choice(["", "", "", " 2", " II", " 3"])
    return Title(
        name,
        chance.choice(["movie", "movie", "show"]),
        " ".join(chance.choices(WORDS, k=chance.randint(1, 3))).title() + number,
        year=year,
        release_date=f"{year}-0{chance.randint(1, 9)}-11" if year and chance.random() < 0.7 else "",
        overview=" ".join(chance.choices(WORDS, k=chance.randint(0, 14))),
        genres=some(GENRES, 3),
        keywords=some(tuple(WORDS[:6]), 2),
        cast=tuple(Person(one) for one in some(PEOPLE, 3)),
        directors=some(PEOPLE, 1),
        runtime=chance.choice([None, 80, 95, 130]),
        languages=some(("en", "fr", "ja"), 2),
        rating=chance.choice([None, 5.5, 7.1, 9.3]),
        votes=chance.choice([0, 3, 40, 9_000]),
        popularity=chance.choice([0.0, 1.5, 80.0]),
        adult=chance.random() < 0.1,
        collection=chance.choice([None, None, Collection("c:1", "Harbour Collection")]),
        offers=tuple(Offer(one, chance.choice(["US", "DE"])) for one in some(SERVICES, 2)),
    )


def embed(texts: list[str]) -> npt.NDArray[np.float32]:
    """Embed texts by their words: float32[n, DIM]."""
    found = np.zeros((len(texts), DIM), np.float32)
    for place, text in enumerate(texts):
        for word in text.casefold().split():
            seed = int(hashlib.md5(word.encode()).hexdigest()[:8], 16)
            found[place] += np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return found


def filter_of(chance: random.Random, depth: int = 2) -> tuple[Expression, Meaning]:
    """Draw a filter, and what it means of a title."""
    if depth and chance.random() < 0.6:
        one, of_one = filter_of(chance, depth - 1)
        other, of_other = filter_of(chance, depth - 1)
        return chance.choice(
            [
                (one & other, lambda t: of_one(t) and of_other(t)),
                (one | other, lambda t: of_one(t) or of_other(t)),
                (~one, lambda t: not of_one(t)),
            ]
        )
    return _clause(chance)


def _clause(chance: random.Random) -> tuple[Expression, Meaning]:
    genre, person, service = map(chance.choice, (GENRES, PEOPLE, SERVICES))
    low = chance.randrange(1955, 2000)
    found: list[tuple[Expression, Meaning]] = [
        (F.genre(genre), lambda t: genre in t.genres),
        (
            F.year.between(low, low + 12),
            lambda t: bool(t.year) and low <= (t.year or 0) <= low + 12,
        ),
        (F.votes >= 40, lambda t: t.votes >= 40),
        (F.rating > 7, lambda t: t.rating is not None and t.rating > 7),
        (F.person(person), lambda t: person in (*(p.name for p in t.cast), *t.directors)),
        (F.director(person), lambda t: person in t.directors),
        (F.on(service), lambda t: any(o.provider == service for o in t.offers)),
        (
            F.on(service, region="US"),
            lambda t: any((o.provider, o.region) == (service, "US") for o in t.offers),
        ),
        (F.adult, lambda t: t.adult is True),
        (F.kind("show"), lambda t: t.kind == "show"),
        (F.runtime <= 95, lambda t: t.runtime is not None and t.runtime <= 95),
        (F.language("fr"), lambda t: "fr" in t.languages),
        (F.runtime.exists(), lambda t: t.runtime is not None),
    ]
    return chance.choice(found)


def text_of(chance: random.Random) -> str:
    """Draw what someone may type."""
    words = chance.choices(WORDS, k=chance.randint(1, 4))
    return chance.choice(
        [
            " ".join(words),
            f"{words[0]} 2",
            typo(chance, words[0]),
            f'"{words[0]} {words[-1]}"',
            f"{words[0]} -{words[-1]}",
            f"{words[0]} {chance.choice(PEOPLE)}",
            chance.choice(PEOPLE).casefold(),
            f"{words[0]} genre:{chance.choice(GENRES)}",
        ]
    )


def typo(chance: random.Random, word: str) -> str:
    """Leave a letter out."""
    at = chance.randrange(1, len(word))
    return word[:at] + word[at + 1 :]
