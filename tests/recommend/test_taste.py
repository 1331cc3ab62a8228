"""A taste: what it is near to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tv5core.recommend.taste import Liked, Taste, faded, people_of
from tv5core.types import Person, Title


def film(**fields: object) -> Title:
    return Title("id", "movie", "Film", **fields)  # type: ignore[arg-type]


def unit(*values: float) -> np.ndarray:
    vector = np.asarray(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_the_nearest_like_counts_and_later_likes_count_more() -> None:
    weights = faded(3)
    assert weights[-1] == 1.0
    assert faded(24)[0] == pytest.approx(0.5, abs=0.01)
    likes = [Liked(None, unit(1, 0), weights[0]), Liked(film(), None), Liked(None, unit(0, 1))]
    scores, which = Taste(likes).nearest_like(np.stack([unit(1, 0), unit(1, 1), unit(-1, 0)]))
    assert scores == pytest.approx([weights[0], math.sqrt(0.5), 0.0], abs=1e-6)
    assert which.tolist() == [0, 2, 2]


def test_nothing_is_near_where_nothing_has_a_vector() -> None:
    scores, which = Taste([Liked(film(), None)]).nearest_like(np.ones((2, 3), np.float32))
    assert scores.tolist() == [0, 0]
    assert which.tolist() == [-1, -1]


def test_names_are_compared_by_cosine() -> None:
    taste = Taste([Liked(film(keywords=("a", "b"), year=2000), None)])
    assert taste.keywords.cosine(("a", "b")) == pytest.approx(1.0)
    assert taste.keywords.cosine(("a", "c")) == pytest.approx(0.5)
    assert taste.keywords.cosine(("c",)) == taste.keywords.cosine(()) == 0.0
    assert taste.keywords.shared(("c", "b", "a"), 1) == ("b",)


def test_titles_of_the_likes_time_are_nearer() -> None:
    taste = Taste([Liked(film(year=1980), None), Liked(film(year=1982), None)])
    years = np.asarray([1981, 1990, 2020, 0], np.int32)
    near = taste.times(years)
    assert near[0] > near[1] > near[2]
    assert near[2] < near[3] < near[0], "an unknown year is middling"
    assert Taste([Liked(None, unit(1, 0))]).times(years).tolist() == [0, 0, 0, 0]


def test_genres_of_a_profile_count_like_those_of_all_likes() -> None:
    taste = Taste([Liked(film(genres=("Drama",)), None)], (), ("sci-fi",))
    assert taste.genres.cosine(("drama",)) == pytest.approx(math.sqrt(0.5))


def test_people_are_leads_directors_and_creators_once() -> None:
    cast = tuple(Person(f"p{i}") for i in range(12))
    title = film(cast=cast, directors=("d", "p0"), creators=("c1", "c2", "c3", "c4"))
    assert people_of(title) == (*(f"p{i}" for i in range(8)), "d", "c1", "c2", "c3")
