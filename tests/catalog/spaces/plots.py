"""Titles with plots, and embedders that count letters."""

from __future__ import annotations

from tv5core.types import Title

PLOTS = {
    "inception": ("Inception", "A thief steals secrets from people through their dreams."),
    "jaws": ("Jaws", "A great white shark terrorises a beach town in summer."),
    "alien": ("Alien", "The crew of a spaceship is hunted by a deadly creature."),
    "toys": ("Toy Story", "Toys come alive when their owner leaves the room."),
    "titanic": ("Titanic", "Two lovers meet on a ship that strikes an iceberg."),
    "matrix": ("The Matrix", "A hacker learns that reality is a simulation."),
}


def plots(*names: str) -> list[Title]:
    return [Title(n, "movie", PLOTS[n][0], overview=PLOTS[n][1]) for n in names or PLOTS]


def more(start: int, stop: int) -> list[Title]:
    words = [
        "river",
        "night",
        "garden",
        "clock",
        "letter",
        "storm",
        "piano",
        "winter",
        "market",
        "island",
    ]
    return [
        Title(f"m{i}", "movie", f"Story {i}", overview=f"{words[i % 10]} {words[i // 10 % 10]} {i}")
        for i in range(start, stop)
    ]
