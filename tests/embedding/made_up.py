"""Invented titles, for tests of embedders."""

from __future__ import annotations

import random

from tv5core.types import Person, Title

_PLOTS = {
    "Space": "an astronaut crew drifts past a dying planet while the ship computer fails",
    "Heist": "a safecracker and her gang plan to rob a casino vault during a boxing match",
    "Sea": "a fisherman battles a giant shark that hunts swimmers off a crowded beach",
    "School": "a shy student joins a school of magic and duels a jealous wizard",
    "Court": "a young lawyer defends an innocent farmer before a corrupt judge and jury",
    "Kitchen": "a stubborn chef opens a tiny restaurant and feuds with a food critic",
}
_FILLER = "city winter letter brother train secret garden night river summer friend war".split()


def make_titles(count: int, seed: int = 0) -> list[Title]:
    """Make ``count`` titles about six subjects, in turn."""
    rng = random.Random(seed)
    subjects = list(_PLOTS)
    return [_make(number, subjects[number % len(subjects)], rng) for number in range(count)]


def _make(number: int, subject: str, rng: random.Random) -> Title:
    words = _PLOTS[subject].split()
    kept = [word for word in words if rng.random() < 0.8]
    overview = " ".join(kept + rng.sample(_FILLER, 3))
    return Title(
        id=f"made:{number}",
        kind="movie" if number % 3 else "show",
        title=f"{subject} {rng.choice(_FILLER).title()} {number}",
        year=1950 + number % 70,
        overview=overview,
        genres=("Drama",) if number % 2 else ("Thriller", "Adventure"),
        cast=(Person(f"Ada Quill{number % 40}", "Lead"),),
        directors=(f"Noor Vance{number % 15}",),
        votes=number % 500,
    )
