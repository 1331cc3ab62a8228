"""A part of a series is found by its number, where no title has that number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core import Catalog, Title
from tv5core.types import Collection

WIZARD = Collection("c:1", "Wizard Boy Collection")
PARTS = [
    Title("w:3", "movie", "Wizard Boy and the Prisoner", year=2004, collection=WIZARD),
    Title("w:1", "movie", "Wizard Boy and the Stone", year=2001, collection=WIZARD, votes=900),
    Title("w:5", "movie", "The Wizard's Return", year=2007, collection=WIZARD),
    Title("w:?", "movie", "Wizard Boy and the Lost Reel", collection=WIZARD),
    Title("o:1", "movie", "Wizard Boys of Ohio", year=1999, votes=20),
    Title("b:2", "movie", "Boat 2", year=1990, collection=Collection("c:2", "Boat")),
    Title("b:1", "movie", "Boat", year=1980, collection=Collection("c:2", "Boat")),
    Title("n:3", "movie", "3 Men", year=1987),
    Title("n:4", "movie", "Four Rooms", year=1995),
    Title("n:5", "movie", "Table for 5", year=1983),
    Title("n:6", "movie", "6 Days", year=1998),
    Title("b:0", "movie", "Boat: The Beginning", year=1995, collection=Collection("c:2", "Boat")),
]
LATE = [
    Title("w:2", "movie", "Wizard Boy and the Room", year=2002, collection=WIZARD, votes=90),
    Title("w:4", "movie", "Wizard Boy and the Cup", year=2005, collection=WIZARD),
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("series") / "c"
    with Catalog.open(folder, auto_seal=False) as opened:
        opened.add(PARTS)
        opened.seal()
        opened.add(LATE)  # in another segment
        yield opened


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("wizard boy 3", "w:3"),
        ("Wizard Boy III", "w:3"),
        ("wizard boy four", "w:4"),
        ("wizard boy 2", "w:2"),
        ("wizard boy 5", "w:5"),  # by the collection alone
        ("boat 2", "b:2"),  # a title has this name
    ],
)
def test_a_part_is_found_by_its_number(catalog, text, first, mode):
    assert catalog.search(text, 3, mode=mode)[0].id == first


def test_a_part_is_found_only_where_it_is_allowed_and_there(catalog):
    assert catalog.search("wizard boy 3", where="year:..2002")[0].id == "w:1"
    assert catalog.search("wizard boy 6")[0].id == "w:1"  # whose date nobody knows is none
    assert catalog.search("wizard boys 3")[0].id == "w:1"  # no collection has this name
