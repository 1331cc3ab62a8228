"""What a live source says goes into the title that files have put there already."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tv5core import Catalog, Offer, Person, Title
from tv5core.importers import MergingCatalog
from tv5core.upstream.tmdb.details import MovieDetails
from tv5core.upstream.tmdb.mapping import title_from

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


def offer(name: str, source: str = "tmdb", region: str = "US", **how: object) -> Offer:
    return Offer(name, region, source=source, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["", PAGE])
@pytest.mark.parametrize("source", ["tmdb", "", "justwatch", "streaming"])
def test_a_sources_offers_are_those_it_names_now(catalog: Catalog, url: str, source: str) -> None:
    own = Offer("my player", "US")
    first = [offer(name, url=url, checked_at=100) for name in ("netflix", "hulu")]
    first.append(offer("netflix", region="DE", url=url, checked_at=100))
    second = (offer("hbo max", url=url, checked_at=200),)
    with catalog:
        stored = msgspec.structs.replace(MATRIX, offers=(own,), source=source, updated_at=50)
        catalog.add([stored], embed=False)
        add(catalog, msgspec.structs.replace(MATRIX, offers=tuple(first)))
        assert catalog.get(MATRIX.id).offers == (own, *first)
        add(catalog, msgspec.structs.replace(MATRIX, offers=second, updated_at=200))
        assert catalog.get(MATRIX.id).offers == (own, *second)
        add(catalog, msgspec.structs.replace(MATRIX, offers=(), updated_at=300))
        assert catalog.get(MATRIX.id).offers == (own,), "it names no service at all any more"


def test_an_offer_of_two_sources_stays_the_others(catalog: Catalog) -> None:
    own = Offer("netflix", "US", url="https://mine.example")
    priced = offer("hulu", "justwatch", price=3.0, kind="rent", checked_at=150)
    with catalog:
        catalog.add([msgspec.structs.replace(MATRIX, offers=(own, priced))], embed=False)
        both = (offer("netflix", checked_at=200), offer("hulu", kind="rent", checked_at=200))
        add(catalog, msgspec.structs.replace(MATRIX, offers=both, updated_at=200))
        seen = msgspec.structs.replace(priced, checked_at=200)
        assert catalog.get(MATRIX.id).offers == (own, seen)
        add(catalog, msgspec.structs.replace(MATRIX, offers=(), updated_at=300))
        assert catalog.get(MATRIX.id).offers == (own, seen)


def test_justwatch_replaces_what_it_said_of_the_countries_it_speaks_of(catalog: Catalog) -> None:
    old = (offer("hulu", "justwatch"), offer("hulu", "justwatch", "DE"), offer("netflix"))
    new = (offer("max", "justwatch"), offer("netflix"))
    with catalog:
        catalog.add([msgspec.structs.replace(MATRIX, offers=old)], embed=False)
        add(catalog, msgspec.structs.replace(MATRIX, offers=new, updated_at=200))
        assert set(catalog.get(MATRIX.id).offers) == {old[1], *new}


def test_what_tmdb_answers_replaces_its_offers_link_or_not(catalog: Catalog) -> None:
    def answer(checked_at: int, services: dict[str, list[str]]) -> Title:
        entries = {
            region: {"flatrate": [{"provider_name": name} for name in names]}
            for region, names in services.items()
        }
        body = {"id": 603, "title": "The Matrix", "watch/providers": {"results": entries}}
        return title_from(msgspec.convert(body, MovieDetails), checked_at=checked_at)

    with catalog:
        add(catalog, answer(100, {"US": ["Netflix", "Hulu"], "DE": ["Netflix"]}))
        add(catalog, answer(200, {"US": ["Max"]}))
        found = catalog.get("tmdb:movie:603").offers
        assert [(o.provider, o.region, o.checked_at) for o in found] == [("hbo max", "US", 200)]
        add(catalog, answer(300, {}))
        assert catalog.get("tmdb:movie:603").offers == ()
