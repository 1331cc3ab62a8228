"""The merge rule."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.errors import InvalidInputError
from tv5core.importers import merge
from tv5core.importers.merge import check_preference, rank
from tv5core.types import AlternativeTitle, Collection, Offer, Person, Title


def film(source: str, **fields: object) -> Title:
    return msgspec.structs.replace(Title(f"{source}:1", "movie", "Film", source=source), **fields)


def test_ranks() -> None:
    order = ["own", "tmdb", "imdb", "justwatch", "streaming", "csv", "wikipedia"]
    assert sorted(order, key=rank, reverse=True) == order
    assert rank("my-source") == rank("own")


def test_the_higher_source_wins_and_empties_are_filled() -> None:
    stored = film("wikipedia", tagline="low", certification="PG")
    merged = merge(stored, film("tmdb", title="FILM", tagline="high", runtime=90))
    assert (merged.id, merged.title, merged.tagline, merged.certification, merged.runtime) == (
        "wikipedia:1",
        "FILM",
        "high",
        "PG",
        90,
    )
    assert merged.source == "tmdb"


def test_the_lower_source_only_fills() -> None:
    merged = merge(film("tmdb", tagline="high"), film("wikipedia", tagline="low", poster_path="/p"))
    assert (merged.tagline, merged.poster_path, merged.source) == ("high", "/p", "tmdb")


def test_of_one_source_the_newer_wins() -> None:
    old, new = film("tmdb", tagline="old", updated_at=1), film("tmdb", tagline="new", updated_at=2)
    assert merge(old, new).tagline == "new"
    assert merge(new, old) == new
    assert merge(old, film("tmdb", tagline="other", updated_at=1)).tagline == "old"
    assert merge(old, film("tmdb", tagline="other", updated_at=1), restated=True).tagline == "other"


def test_short_overviews_give_way() -> None:
    long = "A long overview, of more than forty characters in all."
    assert merge(film("tmdb", overview="Short."), film("wikipedia", overview=long)).overview == long
    assert merge(film("wikipedia", overview=long), film("tmdb", overview="Short.")).overview == long
    assert merge(film("tmdb", overview=long), film("wikipedia", overview=long * 2)).overview == long


def test_dates() -> None:
    stored = film("justwatch", year=1976)
    filled = merge(stored, film("csv", year=1976, release_date="1976-11-20"))
    assert (filled.year, filled.release_date) == (1976, "1976-11-20")
    higher = film("tmdb", year=1977, release_date="1977-01-01")
    assert merge(filled, higher).release_date == "1977-01-01"


def test_rating_comes_with_its_votes() -> None:
    merged = merge(film("tmdb", rating=7.0, votes=10), film("justwatch", rating=8.0, votes=1_000))
    assert (merged.rating, merged.votes) == (8.0, 1_000)
    assert merge(merged, film("tmdb", rating=7.0, votes=10)) == merged


def test_popularity_is_that_of_the_higher_source() -> None:
    assert merge(film("justwatch", popularity=9.0), film("tmdb", popularity=1.0)).popularity == 1.0
    assert merge(film("tmdb", popularity=1.0), film("justwatch", popularity=9.0)).popularity == 1.0


def test_lists_are_united() -> None:
    stored = film("justwatch", genres=("Drama", "Crime"), directors=("José Padilha",))
    merged = merge(stored, film("tmdb", genres=("Thriller", "drama"), directors=("Jose Padilha",)))
    assert merged.genres == ("Thriller", "drama", "Crime")
    assert merged.directors == ("Jose Padilha",)


def test_cast_is_united_by_name() -> None:
    stored = film("justwatch", cast=(Person("Ann"), Person("Bob", "Butler")))
    merged = merge(stored, film("tmdb", cast=(Person("Cy"), Person("BOB"), Person("ann", "Queen"))))
    assert merged.cast == (Person("Cy"), Person("BOB", "Butler"), Person("ann", "Queen"))


def test_offers_add_up() -> None:
    old = Offer("netflix", "US", checked_at=1)
    new = Offer("netflix", "US", checked_at=2, url="https://example.org")
    other = Offer("netflix", "DE")
    assert merge(film("tmdb", offers=(old,)), film("justwatch", offers=(other, new))).offers == (
        new,
        other,
    )
    assert merge(film("tmdb", offers=(new,)), film("justwatch", offers=(old,))).offers == (new,)


def test_external_ids_stay() -> None:
    merged = merge(
        film("tmdb", external_ids={"tmdb": "1", "imdb": "tt1"}),
        film("own", external_ids={"imdb": "tt2", "wikipedia": "Film"}),
    )
    assert merged.external_ids == {"tmdb": "1", "imdb": "tt1", "wikipedia": "Film"}
    show = msgspec.structs.replace(film("tmdb", external_ids={"tmdb": "9"}), kind="show")
    assert merge(film("imdb"), show).external_ids == {}


def test_alternative_titles_are_united() -> None:
    french, german = AlternativeTitle("Léon", "fr", "FR"), AlternativeTitle("Léon", "de")
    stored = film("justwatch", alternative_titles=(french,))
    merged = merge(stored, film("tmdb", alternative_titles=(german, french)))
    assert merged.alternative_titles == (german, french)


def test_collection_adult_and_own_fields() -> None:
    saga, other = Collection("tmdb:1", "Saga"), Collection("name:saga", "saga")
    stored = film("csv", collection=other, adult=True, extra={"studio": "a", "cost": 1})
    merged = merge(stored, film("tmdb", collection=saga, extra={"studio": "b"}))
    assert (merged.collection, merged.adult) == (saga, True)
    assert merged.extra == {"studio": "b", "cost": 1}
    assert merge(stored, film("tmdb")).collection == other


WORDS = st.lists(st.sampled_from(["a", "A", "b", "é", "e", "c d"]), max_size=4).map(tuple)
TEXT = st.sampled_from(["", "a", "b" * 30, "c" * 50, "d" * 60])
OFFER = st.builds(
    Offer, st.sampled_from("np"), st.sampled_from(["US", "DE"]), checked_at=st.integers(0, 2)
)
TITLE = st.builds(
    Title,
    id=st.just("x"),
    kind=st.sampled_from(["movie", "show"]),
    title=st.sampled_from(["A", "B"]),
    overview=TEXT,
    tagline=TEXT,
    year=st.none() | st.integers(2000, 2001),
    release_date=st.sampled_from(["", "2000-01-01"]),
    genres=WORDS,
    directors=WORDS,
    cast=st.lists(
        st.builds(Person, st.sampled_from("abé"), st.sampled_from(["", "x"])), max_size=4
    ).map(tuple),
    runtime=st.none() | st.integers(1, 3),
    rating=st.none() | st.floats(1, 10),
    votes=st.integers(0, 2),
    popularity=st.floats(0, 2),
    external_ids=st.dictionaries(
        st.sampled_from(["imdb", "tmdb"]), st.sampled_from("12"), max_size=2
    ),
    offers=st.lists(OFFER, max_size=3).map(tuple),
    alternative_titles=st.lists(
        st.builds(AlternativeTitle, st.sampled_from("ABb"), st.sampled_from(["", "fr"])), max_size=3
    ).map(tuple),
    collection=st.none() | st.builds(Collection, st.sampled_from("12")),
    adult=st.booleans(),
    extra=st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), max_size=2),
    source=st.sampled_from(["own", "tmdb", "justwatch", "wikipedia"]),
    updated_at=st.integers(0, 2),
)


@settings(max_examples=examples(150), deadline=None)
@given(TITLE, st.lists(TITLE, min_size=1, max_size=4))
def test_merging_again_changes_nothing(first: Title, others: list[Title]) -> None:
    stored = merge(first, first)
    for other in others:
        stored = merge(stored, other)
    again = stored
    for other in (first, *others):
        again = merge(again, other)
    assert again == stored


def test_the_user_may_prefer_what_is_newer() -> None:
    stored = film("tmdb", title="Old", year=1999, rating=7.0, votes=900, updated_at=5)
    dump = film("csv", title="New", year=2001, tagline="x", rating=8.0, votes=3)
    merged = merge(stored, dump, prefer="newer")
    assert (merged.id, merged.title, merged.year) == ("tmdb:1", "New", 2001)
    assert (merged.rating, merged.votes, merged.source) == (8.0, 3, "csv")
    assert merge(merged, dump, prefer="newer") == merged
    older = film("tmdb", title="Older", updated_at=4)
    assert merge(stored, older, prefer="newer").title == "Old"


def test_the_user_may_prefer_what_came_first() -> None:
    stored = film("wikipedia", title="First", overview="")
    merged = merge(stored, film("tmdb", title="Second", tagline="x"), prefer="first")
    assert (merged.title, merged.tagline, merged.source) == ("First", "x", "wikipedia")


def test_the_user_may_prefer_a_source() -> None:
    tmdb, csv = film("tmdb", title="T", year=1999), film("csv", title="C", tagline="c")
    for stored, incoming in ((tmdb, csv), (csv, tmdb)):
        merged = merge(stored, incoming, prefer="csv")
        assert (merged.title, merged.year, merged.tagline) == ("C", 1999, "c")
        assert merged.source == "csv"
    mine = film("my-list", title="Mine")
    assert merge(mine, csv, prefer="own").title == "Mine"
    # Where neither or both are of that source the ranks decide.
    assert merge(csv, tmdb, prefer="wikipedia").title == "T"


@pytest.mark.parametrize("prefer", ["newest", "TMDB", "imdb "])
def test_preferences_are_checked(prefer: str) -> None:
    with pytest.raises(InvalidInputError, match="expected one of newer, first"):
        check_preference(prefer)
