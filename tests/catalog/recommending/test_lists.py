"""Lists: in the order asked for, against sorting in plain Python."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

from tests.catalog.recommending.films import COUNT, film
from tv5core import F
from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError
from tv5core.types import Title

FILMS = [film(number) for number in range(COUNT)]


def mean(title: Title) -> float:
    assert title.rating is not None
    return (title.votes * title.rating + 600) / (title.votes + 100)


ORDERS: dict[str, Any] = {
    "popularity": lambda title: -title.popularity,
    "rating": lambda title: -round(mean(title), 4),
    "votes": lambda title: -title.votes,
    "date": lambda title: title.release_date.translate(str.maketrans("0123456789", "9876543210")),
    "title": lambda title: title.title.casefold(),
}


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("genre", [None, "comedy"])
def test_browse(films: Catalog, sort: str, genre: str | None) -> None:
    some = [title for title in FILMS if genre is None or "Comedy" in title.genres]
    want = sorted(some, key=ORDERS[sort])
    assert films.browse(genre=genre, sort=sort, k=COUNT) == want
    pages = [films.browse(genre=genre, sort=sort, k=7, offset=at) for at in range(0, COUNT, 7)]
    assert [title for page in pages for title in page] == want


def test_browse_where(films: Catalog) -> None:
    found = films.browse(where=(F.year >= 1990) & F.genre("Western"), k=COUNT)
    assert films.browse(where="year:1990.. genre:western", k=COUNT) == found
    assert {title.id for title in found} == {
        title.id for title in FILMS if (title.year or 0) >= 1990 and "Western" in title.genres
    }
    assert films.browse(genre="nothing") == []
    assert films.browse(offset=10**6) == []
    assert [title.id for title in films.browse(allow=["f3", "f4", "nobody"])] == ["f4", "f3"]


def test_the_newest_come_first_where_no_popularity_is_known(own: Catalog) -> None:
    dates = ["1920-02-27", "2019-05-30", "", "1994-10-14"]
    own.add([Title(f"new:{day}", "movie", "A", release_date=day) for day in dates], embed=False)
    unknown = F.id.any(*(f"new:{day}" for day in dates))
    found = own.trending(where=unknown, k=4, today=date(2020, 1, 1))
    assert [hit.title.release_date for hit in found] == [
        "2019-05-30",
        "1994-10-14",
        "1920-02-27",
        "",
    ]


def test_trending_halves_with_every_half_life(films: Catalog) -> None:
    today = date(2000, 3, 1)
    found = films.trending(k=COUNT, half_life_days=3_000.0, today=today)
    want = {
        title.id: title.popularity
        * 0.5 ** (max(0, (today - date.fromisoformat(title.release_date)).days) / 3_000)
        for title in FILMS
    }
    assert {hit.id for hit in found} == set(want)
    for hit in found:
        assert hit.score == pytest.approx(want[hit.id], rel=1e-4)
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)


def test_what_is_new_overtakes_what_was_popular(own: Catalog) -> None:
    old = Title("old", "movie", "Old", release_date="1990-01-01", year=1990, popularity=900.0)
    new = Title("new", "movie", "New", release_date="2020-01-01", year=2020, popularity=50.0)
    undated = Title("undated", "movie", "Undated", popularity=5_000.0)
    own.add([old, new, undated], embed=False)
    assert own.browse(k=2)[0].id == "undated"
    names = [hit.id for hit in own.trending(k=COUNT + 3, today=date(2020, 2, 1))]
    assert names[0] == "new"
    assert names.index("old") > 0
    assert own.trending(k=COUNT + 3, today=date(2020, 2, 1))[-1].score == 0.0


@pytest.mark.parametrize(
    "bad",
    [
        {"k": 0}, {"k": 10**6}, {"genre": 7}, {"where": 7}, {"allow": "f1"}, {"allow": 7},
    ],
)  # fmt: skip
def test_bad_lists_are_refused(films: Catalog, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        films.browse(**bad)
    with pytest.raises(InvalidInputError, match="expected"):
        films.trending(**bad)


def test_bad_orders_offsets_and_days_are_refused(films: Catalog) -> None:
    for bad in ({"sort": "taste"}, {"sort": None}, {"offset": -1}):
        with pytest.raises(InvalidInputError, match="expected"):
            films.browse(**bad)  # type: ignore[arg-type]
    for worse in ({"half_life_days": 0}, {"half_life_days": math.nan}, {"today": "2020-01-01"}):
        with pytest.raises(InvalidInputError, match="expected"):
            films.trending(**worse)  # type: ignore[arg-type]
