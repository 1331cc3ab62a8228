"""The normal form of filters, and what is no filter."""

from __future__ import annotations

import operator
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.columns.made_up import FILTERS, Filter
from tests.examples import examples
from tv5core.columns import EVERYTHING, NOTHING, F, check_filter, drop_field, fields_of
from tv5core.columns.expressions import MAX_DEPTH, And, Or, Range
from tv5core.columns.fields import FIELDS, keys_of
from tv5core.columns.filters import Fields
from tv5core.errors import InvalidInputError
from tv5core.names import fold


@settings(max_examples=examples(150), deadline=None)
@given(FILTERS, FILTERS, FILTERS)
def test_the_laws_of_logic(one: Filter, two: Filter, three: Filter) -> None:
    a, b, c = one[0], two[0], three[0]
    for same, other in (
        (a & b, b & a), (a | b, b | a), ((a & b) & c, a & (b & c)), ((a | b) | c, a | (b | c)),
        (a & a, a), (a | a, a), (~~a, a), (~(a & b), ~a | ~b), (~(a | b), ~a & ~b),
        (a & EVERYTHING, a), (a | EVERYTHING, EVERYTHING), (a & NOTHING, NOTHING), (a | NOTHING, a),
    ):  # fmt: skip
        assert same == other
        assert hash(same) == hash(other)
        assert repr(same) == repr(other)


EQUAL = [
    (F.year.between(1990, 1999), (F.year >= 1990) & (F.year <= 1999)),
    (F.year.between(1990, 1999), (F.year > 1989) & (F.year < 2000)),
    (F.year.between(1989.5, 1999.5), F.year.between(1990, 1999)),
    (F.year.between(1990, 1999), ~~F.year.between(1990, 1999)),
    (F.year.between(1990, 1994) | F.year.between(1995, 1999), F.year.between(1990, 1999)),
    (F.year == 1990, F.year.between(1990, 1990)),
    (F.year == np.int16(1990), F.year == 1990.0),
    (F.year.any(1990, 1991), F.year.any([1991, 1990])),
    (F.year.any(1990, 1991), F.year.between(1990, 1991)),
    (~(F.year >= 1990) | ~(F.year <= 1999), ~F.year.between(1990, 1999)),
    ((F.year <= 1990) | (F.year >= 1980), F.year.exists()),
    (F.year.exists() & (F.year > 5), F.year >= 6),
    (F.rating.between(7, 8), (F.rating >= 7) & (F.rating <= 8.0)),
    ((F.rating > 7) & (F.rating >= 7), F.rating > 7),
    (F.genre.any("Drama", "Crime"), F.genre("crime") | F.genre("DRAMA")),
    (F.genre.none("Drama", "Crime"), ~F.genre("Drama") & ~F.genre("Crime")),
    (F.genre.all("Drama", "Crime"), F.genre("Drama") & F.genre("Crime")),
    (F.genre("scifi"), F.genre == "Science Fiction"),
    (F.genre != "Drama", F.genre.none("Drama")),
    (F.genre.any("Sci-Fi & Fantasy"), F.genre.any("Fantasy", "Science Fiction")),
    (F.kind("film"), F.kind("movie")),
    (F.language("French"), F.language("fr")),
    (F.country("South Korea"), F.country("KR")),
    (F.person("Zoë Saldaña"), F.person("zoe saldana")),
    (F.person("Robert Downey Jr."), F.person("Robert Downey, Jr")),
    (F.collection("Toy Story Collection"), F.collection("toy story")),
    (F.on("Disney+", region="us"), F.on("disney plus", region="United States")),
    (F.on(offer="RENT"), F.on(offer="rent")),
    (F.on(), F.on("")),
    (F.date == "2010", F.date.between("2010-01-01", date(2010, 12, 31))),
    (F.date >= "2010-07", F.date >= datetime(2010, 7, 1, 12, 30)),  # noqa: DTZ001
    (F.date > "2010", F.date >= "2011-01-01"),
    (F.date <= "2010", F.date < "2011"),
    (F.id.not_in(["a", "b"]), ~F.id("b", "a", "a")),
    (F.id.any("a", "b") & F.id.any("b", "c"), F.id("b")),
    (F.extra("cost") == 5, F.extra("cost").any("5")),
    (F.extra("cost").between(1, 5), (F.extra("cost") >= 1) & (F.extra("cost") <= 5)),
    (F.extra("uhd") == True, F.extra("uhd")("true")),  # noqa: E712
    (F.genre.any(), NOTHING),
    (F.genre.all(), EVERYTHING),
    (F.genre.none(), EVERYTHING),
    (F.id.exists(), EVERYTHING),
    # Contradictions are the empty filter.
    (F.year.between(1999, 1990), NOTHING),
    ((F.year > 1999) & (F.year < 1990), NOTHING),
    (F.adult & ~F.adult, NOTHING),
    (F.genre("Drama") & F.genre.none("Crime", "Drama"), NOTHING),
    (F.genre("Drama") & ~F.genre.exists(), NOTHING),
    (F.kind("movie") & F.kind("show"), NOTHING),
    (F.id("a") & F.id("b"), NOTHING),
    (F.date > "9999", NOTHING),
    (F.date < "0001", NOTHING),
    (F.year > float("inf"), F.year >= 1 << 62),
]


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=lambda each: repr(each)[:60])
def test_equal_filters_written_differently(one: Any, other: Any) -> None:
    assert one == other
    assert hash(one) == hash(other)


