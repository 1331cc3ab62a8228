"""Names under which titles are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.names import normalise_name
from tv5core.store.aliases import (
    aliases,
    external_alias,
    external_aliases,
    name_alias,
)
from tv5core.types import Title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Pokémon", "POKEMON"),
        ("Fast & Furious", "Fast and Furious"),
        ("Ocean's Eleven", "Ocean\u2019s Eleven"),
        ("Spider-Man: Far from Home", "Spider Man   Far From Home"),
        ("\uff21\uff22\uff23", "abc"),
        ("Straße", "STRASSE"),
        ("Ærø", "Aero"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert normalise_name(one) == normalise_name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Alien", "Aliens"), ("ガンダム", "カンタム"), ("बाहुबली", "बहबल")]
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert normalise_name(one) != normalise_name(other)


def test_aliases_of_a_film() -> None:
    title = Title(
        "x", "movie", "Inception", year=2010, external_ids={"imdb": "tt1375666", "tmdb": "27205"}
    )
    assert aliases(title) == ("tmdb:movie:27205", "imdb:tt1375666", "name:movie:2010:inception")


def test_a_series_is_found_without_its_year_too() -> None:
    title = Title("x", "show", "Blood & Water", year=2020, external_ids={"tmdb": "1"})
    assert aliases(title) == (
        "tmdb:tv:1",
        "name:show:2020:blood-and-water",
        "name:show::blood-and-water",
    )


def test_without_a_year_there_is_no_name() -> None:
    assert aliases(Title("x", "show", "Inception")) == ()


def test_a_name_of_marks_only_has_no_alias() -> None:
    assert name_alias("?!", 2000, "movie") == ""


def test_long_names_are_cut_and_kept_apart() -> None:
    one, other = (name_alias("word " * 200 + end, 2000, "movie") for end in "ab")
    assert one != other
    assert max(len(one), len(other)) <= 256


def test_overlong_external_ids_have_no_alias() -> None:
    assert external_alias("imdb", "t" * 300, "movie") == ""
    assert external_aliases(Title("x", "movie", "X", external_ids={"imdb": "t" * 300})) == ()


@given(st.text(), st.integers(0, 9999), st.dictionaries(st.text(max_size=5), st.text()))
def test_any_title_has_aliases_that_fit(name: str, year: int, ids: dict[str, str]) -> None:
    found = aliases(Title("x", "show", name, year=year, external_ids=ids))
    assert all(0 < len(alias.encode("utf-8", "replace")) <= 256 for alias in found)
    assert normalise_name(normalise_name(name)) == normalise_name(name)
