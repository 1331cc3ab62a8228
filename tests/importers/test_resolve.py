"""Which rows become one title."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tv5core.importers.base import Link, Row
from tv5core.importers.resolve import Bridge, Resolver
from tv5core.types import Offer, Person, Title

FILM = Title("", "movie", "Inception", year=2010, source="tmdb")


def title(source: str = "tmdb", **fields: Any) -> Title:
    return msgspec.structs.replace(FILM, source=source, **fields)


class Placing:
    """A resolver over a catalogue whose titles the test can read."""

    def __init__(self, catalog: Any, *links: Link) -> None:
        self.catalog = catalog
        bridge = Bridge()
        for link in links:
            bridge.add(link)
        self.resolver = Resolver(catalog, bridge)

    def __call__(self, *titles: Title, fallback: str = "", flush: bool = False) -> list[str]:
        outcomes = []
        for number, one in enumerate(titles):
            outcomes.append(self.resolver.place(Row(number, one, fallback)))
            if flush:
                self.flush()
        self.flush()
        return outcomes

    def flush(self) -> None:
        if self.resolver.pending:
            self.catalog.add(list(self.resolver.pending.values()), embed=False)
            self.resolver.flushed()

    @property
    def ids(self) -> list[str]:
        return list(self.catalog.titles)


@pytest.fixture
def place(catalog: Any) -> Placing:
    return Placing(catalog)


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        ({"external_ids": {"imdb": "tt1375666", "tmdb": "27205"}}, "tmdb:movie:27205"),
        ({"external_ids": {"tmdb": "1399"}, "kind": "show"}, "tmdb:tv:1399"),
        ({"external_ids": {"imdb": "tt1375666", "justwatch": "tm1"}}, "imdb:tt1375666"),
        ({"external_ids": {"justwatch": "tm82169"}}, "justwatch:tm82169"),
        ({"external_ids": {"wikipedia": "102_Dalmatians"}}, "wikipedia:102_Dalmatians"),
        ({}, "name:movie:2010:inception"),
        ({"year": None}, "row:netflix:s1"),
        ({"id": "mine:1"}, "mine:1"),
    ],
)
def test_ids(fields: dict[str, Any], want: str, place: Placing) -> None:
    place(title(**fields), fallback="netflix:s1")
    assert place.ids == [want]


@pytest.mark.parametrize("flush", [False, True])
def test_external_ids_match_across_sources(flush: bool, place: Placing) -> None:
    outcomes = place(
        title(external_ids={"tmdb": "27205", "imdb": "tt1375666"}),
        title(
            "justwatch", title="Inzeption", external_ids={"imdb": "tt1375666", "justwatch": "tm1"}
        ),
        title("justwatch", title="Other", external_ids={"justwatch": "tm1"}, runtime=148),
        flush=flush,
    )
    assert outcomes == ["new", "merged", "merged"]
    assert place.ids == ["tmdb:movie:27205"]
    assert place.catalog.find("justwatch:tm1") == ("tmdb:movie:27205",)


def test_links_join_what_shares_no_id(catalog: Any) -> None:
    place = Placing(catalog, Link(1, "tt1375666", "27205"))
    place(
        title(title="A", external_ids={"tmdb": "27205"}),
        title("justwatch", title="B", external_ids={"imdb": "tt1375666"}),
    )
    assert place.ids == ["tmdb:movie:27205"]


def test_links_say_nothing_of_series(catalog: Any) -> None:
    place = Placing(catalog, Link(1, "tt1375666", "27205"))
    place(title(kind="show", external_ids={"imdb": "tt1375666"}))
    assert place.ids == ["imdb:tt1375666"]


def test_name_year_and_kind_match(place: Placing) -> None:
    outcomes = place(
        title(external_ids={"tmdb": "1"}),
        title("streaming", title="INCEPTION", offers=(Offer("netflix", "US"),)),
        title("streaming", kind="show"),
        title("streaming", year=2015),
    )
    assert outcomes == ["new", "merged", "new", "new"]


def test_different_external_ids_part_namesakes(place: Placing) -> None:
    place(title(external_ids={"tmdb": "1"}), title(external_ids={"tmdb": "2"}))
    assert place.ids == ["tmdb:movie:1", "tmdb:movie:2"]


def test_different_own_ids_part_namesakes(place: Placing) -> None:
    place(title("own", id="mine:1"), title("own", id="mine:2"))
    assert place.ids == ["mine:1", "mine:2"]


def test_an_own_id_lives_on(place: Placing) -> None:
    place(title(external_ids={"tmdb": "1"}), title("own", id="mine:1", external_ids={"tmdb": "1"}))
    assert place.ids == ["tmdb:movie:1"]
    assert place.catalog.find("own:mine:1") == ("tmdb:movie:1",)
    edited = title("own", id="mine:1", title="Renamed", year=1999)
    assert Placing(place.catalog)(edited) == ["changed"]
    assert place.catalog.titles["tmdb:movie:1"].title == "Renamed"


def test_people_part_namesakes_of_one_year(place: Placing) -> None:
    first = title("streaming", directors=("Ann Bee",), cast=(Person("Cy Dee"), Person("Eve Eff")))
    second = title("streaming", directors=("Gus Hay",), cast=(Person("Ida Jay"), Person("Kim Ell")))
    assert place(first, second, first, second) == ["new", "new", "unchanged", "unchanged"]
    assert place.ids == ["name:movie:2010:inception", "name:movie:2010:inception:2"]


def test_people_choose_among_namesakes(place: Placing) -> None:
    place(
        title(external_ids={"tmdb": "1"}, cast=(Person("Cy Dee"),)),
        title(external_ids={"tmdb": "2"}, cast=(Person("Ida Jay"),)),
        title("wikipedia", overview="Inception is a film starring Ida Jay.", runtime=90),
    )
    assert place.catalog.titles["tmdb:movie:2"].runtime == 90


def test_without_evidence_a_row_joins_none_of_several(place: Placing) -> None:
    place(title(external_ids={"tmdb": "1"}), title(external_ids={"tmdb": "2"}))
    row = title("streaming", offers=(Offer("netflix", "US"),))
    assert place(row, row) == ["new", "unchanged"]


def test_lengths_part_a_film_from_its_short(place: Placing) -> None:
    short = title("streaming", runtime=12, offers=(Offer("netflix", "US"),))
    assert place(title(runtime=100), short) == ["new", "new"]


@pytest.mark.parametrize(
    ("year", "fields", "joined"),
    [
        (2011, {}, False),
        (2011, {"cast": (Person("Cy Dee"), Person("Eve Eff"))}, True),
        (2011, {"overview": "Inception is a 2010 film."}, True),
        (2012, {"cast": (Person("Cy Dee"), Person("Eve Eff"))}, False),
    ],
)
def test_neighbouring_years(
    year: int, fields: dict[str, Any], joined: bool, place: Placing
) -> None:
    place(title(cast=(Person("Cy Dee"), Person("Eve Eff"))))
    outcome = place(title("wikipedia", year=year, poster_path="/p", **fields))
    assert outcome == ["merged" if joined else "new"]


@pytest.mark.parametrize(("year", "joined"), [(2014, True), (2010, True), (2020, False)])
def test_series_dated_by_a_later_season(year: int, joined: bool, place: Placing) -> None:
    show = title(kind="show", title="The Umbrella Academy", external_ids={"imdb": "tt1"})
    place(show)
    row = title("streaming", kind="show", title="The Umbrella Academy", year=year, seasons=3)
    assert place(row) == ["merged" if joined else "new"]


def test_a_wrong_wikipedia_page_joins_nothing(place: Placing) -> None:
    page = {"wikipedia": "No_Time_to_Die"}
    first = title("wikipedia", title="Tank Force!", year=1958, external_ids=page)
    second = title("wikipedia", title="No Time to Die", year=2021, external_ids=page)
    assert place(first, second, first, second) == ["new", "new", "unchanged", "unchanged"]
    assert place.ids == ["wikipedia:No_Time_to_Die", "name:movie:2021:no-time-to-die"]


def test_a_re_release_joins_its_film(place: Placing) -> None:
    page = {"wikipedia": "Titanic"}
    place(
        title("wikipedia", title="Titanic", year=1997, external_ids=page, cast=(Person("Kate"),)),
        title(
            "wikipedia", title="Titanic 3D", year=2012, external_ids=page, cast=(Person("Kate"),)
        ),
    )
    assert len(place.ids) == 1


def test_rows_without_a_year_are_found_again(place: Placing) -> None:
    row = title("csv", year=None, overview="Something.")
    assert place(row, row, flush=True) == ["new", "unchanged"]


def test_a_film_twice_at_tmdb_under_one_imdb_id(place: Placing) -> None:
    place(
        title(external_ids={"tmdb": "1", "imdb": "tt1"}),
        title(external_ids={"tmdb": "2", "imdb": "tt1"}, runtime=90),
        title(title="Another", external_ids={"tmdb": "3", "imdb": "tt1"}),
    )
    assert place.ids == ["tmdb:movie:1", "tmdb:movie:3"]


def test_restating_an_own_title_changes_it_once_an_import(catalog: Any) -> None:
    Placing(catalog)(title("own", id="a", tagline="one"))
    place = Placing(catalog)
    edited = title("own", id="a", tagline="two")
    assert place(edited, title("own", id="a", tagline="three")) == ["changed", "unchanged"]
    assert catalog.titles["a"].tagline == "two"
    assert Placing(catalog)(edited) == ["unchanged"]
