"""What is typed is taken apart as its writer meant it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.query.parsing import MAX_CHARACTERS, parse

FIELDS = {"year", "genre", "on", "person"}


@pytest.mark.parametrize(
    ("text", "words", "phrases", "excluded", "clauses"),
    [
        ("heist -remake", "heist", (), ("remake",), ()),
        ('"new york" cops', "new york cops", ("new york",), (), ()),
        ("\u201cDie Hard\u201d", "Die Hard", ("Die Hard",), (), ()),
        ('-"love story" z', "z", (), ("love story",), ()),
        ("a year:1990..1999 b", "a b", (), (), ((2, "year:1990..1999"),)),
        ('genre:(Drama|"Science Fiction")', "", (), (), ((0, 'genre:(Drama|"Science Fiction")'),)),
        ("x -genre:War", "x", (), (), ((2, "-genre:War"),)),
        ("Mission: Impossible", "Mission: Impossible", (), (), ()),
        ("Alien:Covenant", "Alien:Covenant", (), (), ()),
        ("Spider-Man", "Spider-Man", (), (), ()),
        ("-30-", "-30-", (), (), ()),
        ("Leon - der Profi", "Leon - der Profi", (), (), ()),
        ('6" tall', '6 " tall', (), (), ()),
        ("tick, tick... BOOM!", "tick, tick... BOOM!", (), (), ()),
        ("a\x00b\tc\n", "a b c", (), (), ()),
        ("", "", (), (), ()),
        ('"" -', "-", (), (), ()),
    ],
)
def test_a_text_is_taken_apart(
    text: str,
    words: str,
    phrases: tuple[str, ...],
    excluded: tuple[str, ...],
    clauses: tuple[tuple[int, str], ...],
) -> None:
    found = parse(text, FIELDS)
    assert (found.text, found.phrases, found.excluded, found.clauses) == (
        words,
        phrases,
        excluded,
        clauses,
    )


@pytest.mark.parametrize(
    "text", ["x" * (MAX_CHARACTERS + 1), "a\ud800b"], ids=["long", "surrogate"]
)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        parse(text, FIELDS)


@given(st.text(max_size=60))
def test_words_without_signs_stay_as_they_are(text: str) -> None:
    plain = " ".join("".join(c if c.isalnum() else " " for c in text).split())
    found = parse(plain, FIELDS)
    assert (found.text, found.phrases, found.excluded, found.clauses) == (plain, (), (), ())


@pytest.mark.parametrize("piece", ["a:(", '"', "-", "genre:(", 'genre:("', "(", "on:x(", "a:"])
def test_odd_signs_take_no_time(piece: str) -> None:
    started = time.perf_counter()
    parse((piece * MAX_CHARACTERS)[:MAX_CHARACTERS], FIELDS)
    assert time.perf_counter() - started < 10
