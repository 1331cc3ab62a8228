"""Recommendations from likes: what is promised of every answer, and what is near comes first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalog.recommending.films import COUNT, DIM, film, vectors
from tests.examples import examples
from tv5core import F, Profile
from tv5core.catalog import Catalog
from tv5core.catalog.recommending import recommender
from tv5core.errors import (
    ClosedError,
    DimensionError,
    InvalidFilterError,
    InvalidInputError,
    NonFiniteVectorError,
    UnknownIdError,
    ZeroVectorError,
)

ALL = {f"f{number}" for number in range(COUNT)}
some_ids = st.lists(st.sampled_from(sorted(ALL)), max_size=5)


def ids(found: list[Any]) -> list[str]:
    return [one.id for one in found]


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    like=some_ids.filter(bool),
    dislike=some_ids,
    seen=some_ids,
    year=st.none() | st.integers(1955, 2005),
    k=st.integers(1, 50),
    diversity=st.floats(0, 1),
)
def test_promises(
    films: Catalog, like: Any, dislike: Any, seen: Any, year: Any, k: int, diversity: float
) -> None:
    where = None if year is None else F.year >= year
    asked = {
        "dislike": dislike, "seen": seen, "where": where, "k": k, "diversity": diversity,
    }  # fmt: skip
    found = ids(films.recommend(like, **asked))
    may = {name for name in ALL if year is None or film(int(name[1:])).year >= year}  # type: ignore[operator]
    may -= {*like, *dislike, *seen}
    assert set(found) <= may
    assert len(found) == len(set(found)) == min(k, len(may))
    assert ids(films.recommend(like, **asked)) == found


@pytest.mark.parametrize("pool", [1, 8])
def test_promises_hold_where_not_all_titles_are_looked_at(
    films: Catalog, pool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommender, "_LEAST_POOL", pool)
    monkeypatch.setattr(recommender, "_NEIGHBOURS", 3)
    for where in (None, F.genre("Comedy"), F.year >= 1990):
        for k in (1, 3, 20):
            found = films.recommend("f0", seen=["f2"], where=where, k=k)
            assert len(found) == k if where is None else len(found) <= k
            assert not {"f0", "f2"} & set(ids(found))
            if where is not None and k == 3:
                allowed = {title.id for title in films.browse(where=where, k=COUNT)}
                assert set(ids(found)) <= allowed


def test_titles_like_the_likes_come_first(films: Catalog) -> None:
    found = films.recommend(["f0", "f4"], k=10, diversity=0)
    assert all(int(name[1:]) % 2 == 0 for name in ids(found))
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert [one.title for one in found] == [film(int(one.id[1:])) for one in found]


def test_the_latest_like_counts_most(films: Catalog) -> None:
    west = [f"f{number}" for number in range(0, 16, 2)]
    comic = [f"f{number}" for number in range(1, 17, 2)]
    first = ids(films.recommend(west + comic, k=6, diversity=0))
    second = ids(films.recommend(comic + west, k=6, diversity=0))
    assert first != second


def test_what_is_disliked_goes_down(films: Catalog) -> None:
    liked = films.recommend(["f0", "f1"], k=30, diversity=0, explain=True)
    without = films.recommend(["f0", "f1"], dislike="f3", k=30, diversity=0, explain=True)
    before = {one.id: one.score for one in liked}
    lower = [one for one in without if one.reasons and one.reasons.parts["disliked"] < 0]
    assert lower
    assert all(one.score < before[one.id] for one in lower)
    assert "f3" not in ids(without)


def test_vectors_are_liked_as_titles_are(films: Catalog) -> None:
    given_ = vectors()[0]
    found = ids(films.recommend([given_], k=8, diversity=0, explain=True))
    assert found == ids(films.recommend(given_ * 7, k=8, diversity=0))
    explained = films.recommend([given_.tolist()], k=1, explain=True)[0].reasons
    assert explained is not None
    assert explained.like == ""
    assert explained.similarity > 0.5


def test_elsewhere_ids_are_known(films: Catalog) -> None:
    by_alias = films.recommend("imdb:tt0000000", seen=["imdb:tt0000002"], k=5)
    assert ids(by_alias) == ids(films.recommend("f0", seen=["f2"], k=5))


def test_reasons(films: Catalog) -> None:
    one = films.recommend(["f1", "f0"], k=1, diversity=0, explain=True)[0]
    why = one.reasons
    assert why is not None
    shared = set(one.title.genres) & {*film(0).genres, *film(1).genres}
    assert set(why.genres) == shared
    assert why.people == tuple(p.name for p in one.title.cast)
    assert set(why.keywords) == set(one.title.keywords)
    own = vectors()
    unit = own / np.linalg.norm(own, axis=1, keepdims=True)
    near = unit[int(why.like[1:])] @ unit[int(one.id[1:])]
    assert why.similarity == pytest.approx(float(near), abs=1e-5)
    assert sum(why.parts.values()) == pytest.approx(one.score, abs=1e-4)
    assert (why.consumed_with, why.co_consumption) == ("", 0.0)
    assert films.recommend("f0", k=1)[0].reasons is None


def test_diversity_spreads(films: Catalog) -> None:
    def spread(diversity: float) -> int:
        return len({one.title.genres for one in films.recommend("f0", k=5, diversity=diversity)})

    assert spread(0.0) <= spread(0.9) == 2


def test_changes_are_seen(own: Catalog) -> None:
    best = own.recommend("f0", k=1)[0].id
    own.delete(best)
    assert best not in ids(own.recommend("f0", k=COUNT))
    own.add([film(int(best[1:]))], vectors()[[int(best[1:])]])
    assert best in ids(own.recommend("f0", k=COUNT))
    own.seal()
    assert best in ids(own.recommend("f0", k=COUNT))


def test_of_a_title_without_a_vector(own: Catalog) -> None:
    own.add([film(100)], embed=False)
    found = own.recommend("f100", k=5, diversity=0)
    assert all(int(name[1:]) % 2 == 0 for name in ids(found)), "by genres and people"
    assert "f100" in ids(own.recommend("f0", k=COUNT))


def test_profiles(own: Catalog) -> None:
    assert {"action_fan", "family_viewer", "documentary_enthusiast"} <= set(own.profiles())
    own.put_profile("western", Profile(genres=("western",), like=("f1", "unknown")))
    found = own.recommend(profile="western", k=COUNT)
    assert {int(name[1:]) % 2 for name in ids(found)} == {0}
    given_ = own.recommend(profile=Profile(like=("f1",), genres=("western",)), k=COUNT)
    assert ids(given_) == ids(found)
    assert "f1" not in ids(own.recommend("f3", profile=Profile(like=("f1",)), k=COUNT))
    own.put_profile("action_fan", Profile(like=("f3",)))
    assert own.profile("action_fan") == Profile(like=("f3",))
    with pytest.raises(InvalidFilterError):
        own.put_profile("action_fan", Profile(text="x", where="(year:1990"))
    own.put_profile("modern", Profile(like=("f3",), where="year:1990.."))
    assert all(one.title.year >= 1990 for one in own.recommend(profile="modern", k=COUNT))  # type: ignore[operator]
    assert own.delete_profile("action_fan")
    assert not own.delete_profile("action_fan")
    assert own.profile("action_fan").genres == ("Action",)


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({}, InvalidInputError),
        ({"dislike": ["f0"]}, InvalidInputError),
        ({"like": ["nobody"]}, UnknownIdError),
        ({"like": "f0", "dislike": ["nobody"]}, UnknownIdError),
        ({"like": 7}, InvalidInputError),
        ({"like": [None]}, InvalidInputError),
        ({"like": [[1.0, "x"]]}, InvalidInputError),
        ({"like": [[[1.0]]]}, InvalidInputError),
        ({"like": [[1.0] * (DIM + 1)]}, DimensionError),
        ({"like": [[math.nan] * DIM]}, NonFiniteVectorError),
        ({"like": [[0.0] * DIM]}, ZeroVectorError),
        ({"like": "f0", "seen": [7]}, InvalidInputError),
        ({"like": "f0", "k": 0}, InvalidInputError),
        ({"like": "f0", "k": 2.5}, InvalidInputError),
        ({"like": "f0", "diversity": 1.1}, InvalidInputError),
        ({"like": "f0", "diversity": math.nan}, InvalidInputError),
        ({"like": "f0", "explain": "yes"}, InvalidInputError),
        ({"like": "f0", "where": 7}, InvalidInputError),
        ({"like": "f0", "where": "yaer:1990"}, InvalidInputError),
        ({"like": "f0", "where": F.extra("studio") == "x"}, InvalidInputError),
        ({"like": "f0", "allow": "f1"}, InvalidInputError),
        ({"profile": "nobody"}, InvalidInputError),
        ({"profile": 7}, InvalidInputError),
        ({"profile": Profile()}, InvalidInputError),
    ],
)
def test_what_is_wrong_is_refused(films: Catalog, given_: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="expected"):
        films.recommend(**given_)


def test_a_million_and_nothing_to_recommend(films: Catalog) -> None:
    assert len(films.recommend("f0", k=1_000)) == COUNT - 1
    with pytest.raises(InvalidInputError, match="expected k to be an integer from 1 to 1000"):
        films.recommend("f0", k=10**6)
    assert films.recommend("f0", allow=[], k=5) == []
    assert films.recommend("f0", allow=["f0", "nobody"], k=5) == []


def test_an_empty_catalogue(catalog: Catalog) -> None:
    assert catalog.recommend(profile="action_fan") == []
    with pytest.raises(UnknownIdError):
        catalog.recommend("f0")


def test_a_closed_catalogue(own: Catalog) -> None:
    own.close()
    for call in (own.recommend, own.browse, own.trending, own.profiles, own.learnt):
        with pytest.raises(ClosedError):
            call()


@pytest.mark.parametrize("kinds", [1, 2, 40, 10**6])
@pytest.mark.parametrize("count", [1, 63, 500, 4_998])
def test_the_best_scores_are_found_whatever_a_sample_says(kinds: int, count: int) -> None:
    chance = np.random.default_rng(kinds)
    scores = chance.integers(0, kinds, 5_000).astype(np.float32)
    scores[::64] = -np.inf  # all of the sample
    for some in (scores, np.roll(scores, 1), np.sort(scores)):
        found = recommender._best(some, count)
        assert len(np.unique(found)) == count
        assert sorted(some[found].tolist()) == np.sort(some)[-count:].tolist()