def test_different_filters_are_not_equal() -> None:
    some = [F.genre("Drama"), F.genre("Crime"), F.keyword("Drama"), F.person("Drama"),
            F.cast("Drama"), F.year > 5, F.year < 5, F.runtime > 5, F.rating > 5, F.rating >= 5,
            F.adult, ~F.adult, F.on("a"), F.on("a", region="US"), F.on("a", offer="rent"),
            F.id("a"), F.id("A"), F.extra("a")("x"), F.genre.exists(), EVERYTHING,
            NOTHING]  # fmt: skip
    assert len(set(some)) == len(some)


WRONG: list[Any] = [
    lambda: F.year > "1990", lambda: F.year.between(1, None) & True, lambda: F.year == float("nan"),
    lambda: F.year > True, lambda: F.year.any([None]), lambda: F.rating < "x",
    lambda: F.date > "soon", lambda: F.date > "2010-02-30", lambda: F.date == 2010,
    lambda: F.date > "0000-01-01", lambda: F.kind("film noir"), lambda: F.genre(5),
    lambda: F.genre(""), lambda: F.genre(" \t"), lambda: F.genre("a" * 1_001),
    lambda: F.genre("a\x00b"), lambda: F.genre("\ud800"), lambda: F.person(None),
    lambda: F.on("x", offer="bought"), lambda: F.on("x", region="Narnia"), lambda: F.on(5),
    lambda: F.on("\ud800"), lambda: F.id(5), lambda: F.id("\ud800"), lambda: F.id(""),
    lambda: F.extra(5), lambda: F.extra("a") > "x", lambda: F.extra("a").between(1, "2010-01-01"),
    lambda: F.extra("a") > None, lambda: F.extra("a")(float("nan")), lambda: F.gener,
    lambda: F.adult & 5, lambda: F.adult | None, lambda: bool(F.year), lambda: F.year and F.adult,
    lambda: F.adult and F.adult, lambda: not F.adult, lambda: 1990 < F.year < 2000,
]  # fmt: skip


@pytest.mark.parametrize("make", WRONG)
def test_what_is_no_filter(make: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"expected .*, got"):
        make()


def test_an_unknown_field_is_compared_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="got gener: did you mean genre"):
        _ = F.gener
    with pytest.raises(InvalidInputError, match=r"got 'extra\.studoi': did you mean extra\.studio"):
        check_filter(F.extra("studoi")("x"), {"studio": "keyword"})
    with pytest.raises(InvalidInputError, match=r"expected words for extra\.a, got a range"):
        check_filter(F.extra("a") > 5, {"a": "keyword"})
    with pytest.raises(InvalidInputError, match="expected words for genre, got a range"):
        check_filter(Range("genre", 1, 2), {})


def test_every_field_can_be_named() -> None:
    assert {name for name in FIELDS if hasattr(Fields, name)} == set(FIELDS)


def test_fields_and_clauses_of_one_field() -> None:
    where = F.genre("Drama") & F.year.between(1990, 1999) & (F.adult | F.on("netflix")) & ~F.id("a")
    assert fields_of(where) == {"genre", "year", "adult", "on", "id"}
    assert drop_field(where, "genre") == F.year.between(1990, 1999) & (
        F.adult | F.on("netflix")
    ) & ~F.id("a")
    assert drop_field(where, "on") == where, "a clause of two fields stays"
    assert drop_field(F.genre("Drama") & ~F.genre("Crime"), "genre") == EVERYTHING
    assert drop_field(F.genre("Drama"), "year") == F.genre("Drama")


def test_depth_is_limited() -> None:
    found, join = F.adult, [operator.and_, operator.or_]
    for n in range(MAX_DEPTH):
        found = join[n % 2](found, F.year == n)
    assert found.depth == MAX_DEPTH
    with pytest.raises(InvalidInputError, match=f"nested up to {MAX_DEPTH} deep, got"):
        _ = (found & (F.year == 5_000)) | (F.year == 5_001)
    flat = F.keyword.any(f"k{n}" for n in range(5_000))
    assert not isinstance(flat, (And, Or))


@settings(max_examples=examples(200), deadline=None)
@given(st.text(min_size=1, max_size=12), st.sampled_from(sorted(FIELDS)))
def test_keys_are_their_own_keys(text: str, field: str) -> None:
    assert fold(fold(text)) == fold(text)
    try:
        keys = keys_of(field, text)
    except InvalidInputError:
        return
    for key in keys:
        assert keys_of(field, key) == (key,)


def test_an_array_without_dimensions_is_no_text() -> None:
    for method in (F.genre.any, F.genre.all, F.id.not_in):
        with pytest.raises(InvalidInputError, match="to be text"):
            method(np.array(3))
