"""Columns against a plain look at every title."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.columns.made_up import FILTERS, SCHEMA, Filter, listed
from tests.examples import examples
from tv5core import bitmap
from tv5core.columns import ColumnSegment, F, count_facet
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.types import Collection, Title


def found(segment: ColumnSegment, expression: Any) -> list[int]:
    matches = segment.evaluate(expression)
    assert len(matches) == -(-len(segment) // 8)
    assert bitmap.count(matches) == len(bitmap.rows(matches, len(segment))), "bits past the end"
    return bitmap.rows(matches, len(segment)).tolist()


@settings(max_examples=examples(150), deadline=None)
@given(listed(), FILTERS)
def test_filters_find_what_they_mean(titles: list[Title], one: Filter) -> None:
    expression, means = one
    segment = ColumnSegment.build(titles, SCHEMA)
    expected = [n for n, title in enumerate(titles) if means(title)]
    assert found(segment, expression) == expected
    assert segment.estimate(expression) >= len(expected)


@st.composite
def merges(draw: st.DrawFn) -> tuple[list[list[Title]], list[tuple[int, int]]]:
    """Titles of several segments, and some of their documents in any order."""
    segments = draw(st.lists(listed(6), min_size=1, max_size=3))
    every = [(part, n) for part, titles in enumerate(segments) for n in range(len(titles))]
    kept = [place for place in draw(st.permutations(every)) if draw(st.integers(0, 3))]
    return segments, kept


@settings(max_examples=examples(60), deadline=None)
@given(merges(), FILTERS)
def test_merged_columns_are_those_of_a_fresh_build(
    given_: tuple[list[list[Title]], list[tuple[int, int]]], one: Filter
) -> None:
    segments, kept = given_
    part = np.array([p for p, _ in kept], np.int32)
    document = np.array([n for _, n in kept], np.int64)
    built = [ColumnSegment.build(titles, SCHEMA) for titles in segments]
    merged = ColumnSegment.merge(built, part, document)
    titles = [segments[p][n] for p, n in kept]
    fresh = ColumnSegment.build(titles, SCHEMA)
    same(merged, fresh)
    assert found(merged, one[0]) == [n for n, title in enumerate(titles) if one[1](title)]


def same(one: ColumnSegment, other: ColumnSegment) -> None:
    mine, theirs = one.sections(), other.sections()
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        assert array.dtype == theirs[name].dtype, name
        assert np.array_equal(array, theirs[name]), name


@settings(max_examples=examples(50), deadline=None)
@given(listed())
def test_sections_restore_the_segment(titles: list[Title]) -> None:
    segment = ColumnSegment.build(titles, SCHEMA)
    again = ColumnSegment.from_sections(segment.sections())
    assert (len(again), again.schema) == (len(titles), SCHEMA)
    assert again.memory_bytes == segment.memory_bytes > 0
    same(again, segment)
    assert found(again, F.genre("Drama") | F.adult) == found(segment, F.genre("Drama") | F.adult)


# -- facets -----------------------------------------------------------------------------------


def _genres(title: Title) -> set[Any]:
    return {{"drama": "Drama", "scifi": "Science Fiction"}.get(g, g) for g in title.genres}


FACETS: dict[str, Any] = {
    "genre": _genres,
    "year": lambda t: {t.year} - {None},
    "adult": lambda t: {t.adult},
    "kind": lambda t: {t.kind},
    "language": lambda t: set(t.languages),
    "rating": lambda t: {t.rating} - {None} if t.rating == t.rating else set(),
    "extra.cost": lambda t: {t.extra["cost"]} if "cost" in t.extra else set(),
    "extra.aired": lambda t: {t.extra["aired"]} if "aired" in t.extra else set(),
}


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(listed(8), min_size=1, max_size=3), FILTERS, st.none() | st.integers(1, 3))
def test_facets_are_counts_over_all_segments(
    segments: list[list[Title]], one: Filter, limit: int | None
) -> None:
    built = [ColumnSegment.build(titles, SCHEMA) for titles in segments]
    parts = [(segment, segment.evaluate(one[0])) for segment in built]
    matching = [title for titles in segments for title in titles if one[1](title)]
    for field, values in FACETS.items():
        counts = Counter(value for title in matching for value in values(title))
        expected = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit])
        got = count_facet(parts, field, limit)
        assert got == expected, field
        assert list(got) == list(expected), field


@settings(max_examples=examples(40), deadline=None)
@given(listed(), st.sampled_from(["", "US", "DE"]), st.sampled_from(["", "rent"]))
def test_services_count_by_region_and_kind(titles: list[Title], region: str, offer: str) -> None:
    segment = ColumnSegment.build(titles, SCHEMA)
    counts: Counter[str] = Counter()
    for title in titles:
        counts.update(
            {
                "disney plus" if o.provider.startswith(("D", "d")) else "netflix"
                for o in title.offers
                if region in ("", o.region) and offer in ("", o.kind)
            }
        )
    got = segment.facet("on", bitmap.full(len(titles)), region=region, offer=offer)
    assert {name.lower().replace("+", " plus"): n for name, n in got.items()} == counts


@settings(max_examples=examples(40), deadline=None)
@given(listed())
def test_people_count_by_role(titles: list[Title]) -> None:
    segment = ColumnSegment.build(titles, SCHEMA)
    for field, names in {
        "director": lambda t: t.directors,
        "person": lambda t: (*(p.name for p in t.cast), *t.directors, *t.creators),
    }.items():
        counts = Counter(
            key
            for t in titles
            for key in {n[0].lower() for n in names(t)}  # type: ignore[no-untyped-call]
        )
        got = segment.facet(field, bitmap.full(len(titles)))
        assert {name[0].lower(): n for name, n in got.items()} == counts
        known = segment.values(field)
        assert sorted(known) == sorted(got.items())
        for name, count in known:
            assert segment.find_value(field, name.upper()) == (name, count)


# -- the rest ---------------------------------------------------------------------------------


def film(id: str, **fields: Any) -> Title:
    return Title(id, "movie", id, **fields)


def test_a_spelling_is_that_of_most_documents() -> None:
    titles = [film(n, keywords=(w,)) for n, w in enumerate(["Heist", "heist", "heist", "Space"])]  # type: ignore[arg-type]
    segment = ColumnSegment.build(titles, {})
    assert segment.values("keyword") == [("heist", 3), ("Space", 1)]
    assert segment.values("keyword", "HE") == [("heist", 3)]
    assert segment.values("keyword", limit=1) == [("heist", 3)]
    assert segment.find_value("keyword", "SPACE") == ("Space", 1)
    assert segment.find_value("keyword", "spac") is None
    assert segment.find_value("genre", "Drama") is None


def test_numbers_for_ranking() -> None:
    titles = [
        film("a", year=1990, rating=7.5, votes=2**40, release_date="1969-12-31"), film("b"),
    ]  # fmt: skip
    segment = ColumnSegment.build(titles, {})
    low = np.iinfo(np.int32).min
    assert segment.numeric("year").tolist() == [1990, low]
    assert segment.numeric("date").tolist() == [-1, low]
    assert segment.numeric("votes").tolist() == [2**31 - 1, 0]
    assert segment.numeric("rating").dtype == np.float32
    assert segment.numeric("rating")[0] == 7.5
    assert np.isnan(segment.numeric("rating")[1])
    assert found(segment, F.votes >= 2**40) == [0]


def test_collections_of_one_name_are_told_apart() -> None:

    some = [
        ("1", "The Mummy Collection"),
        ("2", "The Mummy Collection"),
        ("1", "The Mummy Collection"),
    ]
    titles = [film(str(n), collection=Collection(*each)) for n, each in enumerate(some)]
    segment = ColumnSegment.build([*titles, film("x")], {})
    assert found(segment, F.collection("the mummy")) == [0, 1, 2]
    assert segment.facet("collection", bitmap.full(4)) == {"The Mummy Collection": 3}


def test_ids_are_looked_up_by_the_caller() -> None:
    segment = ColumnSegment.build([film("a"), film("b"), film("c")], {})
    numbers = {"a": 0, "b": 1, "c": 2}

    def look_up(ids: Any) -> Any:
        return np.array([numbers[one] for one in ids if one in numbers], np.int64)

    assert bitmap.rows(segment.evaluate(F.id.any("b", "z"), look_up), 3).tolist() == [1]
    assert bitmap.rows(segment.evaluate(F.id.not_in(["b", "z"]), look_up), 3).tolist() == [0, 2]
    with pytest.raises(InvalidInputError, match="expected a way to look up ids"):
        segment.evaluate(F.id("a"))


def test_a_field_that_was_declared_later_has_no_values() -> None:
    old = ColumnSegment.build([film("a")], {})
    assert found(old, F.extra("studio")("A24")) == []
    assert found(old, ~F.extra("studio").exists()) == [0]
    new = ColumnSegment.build([film("b", extra={"studio": "A24"})], {"studio": "keyword"})
    merged = ColumnSegment.merge([old, new], np.array([0, 1], np.int32), np.array([0, 0]))
    assert found(merged, F.extra("studio")("A24")) == [1]
    assert merged.schema == {"studio": "keyword"}
    assert count_facet([(old, bitmap.full(1)), (new, bitmap.full(1))], "extra.studio") == {"A24": 1}


def test_many_distinct_values_need_wider_codes() -> None:
    titles = [film(str(n), votes=n, keywords=(f"k{n}",)) for n in range(70_000)]
    segment = ColumnSegment.build(titles, {})
    assert segment.columns.numbers["votes"].codes.dtype == np.uint32
    assert segment.columns.keywords["keyword"].values.dtype == np.uint32
    assert found(segment, F.votes.between(65_534, 65_537)) == [65_534, 65_535, 65_536, 65_537]
    assert found(segment, F.keyword("K65536")) == [65_536]


def test_what_cannot_be_counted_or_is_of_another_type() -> None:
    segment = ColumnSegment.build([film("a")], {"cost": "int", "uhd": "bool"})
    every = bitmap.full(1)
    for field, said in (
        ("id", "got id"),
        ("gener", "did you mean genre"),
        ("extra.x", "extra.uhd"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            segment.facet(field, every)
    with pytest.raises(InvalidInputError, match="expected a field of words, got year"):
        segment.values("year")
    for wrong in (F.extra("cost")("dear"), F.extra("uhd")("perhaps"), F.extra("uhd") > 1,
                  F.extra("cost") > "1990-01-01"):  # fmt: skip
        with pytest.raises(InvalidInputError):
            segment.evaluate(wrong)


def test_arrays_that_do_not_agree_are_refused() -> None:
    titles = [film(str(n), genres=("Drama", "Crime"), year=1990 + n) for n in range(9)]
    good = ColumnSegment.build(titles, {}).sections()
    for name, array in good.items():
        with pytest.raises(CorruptFileError):
            ColumnSegment.from_sections({k: v for k, v in good.items() if k != name})
        with pytest.raises(CorruptFileError):
            ColumnSegment.from_sections({**good, name: array[:, None]})
        with pytest.raises(CorruptFileError):
            ColumnSegment.from_sections({**good, name: array.astype(np.int16)})
    changed = {
        "genre.values": good["genre.values"] + 7, "genre.postings": good["genre.postings"] + 9,
        "genre.offsets": good["genre.offsets"][::-1], "year.codes": good["year.codes"] + 9,
        "genre.ends": good["genre.ends"][1:], "year.codes ": good["year.codes"][1:],
    }  # fmt: skip
    for name, array in changed.items():
        with pytest.raises(CorruptFileError):
            ColumnSegment.from_sections({**good, name.strip(): np.ascontiguousarray(array)})
