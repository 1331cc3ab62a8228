"""The most popular titles of a catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core import Catalog, InvalidInputError, Title
from tv5core.data import demo_titles


def test_the_most_popular_come_first(tmp_path: Path) -> None:
    titles = demo_titles()[:60]
    best = sorted(titles, key=lambda title: (-title.popularity, title.id))
    with Catalog.open(tmp_path / "films", embedder=None) as catalog:
        assert catalog.popular() == []
        catalog.add(titles, embed=False)
        assert catalog.popular(7) == best[:7]
        assert catalog.popular(1_000) == best
        comedies = [title for title in best if "Comedy" in title.genres]
        assert catalog.popular(4, genre="Comedy") == comedies[:4]
        assert catalog.popular(genre="no such genre") == []
        with pytest.raises(InvalidInputError, match="expected k to be an integer >= 1"):
            catalog.popular(0)


def test_ties_are_ordered_by_id(tmp_path: Path) -> None:
    titles = [Title(f"x:{n}", "movie", "T", popularity=1.0) for n in (3, 1, 2)]
    with Catalog.open(tmp_path / "films", embedder=None) as catalog:
        catalog.add(titles, embed=False)
        assert [title.id for title in catalog.popular(2)] == ["x:1", "x:2"]
