"""Filters as text: read, written, and refused with a position."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.columns.made_up import FILTERS, SCHEMA, Filter
from tests.examples import examples
from tv5core.columns import EVERYTHING, NOTHING, F, to_text
from tv5core.columns.fields import FIELDS, provider_key, value_key
from tv5core.errors import InvalidFilterError, InvalidInputError
from tv5core.query.grammar import MAX_CHARACTERS, as_filter, field_names, parse

READ = [
    ("", EVERYTHING), ("  \n", EVERYTHING), ("*", EVERYTHING), ("-*", NOTHING),
    ("genre:drama", F.genre("Drama")),
    ("genre:(Drama|Crime)", F.genre.any("Drama", "Crime")),
    ("genre:( Drama OR \"science fiction\" )", F.genre.any("Drama", "Science Fiction")),
    ("genre:(Drama&Crime)", F.genre.all("Drama", "Crime")),
    ("genre:*", F.genre.exists()),
    ("GENRE:Drama", F.genre("Drama")),
    ("year:1990..1999", F.year.between(1990, 1999)),
    ("year:1990..", F.year >= 1990), ("year:..1999", F.year <= 1999),
    ("year:>=1990 year:<2000", F.year.between(1990, 1999)),
    ("year:>1989", F.year >= 1990), ("year:=1990", F.year == 1990), ("year:1990", F.year == 1990),
    ("year:1990s", F.year.between(1990, 1999)),
    ("year:(1990|1995..1999|>2010)",
     (F.year == 1990) | F.year.between(1995, 1999) | (F.year > 2010)),
    ("date:2010-07", F.date.between("2010-07-01", "2010-07-31")),
    ("date:2010..2012-03", F.date.between("2010", "2012-03")),
    ("date:1990s", F.date.between("1990", "1999")),
    ("rating:>=7.5", F.rating >= 7.5), ("rating:.5..1e1", F.rating.between(0.5, 10)),
    ("runtime:<=100 -adult", (F.runtime <= 100) & ~F.adult),
    ("adult", F.adult), ("adult:true", F.adult), ("adult:no", ~F.adult), ("adult:*", EVERYTHING),
    ("~adult", ~F.adult), ("NOT adult", ~F.adult), ("--adult", F.adult), ("- adult", ~F.adult),
    ("on:netflix@US/flatrate", F.on("netflix", region="US", offer="flatrate")),
    ("on:netflix", F.on("netflix")), ("on:@us", F.on(region="US")),
    ("on:/rent", F.on(offer="rent")),
    ("on:*@US", F.on(region="US")), ("on:*", F.on()),
    ("on:netflix/rent", F.on("netflix", offer="rent")),
    ('on:"amazon prime video"@US/buy', F.on("amazon prime video", region="US", offer="buy")),
    ("on:(netflix@US|hulu)", F.on("netflix", region="US") | F.on("hulu")),
    ("provider:netflix", F.on("netflix")), ("actor:x", F.cast("x")), ("writer:x", F.creator("x")),
    ('person:"Zoë Saldaña"', F.person("Zoe Saldana")),
    ("person:\u201cAnn Lee\u201d", F.person("Ann Lee")),
    ("person:\u201eAnn Lee\u201c", F.person("Ann Lee")),
    ('person:"Ann Lee\u201d', F.person("Ann Lee")),
    ('id:"\u201cx\u201d"', F.id("\u201cx\u201d")),
    (r'keyword:"a \"b\" \\ c"', F.keyword('a "b" \\ c')),
    ('keyword:"*"', F.keyword("*")), ('certification:"16+"', F.certification("16+")),
    ("id:tmdb:movie:27205", F.id("tmdb:movie:27205")), ("-id:(a|b)", F.id.not_in("a", "b")),
    ("extra.studio:A24", F.extra("studio")("A24")),
    ("extra.cost:1..5", F.extra("cost").between(1, 5)),
    ("extra.cost:>5", F.extra("cost") > 5), ('extra.studio:">5"', F.extra("studio")(">5")),
    ("extra.aired:2010-01-01..2010-12-31", F.extra("aired").between("2010-01-01", "2010-12-31")),
    ("extra.studio:a..b", F.extra("studio")("a..b")),
    ("extra.uhd:true", F.extra("uhd") == True),  # noqa: E712
    ("adult genre:drama | kind:show", (F.adult & F.genre("Drama")) | F.kind("show")),
    ("adult (genre:drama | kind:show)", F.adult & (F.genre("Drama") | F.kind("show"))),
    ("adult & genre:drama AND kind:show", F.adult & F.genre("Drama") & F.kind("show")),
    ("-(genre:drama | adult)", ~F.genre("Drama") & ~F.adult),
    ("(adult)(year:1990)", F.adult & (F.year == 1990)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), READ, ids=[text for text, _ in READ])
def test_text_is_read(text: str, meant: Any) -> None:
    assert parse(text) == meant
    assert parse(text, SCHEMA) == meant
    assert parse(to_text(meant)) == meant


def test_the_example_of_the_guide() -> None:
    written = (
        F.genre.any("Drama", "Crime") & F.year.between(1990, 1999)
        & F.on("netflix", region="US", offer="flatrate") & (F.runtime <= 100) & ~F.adult
        & F.language("fr") & F.person("Ann Lee") & F.id.not_in("a")
    )  # fmt: skip
    text = (
        "genre:(Drama|Crime) year:1990..1999 on:netflix@US/flatrate runtime:<=100 -adult "
        'language:fr person:"Ann Lee" -id:a'
    )
    assert parse(text) == written


@settings(max_examples=examples(300), deadline=None)
@given(FILTERS)
def test_filters_survive_as_text(one: Filter) -> None:
    text = to_text(one[0])
    assert parse(text) == one[0], text
    assert to_text(parse(text)) == text
    assert as_filter(text, SCHEMA) == one[0]


VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=examples(300), deadline=None)
@given(VALUE, st.sampled_from(["genre", "person", "collection", "certification", "id", "extra.a"]))
def test_any_value_survives_as_text(value: str, field: str) -> None:
    of: Any = F.extra("a") if field == "extra.a" else getattr(F, field)
    try:
        expression = of(value) & ~F.on(value, region="US")
    except InvalidInputError:
        return
    assert parse(to_text(expression)) == expression


@pytest.mark.parametrize(
    ("service", "key"),
    [
        ("Disney\uff0b", "disney plus"),
        ("a\uff3fb", "a b"),
        ("\uff3f", "_"),
        ("_", "_"),
        ("+", "plus"),
    ],
)
def test_a_service_is_the_same_in_other_forms_of_its_letters(service: str, key: str) -> None:
    assert F.on(service) == F.on(key) != F.on()
    assert to_text(F.on(service)) == to_text(F.on(key))


@settings(max_examples=examples(300), deadline=None)
@given(
    VALUE,
    st.sampled_from(
        ["genre", "person", "keyword", "collection", "certification", "language", "country", "on"]
    ),
)
def test_the_key_of_a_value_is_its_own(value: str, field: str) -> None:
    key = provider_key(value) if field == "on" else value_key(field, value)
    assert (provider_key(key) if field == "on" else value_key(field, key)) == key


WRONG = [
    ("gener:drama", 0, "got 'gener': did you mean genre?"),
    ("heist", 0, "expected a field at 0, got 'heist'"),
    ("adult gener:x", 6, "did you mean genre"),
    ("extra.studoi:x", 0, "did you mean extra.studio"),
    ("year:abc", 5, "expected a number for year, got 'abc'"),
    ("year:1990..x", 5, "expected a number for year"), ("year:1..2..3", 5, "expected a number"),
    ("year:nan", 5, "expected a number"), ("year", 4, "expected a value for year"),
    ("year genre:drama", 5, "expected a value for year"),
    ("genre:", 6, "expected a value for genre"),
    ('year:"1990"', 5, "expected a number"), ("genre: drama", 6, "expected a value for genre"),
    ("kind:film2", 5, "expected kind to be movie or show"),
    ("date:2010-13", 5, "expected a date such as"), ("date:soon", 5, "expected a date such as"),
    ("on:a@Narnia", 3, "expected a country such as US"), ("on:x/buyy", 3, "did you mean buy"),
    ('on:"x"y', 3, "expected @ and a country"), ('genre:"x"y', 6, "expected a blank after"),
    ("adult:maybe", 6, "expected true or false for adult"),
    ("extra.cost:dear", 11, "expected a number for extra.cost"),
    ("extra.uhd:5..6", 10, "expected true or false for extra.uhd"),
    ("extra.studio:5..6", 13, "expected words for extra.studio"),
    ("genre:(a", 8, "expected | or a closing bracket for that at 6"),
    ("genre:(a|b&c)", 10, "expected another | between values"), ("genre:()", 7, "expected a value"),
    ("genre:(a|)", 9, "expected a value"),
    ("genre:drama)", 11, "expected the end or another clause"),
    ("(adult", 6, "expected a closing bracket for that at 0"), ("()", 1, "expected a field"),
    ("adult |", 7, "expected a field"), ("| adult", 0, "expected a field"),
    ("-", 1, "expected a field"),
    ("adult AND", 9, "expected a field"), ('genre:"a', 6, "expected a closing quotation mark"),
    ("5:x", 0, "expected a field"), ("genre:a\x00", 7, "expected no control character"),
    ('genre:""', 6, "expected a value of genre of 1 to"), ("genre:" + "a" * 1_001, 6, "1 to 1000"),
    ("(" * 65 + "adult", 64, "expected brackets up to 64 deep"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), WRONG, ids=[text[:20] for text, _, _ in WRONG])
def test_what_is_wrong_is_said_with_its_position(text: str, place: int, said: str) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        parse(text, SCHEMA)
    assert caught.value.position == place, str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("where", [5, True, ["adult"], b"adult", F.year, "\ud800"])
def test_what_is_neither_a_filter_nor_text(where: Any) -> None:
    with pytest.raises(InvalidInputError):
        as_filter(where, {})


def test_where() -> None:
    assert as_filter(None, {}) == EVERYTHING
    assert as_filter(F.adult, {}) == F.adult
    with pytest.raises(InvalidInputError, match=r"got 'extra\.a'"):
        as_filter(F.extra("a") > 5, {})
    assert set(FIELDS) | {"provider", "extra.studio"} <= set(field_names(SCHEMA))


LONG = [
    "x" * 100_000, "x " * 50_000, "(" * 100_000, "-" * 100_000 + "adult", "a:" * 50_000,
    '"' * 100_000, "genre:(" + "a|" * 30_000, "year:1.." * 8_000, "adult " * 10_000,
    "adult|" * 10_000, "-(" * 30_000, "\\" * 60_000, 'genre:"' + "\\\\" * 30_000, "é" * 65_000,
    "genre:" + "a" * 65_000, "year:" + "1" * 60_000, "extra." + "a" * 60_000 + ":1",
    " ".join(f"year:{n}" for n in range(9_000)), "|".join(f"year:{2 * n}" for n in range(8_000)),
    "|".join(f"(genre:g{n} year:{n})" for n in range(3_000)),
]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_long_texts_are_answered_at_once(text: str) -> None:
    began, said = time.process_time(), ""
    try:
        parse(text, SCHEMA)
    except InvalidInputError as error:
        said = str(error)
    assert len(said) < 1_000
    assert time.process_time() - began < 2
    assert len(text) <= 100_005 > MAX_CHARACTERS


PIECES = [*'()|&-~*"\\:<>=.@/ ', "year", "genre", "19", "a", "OR"]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_a_filter_or_an_error_with_a_position(text: str) -> None:
    place = 0
    try:
        expression = parse(text)
    except InvalidFilterError as error:
        place = error.position
    else:
        assert parse(to_text(expression)) == expression
    assert 0 <= place <= len(text)
