"""What a live source says goes into the title that files have put there already."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tv5core import Catalog, Offer, Person, Title
from tv5core.importers import MergingCatalog

PAGE = "https://www.themoviedb.org/movie/603/watch?locale=US"
MATRIX = Title(
    "tmdb:movie:603",
    "movie",
    "The Matrix",
    year=1999,
    overview="Set in the 22nd century, it tells the story of a computer hacker.",
    genres=("Action", "Science Fiction"),
    keywords=("simulation",),
    cast=(Person("Keanu Reeves", "Neo"),),
    external_ids={"tmdb": "603", "imdb": "tt0133093"},
    offers=(Offer("netflix", "US", url=PAGE, checked_at=100),),
    source="tmdb",
    updated_at=100,
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(tmp_path / "c")


def add(catalog: Catalog, *titles: Title) -> None:
    MergingCatalog(catalog).add(titles, embed=False)


def test_a_new_title_has_its_own_id(catalog: Catalog) -> None:
    with catalog:
        add(catalog, MATRIX)
        assert catalog.get("tmdb:movie:603") == MATRIX
        assert catalog.count() == 1


@pytest.mark.parametrize("source", ["justwatch", "streaming", "wikipedia"])
def test_a_title_of_another_source_is_found_and_keeps_its_id(catalog: Catalog, source: str) -> None:
    mine = Offer("hulu", "US", price=1.0)
    stored = Title(
        "imdb:tt0133093", "movie", "Matrix", year=1999, keywords=("kung fu",), offers=(mine,),
        external_ids={"imdb": "tt0133093"}, source=source,
    )  # fmt: skip
    with catalog:
        catalog.add([stored], embed=False)
        add(catalog, MATRIX)
        assert list(catalog.ids()) == ["imdb:tt0133093"]
        found = catalog.get("tmdb:movie:603")
        assert (found.title, found.source) == ("The Matrix", "tmdb")
        assert set(found.keywords) == {"simulation", "kung fu"}
        assert found.external_ids == {"imdb": "tt0133093", "tmdb": "603"}
        assert found.offers == (mine, *MATRIX.offers)


def test_what_the_source_takes_back_goes(catalog: Catalog) -> None:
    later = msgspec.structs.replace(
        MATRIX, genres=("Action",), keywords=("hacker",), cast=(), tagline="New", updated_at=200,
        offers=(Offer("hulu", "US", url=PAGE, checked_at=200),), popularity=9.0,
        external_ids={"tmdb": "603"},
    )  # fmt: skip
    own = Offer("my player", "US", url="https://player.example/603")
    with catalog:
        add(catalog, MATRIX)
        catalog.add(
            [msgspec.structs.replace(MATRIX, offers=(own, *MATRIX.offers))], embed=False
        )  # fmt: skip
        add(catalog, later)
        found = catalog.get("tmdb:movie:603")
        assert (found.genres, found.keywords, found.cast) == (("Action",), ("hacker",), ())
        assert found.offers == (own, *later.offers), "only the source's own offers go"
        assert found.external_ids == MATRIX.external_ids, "ids elsewhere stay"
        assert found.updated_at == 200


def test_the_users_own_statement_stays_the_stronger(catalog: Catalog) -> None:
    mine = msgspec.structs.replace(MATRIX, title="My Matrix", source="", offers=())
    with catalog:
        catalog.add([mine], embed=False)
        add(catalog, MATRIX)
        found = catalog.get("tmdb:movie:603")
        assert (found.title, found.source) == ("My Matrix", "")
        assert found.offers == MATRIX.offers


def test_numbers_of_films_and_series_are_kept_apart(catalog: Catalog) -> None:
    series = Title("tmdb:tv:603", "show", "Other", external_ids={"tmdb": "603"}, source="tmdb")
    with catalog:
        add(catalog, MATRIX, series)
        assert set(catalog.ids()) == {"tmdb:movie:603", "tmdb:tv:603"}


def test_a_work_that_tmdb_has_twice_keeps_its_first_number(catalog: Catalog) -> None:
    twin = msgspec.structs.replace(
        MATRIX, id="tmdb:movie:9", external_ids={**MATRIX.external_ids, "tmdb": "9"}
    )
    with catalog:
        add(catalog, MATRIX)
        add(catalog, twin)
        assert list(catalog.ids()) == ["tmdb:movie:603"]
        assert catalog.get("imdb:tt0133093").external_ids["tmdb"] == "603"


def test_again_changes_nothing(catalog: Catalog) -> None:
    with catalog:
        sink = MergingCatalog(catalog)
        sink.add([MATRIX], embed=False, checkpoint=("k", b"1"))
        assert sink.checkpoint("k") == b"1"
        done = sink.add([MATRIX], embed=False, checkpoint=("k", b"2"))
        assert (done.added, done.updated, done.unchanged) == (0, 0, 1)
        assert sink.checkpoint("k") == b"2"
        assert sink.find("imdb:tt0133093") == ("tmdb:movie:603",)
        assert sink.add([], embed=False, checkpoint=("k", b"3")).added == 0
        assert catalog.checkpoint("k") == b"3"
