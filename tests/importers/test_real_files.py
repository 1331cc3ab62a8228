"""Real catalogues, where they are beside the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tv5core.importers import ImportReport, import_paths
from tv5core.types import Offer

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real data beside the project")

Check = Callable[[ImportReport], None]


def test_inception_is_one_title(catalog: Any, adds_up: Check) -> None:
    names = (
        "tmdb/links.csv",
        "tmdb/TMDB_movie_dataset_v11.partial.csv",
        "justwatch/hbo_titles.csv",
        "wikipedia/movies-2010s.json",
    )
    report = import_paths(catalog, [DATA / name for name in names])
    adds_up(report)
    (title,) = catalog.named("Inception")
    assert title.id == "tmdb:movie:27205"
    assert title.external_ids["imdb"] == "tt1375666"
    assert title.external_ids["wikipedia"] == "Inception"
    assert title.directors == ("Christopher Nolan",)
    assert title.cast[0].character == "Dom Cobb"
    assert "dream" in title.keywords
    assert Offer("hbo max", "US") in title.offers
    # 219 links have no TMDB id; nothing else is rejected.
    assert report.rejected == 219


def test_response_bodies(catalog: Any, adds_up: Check) -> None:
    report = import_paths(catalog, [DATA / "tmdb_responses"])
    adds_up(report)
    assert not report.unreadable
    assert len(report.files) + len(report.skipped) == len(list((DATA / "tmdb_responses").iterdir()))
    series = catalog.titles["tmdb:tv:1399"]
    assert (series.title, series.kind) == ("Game of Thrones", "show")
    assert all(skip.reason.startswith("JSON without titles") for skip in report.skipped)
