"""Titles with something in every field, as a table and in a catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tv5core import Catalog
from tv5core.types import AlternativeTitle, Collection, Offer, Person, Title

EXTRA = {
    "mood": "keyword",
    "tags": "keywords",
    "views": "int",
    "share": "float",
    "ours": "bool",
    "bought": "date",
}
TITLES = [
    Title(
        "t:1",
        "movie",
        'Élan, "vital"',
        original_title="躍動",
        release_date="1999-03-31",
        year=1999,
        overview="A line\nand another",
        tagline="|;,",
        genres=("Drama", "Crime"),
        keywords=("a, b", "c"),
        cast=(Person("Ann", "Eve"), Person("Bob")),
        directors=("Cy",),
        creators=("Di", "Ed"),
        runtime=101,
        languages=("fr",),
        countries=("FR", "BE"),
        certification="R",
        rating=7.25,
        votes=2**40,
        popularity=1e-9,
        external_ids={"imdb": "tt0133093", "wikipedia": "Élan"},
        poster_path="/p.jpg",
        offers=(Offer("netflix", "US"), Offer("x", "FR", "rent", 2.5, "EUR", "u", "hd", 7, "tmdb")),
        source="own",
        updated_at=1_700_000_000,
        alternative_titles=(AlternativeTitle("Elan", "en", "US"), AlternativeTitle("Vital")),
        collection=Collection("c:1", "Elan Collection"),
        adult=True,
        extra={
            "mood": "dark",
            "tags": ("x", "y, z"),
            "views": 3,
            "share": 0.5,
            "ours": False,
            "bought": "2020-02-02",
        },
    ),
    Title("t:2", "show", "Plain", seasons=3, source="own"),
]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Catalog]:
    """A catalogue of both titles, with fields of its own."""
    with Catalog.open(tmp_path / "full", extra_fields=EXTRA) as catalog:
        catalog.add(TITLES)
        yield catalog
