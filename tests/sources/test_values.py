"""Cleaning of values, and the common vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.importers.base import Context, Options
from tv5core.sources import lists, numbers, values
from tv5core.sources.dates import DateReader
from tv5core.sources.places import country, language
from tv5core.sources.values import RowError
from tv5core.sources.vocabulary import certification, genres, provider, provider_of_file


@pytest.fixture
def context() -> Context:
    return Context(Options())


@pytest.mark.parametrize(
    "written",
    [
        '["Drama", "Crime"]',
        "['Drama', 'Crime']",
        '[{"id": 18, "name": "Drama"}, {"id": 80, "name": "Crime"}]',
        "[{'id': 18, 'name': 'Drama'}, {'id': 80, 'name': 'Crime'}]",
        "Drama, Crime",
        "Drama,,Crime,",
    ],
)
def test_a_list_in_any_writing(written: str, context: Context) -> None:
    assert lists.names(written, context) == ["Drama", "Crime"]
    assert not context.notes


@pytest.mark.parametrize(
    "written",
    [
        "[__import__('os').getcwd()]",
        "[1-1-1]",
        "[" * 5_000,
        "['unfinished",
        "[" + "1" * 10_000 + "x",
        "[{'a': 1}",
        "[" + "-" * 10_000 + "1]",
        "[{[]: 1}]",
    ],
)
def test_what_is_no_list_is_noted_and_never_run(written: str, context: Context) -> None:
    assert lists.names(written, context) == []
    assert context.notes == {"list malformed": 1}


@pytest.mark.parametrize(
    ("written", "day", "year"),
    [
        ("2010-07-15", "2010-07-15", 2010),
        ("2010-07-15T00:00:00.000Z", "2010-07-15", 2010),
        ("March 30, 2021", "2021-03-30", 2021),
        ("1999", "", 1999),
        ("2030-01-01", "2030-01-01", 2030),
        ("", "", None),
        (None, "", None),
    ],
)
def test_dates(written: object, day: str, year: int | None, context: Context) -> None:
    assert DateReader()(written, context) == (day, year)
    assert not context.notes


@pytest.mark.parametrize(
    "written", ["2010-02-30", "0000-00-00", "1", "12", "soon", "2010-13-01", "0001-01-01"]
)
def test_malformed_dates_are_noted(written: str, context: Context) -> None:
    assert DateReader()(written, context) == ("", None)
    assert context.notes == {"date malformed": 1}


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("tt0114709", "tt0114709"),
        ("0114709", "tt0114709"),
        ("TT114709", "tt0114709"),
        ("tt10954600", "tt10954600"),
        ("0", ""),
        ("nm0000001", ""),
        ("tt", ""),
        (None, ""),
    ],
)
def test_imdb_ids(written: object, want: str) -> None:
    assert values.imdb_id(written) == want


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("862", "862"),
        ("862.0", "862"),
        (862, "862"),
        ("-1", ""),
        ("1.5", ""),
        ("1997-08-20", ""),
        (True, ""),
        ("1e400", ""),
    ],
)
def test_digits(written: object, want: str) -> None:
    assert numbers.digits(written) == want


def test_numbers_out_of_range_are_noted(context: Context) -> None:
    assert numbers.integer("81.0", 1, 1_440, "runtime", context) == 81
    assert numbers.integer("0", 1, 1_440, "runtime", context) is None
    assert not context.notes
    assert numbers.integer("100000", 1, 1_440, "runtime", context) is None
    assert numbers.integer("long", 1, 1_440, "runtime", context) is None
    assert numbers.year_of(0, context) is None
    assert numbers.year_of("20100", context) is None
    assert context.notes == {
        "runtime out of range": 1,
        "runtime malformed": 1,
        "year out of range": 1,
    }


def test_text_loses_controls_and_words_for_nothing() -> None:
    assert values.text("a\x00b\u200b \n c\ud800") == "a b c"
    assert [values.text(word) for word in ("NaN", "None", "\\N", " null ")] == [""] * 4
    assert values.required_title("None") == "None"
    for empty in ("", " ", None, [], "\x00"):
        with pytest.raises(RowError):
            values.required_title(empty)


def test_long_text_is_cut_and_noted(context: Context) -> None:
    assert len(values.text("a" * 30_000, context)) == 20_000
    assert context.notes == {"text cut at 20,000 characters": 1}


def test_people(context: Context) -> None:
    assert lists.people_names("Robert Downey, Jr., 1, Ann B, ann b", context) == (
        "Robert Downey, Jr.",
        "Ann B",
    )


@pytest.mark.parametrize(
    ("words", "want"),
    [
        (["scifi", "Sci-Fi"], ("Science Fiction",)),
        (["documentation"], ("Documentary",)),
        (["TV Dramas", "International TV Shows"], ("Drama", "International")),
        (["Sci-Fi & Fantasy"], ("Science Fiction", "Fantasy")),
        (["drama", "space western"], ("Drama", "Space Western")),
        (["Movies", ""], ()),
        (["women's stories"], ("Women's Stories",)),
    ],
)
def test_genres(words: list[str], want: tuple[str, ...]) -> None:
    assert genres(words) == want


def test_places_and_ratings() -> None:
    assert [country(w) for w in ("United States", "us", "UK", "Freedonia")] == [
        "US",
        "US",
        "GB",
        "Freedonia",
    ]
    assert [language(w) for w in ("English", "EN", "cn", "No Language", "Klingon")] == [
        "en",
        "en",
        "zh",
        "",
        "Klingon",
    ]
    assert language("Haitian; Haitian Creole") == "ht"
    assert [certification(w) for w in ("pg-13", "AGES_18_", "ALL_AGES")] == ["PG-13", "18+", "ALL"]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("netflix_titles.csv", "netflix"),
        ("amazon_prime_titles.csv", "amazon prime video"),
        ("disney_titles.csv", "disney plus"),
        ("disney_plus_titles.csv", "disney plus"),
        ("appletv_titles.csv", "apple tv plus"),
        ("My_Service_titles.csv", "my service"),
    ],
)
def test_services(name: str, want: str) -> None:
    assert provider_of_file(Path(name)) == want
    assert provider("Disney+") == "disney plus"


@given(
    st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.text()), st.booleans())
)
def test_no_value_raises(value: object) -> None:
    context = Context(Options())
    values.text(value, context)
    lists.names(value, context)
    DateReader()(value, context)
    values.imdb_id(value, context)
    numbers.digits(value)
    numbers.count(value, "votes", context)
    numbers.amount(value, "popularity", context)
    numbers.runtime(value, 1_440, context)
    numbers.seasons(value, 100, context)
    numbers.rating(value, context)
    numbers.year_of(value, context)


def test_a_text_that_is_too_long_for_an_id_is_told_from_another() -> None:
    one, other = "x" * 200 + "1", "x" * 200 + "2"
    assert len(values.shortened(one, 60)) == 60
    assert values.shortened(one, 60) != values.shortened(other, 60)
    assert values.shortened(one, 60) == values.shortened(one, 60)
    assert values.shortened("short", 60) == "short"


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("Drama; War", ["Drama", " War"]),
        ("Drama;War", ["Drama", "War"]),
        ("Poe, Ann; Fox, Bob", ["Poe, Ann", " Fox, Bob"]),
        ("Sci-Fi &amp; Fantasy, War", ["Sci-Fi &amp; Fantasy", " War"]),
        ("Drama, War", ["Drama", " War"]),
    ],
)
def test_a_list_with_semicolons(written: str, want: list[str]) -> None:
    assert lists.split_list(written, Context(Options())) == want
