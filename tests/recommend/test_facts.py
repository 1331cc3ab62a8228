"""Facts of titles by row, against the titles themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.columns import ColumnSegment
from tv5core.recommend.facts import NO_DAY, TitleFacts, genre_keys
from tv5core.types import Title

GENRES = ("Drama", "Comedy", "Science Fiction", "Crime")

titles = st.builds(
    Title,
    st.just("id"),
    st.just("movie"),
    st.just("Film"),
    year=st.none() | st.integers(1900, 2030),
    genres=st.lists(st.sampled_from(GENRES), max_size=3).map(tuple),
    votes=st.integers(0, 10**6),
    rating=st.none() | st.floats(0.5, 10),
    popularity=st.floats(0, 1000),
)


def facts(some: list[Title], rows: list[int]) -> TitleFacts:
    columns = ColumnSegment.build(some, {})
    return TitleFacts.of_columns(columns, np.arange(len(some)), np.asarray(rows, np.int64))


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(titles, min_size=1, max_size=12), st.randoms(), st.integers(0, 12))
def test_they_are_the_titles_in_one_part_or_several(
    some: list[Title], chance: Any, cut: int
) -> None:
    rows = chance.sample(range(100), len(some))
    parts = [(some[:cut], rows[:cut]), (some[cut:], rows[cut:])]
    found = TitleFacts.joined([facts(*part) for part in parts if part[0]])
    assert found.rows.tolist() == sorted(rows)
    weights = {genre_keys((name,))[0]: 2.0**n for n, name in enumerate(GENRES)}
    sums = found.genres_in(weights)
    for row, title in zip(rows, some, strict=True):
        place = int(found.places(np.asarray([row]))[0])
        assert found.votes[place] == np.float32(title.votes)
        assert found.popularity[place] == pytest.approx(title.popularity, rel=1e-5)
        assert found.year[place] == (title.year or 0)
        rated = title.votes if title.rating else 0
        mean = (rated * (title.rating or 0) + 600) / (rated + 100)
        assert found.rating[place] == pytest.approx(mean, rel=1e-4)
        keys = genre_keys(title.genres)
        assert sums[place] == pytest.approx(sum(weights[key] for key in keys))
        assert found.genre_counts[place] == len(keys)
        assert found.having_genre("DRAMA")[place] == ("Drama" in title.genres)


def test_rows_without_a_title_have_no_place() -> None:
    found = facts([Title("a", "movie", "A"), Title("b", "movie", "B")], [5, 3])
    assert found.places(np.asarray([3, 4, 5, 99])).tolist() == [0, -1, 1, -1]
    none = facts([], [])
    assert len(none) == 0
    assert none.places(np.asarray([1])).tolist() == [-1]


def test_the_day_is_that_of_release_or_the_middle_of_the_year() -> None:
    found = facts(
        [
            Title("a", "movie", "A", release_date="1970-01-11", year=1970),
            Title("b", "movie", "B", year=2001),
            Title("c", "movie", "C"),
        ],
        [1, 2, 3],
    )
    middle = (date(2001, 7, 1) - date(1970, 1, 1)).days
    assert found.day.tolist() == [10, middle, NO_DAY]
