"""A catalogue of films in two groups, whose vectors, people and viewers differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tv5core.catalog import Catalog
from tv5core.types import Person, Title

DIM = 8
COUNT = 40


def film(number: int) -> Title:
    """Return a film: even ones are westerns with one star, odd ones comedies with another."""
    west = number % 2 == 0
    return Title(
        f"f{number}",
        "movie",
        f"Film {number:02}",
        year=1960 + number,
        release_date=f"{1960 + number}-03-01",
        genres=("Western", "Drama") if west else ("Comedy",),
        keywords=("horse", "desert") if west else ("wedding",),
        cast=(Person("Clint" if west else "Goldie"),),
        votes=1_000 + number,
        rating=6.0 + (number % 5) / 2,
        popularity=float(number),
        external_ids={"imdb": f"tt{number:07}"},
    )


def vectors(count: int = COUNT) -> npt.NDArray[np.float32]:
    """Return vectors in two bundles, by group."""
    rng = np.random.default_rng(0)
    middles = np.eye(2, DIM, dtype=np.float32) * 2
    noise = rng.standard_normal((count, DIM)).astype(np.float32)
    return middles[np.arange(count) % 2] + noise * 0.3


def make(folder: Path, count: int = COUNT) -> Catalog:
    """Make the catalogue."""
    catalog = Catalog.open(folder, embedder=None, auto_seal=False)
    catalog.add([film(number) for number in range(count)], vectors(count))
    return catalog


def viewers() -> Iterator[tuple[str, str, float]]:
    """Yield interactions: every viewer consumes films of one quarter only."""
    for user in range(240):
        for step in range(6):
            number = (user % 4) * 10 + (user // 4 + step * 3) % 10
            yield f"u{user}", f"f{number}", 1.0 + step
